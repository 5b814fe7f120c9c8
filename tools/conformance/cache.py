"""Results of steps, kept in a directory: a step whose result is there is not done again."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]


def step(result: Path, title: str, make: Callable[[Path], None]) -> Path:
    """The result, made by `make(path)` unless it is there. Only what was made to its end gets the result's name."""
    if result.exists():
        print(f"{title}: found", flush=True)
        return result
    print(f"{title} ...", flush=True)
    part = result.with_name(result.name + ".part")
    if part.is_dir():
        shutil.rmtree(part)
    part.unlink(missing_ok=True)
    part.parent.mkdir(parents=True, exist_ok=True)
    make(part)
    part.rename(result)
    return result


def run(*words: str | Path, directory: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What a command prints. Its errors are shown; it ends the program when it fails."""
    done = subprocess.run(
        [str(word) for word in words], cwd=directory, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(map(str, words))} failed with {done.returncode}")
    return done.stdout


def install(*packages: str) -> None:
    """Debian packages that this machine needs."""
    run(ROOT / "tools" / "install-debian", *packages)
