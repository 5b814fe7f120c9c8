"""What in a data directory is the cluster's. A start refuses a directory that somebody else's files are in, and a purge
takes away nothing but the cluster's own.
"""

import errno
import shutil
from pathlib import Path

_FILES = frozenset(
    (
        "admin.kubeconfig", "agent-last-run", "agent.lock", "api-servers.json", "cluster.json", "cni", "containerd",
        "etcd", "etcd.log", "etcd.log.1", "images", "joined.json", "kubelet", "last-run", "lock", "log", "manifests",
        "pki", "pybernetes.log", "pybernetes.log.1", "restored", "restoring", "sample.json", "store",
    )
)  # fmt: skip
_STARTED = ("cluster.json", "joined.json", "kubelet.kubeconfig")
"""One of them is in every directory that a cluster or a node was started in."""


def foreign(directory: Path) -> list[str]:
    """The names in it that are not the cluster's, sorted; [] when it does not exist."""
    return sorted(entry.name for entry in directory.iterdir() if not _is_ours(entry.name)) if directory.is_dir() else []


def is_taken(directory: Path) -> bool:
    """Whether it is somebody else's: it has other files, and no cluster was ever started in it."""
    return bool(foreign(directory)) and not any((directory / name).exists() for name in _STARTED)


def remove(directory: Path) -> list[str]:
    """Remove what is the cluster's, and the directory when nothing is left; else the names that are. OSError.

    A directory where a file system is mounted stays."""
    for entry in list(directory.iterdir()):
        if not _is_ours(entry.name):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    left = sorted(entry.name for entry in directory.iterdir())
    if not left:
        try:
            directory.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
    return left


def _is_ours(name: str) -> bool:
    """By its name; also what a write that was cut short left behind, `.NAME.…`."""
    whole = name[1:].rpartition(".")[0] if name.startswith(".") else name
    return whole in _FILES or whole.endswith(".kubeconfig") or name == ".writable"
