"""Removing a cgroup with all below it, deepest first, alike in both layouts."""

import errno
import os

from .protocol import Kernel


def remove_tree(kernel: Kernel, directory: str) -> bool:
    """Whether it is gone; False while a process lives in it or below it. OSError for anything else."""
    for child in kernel.child_cgroups(directory):
        remove_tree(kernel, os.path.join(directory, child))
    try:
        kernel.remove_cgroup(directory)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise
        return False
    return True
