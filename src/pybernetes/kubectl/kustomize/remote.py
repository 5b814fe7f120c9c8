"""Kustomizations in git repositories: `https://host/org/repo//dir?ref=v1`, `github.com/org/repo/dir`."""

from __future__ import annotations

import os

from ..errors import CommandError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HOSTS = ("github.com/", "gitlab.com/", "bitbucket.org/")
_SCHEMES = ("https://", "http://", "ssh://", "git://", "file://")


class Repository:
    """What a resource path says of a repository: where it is, the directory in it, the revision."""

    __slots__ = ("directory", "revision", "submodules", "url")

    def __init__(self, url: str, directory: str, revision: str, submodules: bool) -> None:
        self.url, self.directory, self.revision, self.submodules = url, directory, revision, submodules


def repository_of(path: str) -> Repository | None:
    """None for what is a path of files."""
    text, _, query = path.removeprefix("git::").partition("?")
    asked = dict(part.partition("=")[::2] for part in query.split("&") if part)
    revision = asked.get("ref") or asked.get("version") or "HEAD"
    submodules = asked.get("submodules", "true") not in ("false", "0")
    scheme = next((scheme for scheme in _SCHEMES if text.startswith(scheme)), "")
    if not scheme:
        if text.startswith("git@") and ":" in text:
            url, _, directory = text.partition("//")
            return Repository(url, directory, revision, submodules)
        if not text.startswith(_HOSTS):
            return None
        scheme, text = "https://", f"https://{text}"
    rest = text[len(scheme) :]
    if "//" in rest:
        url, _, directory = rest.partition("//")
    elif ".git" in rest:
        url, _, directory = rest.partition(".git")
        url, directory = f"{url}.git", directory.strip("/")
    elif scheme == "file://":
        url, directory = rest, ""
    else:
        parts = rest.split("/")
        url, directory = "/".join(parts[:3]), "/".join(parts[3:])
    return Repository(scheme + url, directory, revision, submodules)


def checked_out(repository: Repository) -> Iterator[tuple[str, str]]:
    """(the checked out tree, the directory in it), gone afterwards. CommandError with git's words."""
    import shutil
    import tempfile

    tree = os.path.realpath(tempfile.mkdtemp(prefix="kustomize-"))
    try:
        _git(tree, "init")
        _git(tree, "fetch", "--depth=1", repository.url, repository.revision)
        _git(tree, "checkout", "FETCH_HEAD")
        if repository.submodules:
            _git(tree, "submodule", "update", "--init", "--recursive")
        yield tree, os.path.join(tree, repository.directory) if repository.directory else tree
    finally:
        shutil.rmtree(tree, ignore_errors=True)


def _git(tree: str, *words: str) -> None:
    import shutil
    import subprocess

    program = shutil.which("git")
    if program is None:
        raise CommandError("no 'git' program on path: exec: \"git\": executable file not found in $PATH")
    done = subprocess.run([program, *words], cwd=tree, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandError(
            f"failed to run '{program} {' '.join(words)}': {done.stdout}{done.stderr}: exit status {done.returncode}"
        )
