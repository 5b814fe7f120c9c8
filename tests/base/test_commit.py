import subprocess
from pathlib import Path

from pybernetes.base.commit import source_commit


def git(directory: Path, *words: str) -> str:
    names = ("-c", "user.name=x", "-c", "user.email=x@x.example")
    done = subprocess.run(["git", "-C", str(directory), *names, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_commit_is_what_git_says(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "one")
    commit = git(tmp_path, "rev-parse", "HEAD")
    assert source_commit(str(tmp_path)) == commit
    source_commit.cache_clear()
    git(tmp_path, "pack-refs", "--all")
    assert source_commit(str(tmp_path)) == commit
    source_commit.cache_clear()
    git(tmp_path, "checkout", "-q", "--detach")
    assert source_commit(str(tmp_path)) == commit


def test_an_installed_package_has_none(tmp_path: Path) -> None:
    assert source_commit(str(tmp_path)) == ""
