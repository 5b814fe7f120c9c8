"""The kubelet's directory where storage drivers look for it: `--kubelet-arg root-dir=/var/lib/kubelet`.

Manifests of drivers name /var/lib/kubelet. Ours lies in the data directory, like everything of a cluster; with the flag
a link leads there, and the kubelet tells drivers the paths that begin with the link. It is made at a start, and `down`
takes it away.
"""

import os
from pathlib import Path

from ..base.log import logger

log = logger(__name__)


def leads_to(link: Path, directory: Path) -> bool:
    """Whether the link is there and ours."""
    return link.is_symlink() and os.path.realpath(link) == os.path.realpath(directory)


def make(link: Path, directory: Path) -> Path:
    """The path to use for the directory: the link, or the directory itself where the link's place is taken."""
    directory.mkdir(parents=True, exist_ok=True)
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.is_symlink() and not link.exists():  # of a cluster that is gone
        link.unlink(missing_ok=True)
    try:
        link.symlink_to(directory, target_is_directory=True)
    except OSError as error:
        if not leads_to(link, directory):
            log.error("Kubelet's directory is not linked", link=str(link), directory=str(directory), err=error)
            return directory
    return link


def remove(link: Path, directory: Path) -> None:
    """Take the link away if it is ours."""
    if leads_to(link, directory):
        link.unlink(missing_ok=True)
