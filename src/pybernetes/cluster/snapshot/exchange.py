"""Give a data directory another cluster: whatever happens meanwhile, it has the old one or the new one, whole.

    .restored.XXXX   being made                 a crash leaves the old cluster, and rubbish for the next one to remove
        │ rename: from here on the new one counts
    restored         whole; then what there was of the old one is removed
        │ rename: nothing of the old one is left
    restoring        its entries move up one by one

Whoever starts on the directory goes on from where the last one stopped (`finish`), so the renames are what decides.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WHOLE, _MOVING = "restored", "restoring"
_REPLACED = ("store", "etcd", "pki", "cluster.json", "sample.json", "joined.json", "api-servers.json")
"""What belongs to one cluster and not to the machine; kubeconfigs too."""


@contextmanager
def staged(directory: Path) -> Iterator[Path]:
    """An empty directory for what replaces the cluster in `directory`, which the caller owns, at the end of the block;
    after an error nothing does. OSError."""
    for left in directory.glob(f".{_WHOLE}.*"):
        shutil.rmtree(left)
    made = Path(tempfile.mkdtemp(prefix=f".{_WHOLE}.", dir=directory))
    try:
        yield made
        _sync(made)
        made.rename(directory / _WHOLE)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    finish(directory)


def is_unfinished(directory: Path) -> bool:
    """Whether a restore was cut short after it was decided."""
    return (directory / _WHOLE).exists() or (directory / _MOVING).exists()


def finish(directory: Path) -> None:
    """Go on with a restore that was cut short; nothing happens when there is none. OSError."""
    whole, moving = directory / _WHOLE, directory / _MOVING
    if whole.exists():
        sync_directory(directory)
        for path in (*(directory / name for name in _REPLACED), *directory.glob("*.kubeconfig")):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        sync_directory(directory)
        whole.rename(moving)
    if moving.exists():
        sync_directory(directory)
        for path in sorted(moving.iterdir()):
            path.rename(directory / path.name)
        sync_directory(directory)
        moving.rmdir()


def sync_directory(directory: Path) -> None:
    """See to it that the names in a directory are on the disk. OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(directory: Path) -> None:
    """See to it that everything below is on the disk."""
    for path in directory.rglob("*"):
        if path.is_dir():
            sync_directory(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())
    sync_directory(directory)
