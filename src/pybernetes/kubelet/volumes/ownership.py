"""Giving a volume to the pod's fsGroup (page "Configure a Security Context", KEP-695).

Every file gets the group and the group's read (and write) bits, every directory also its execute bit and setgid, so
that what containers create later belongs to the group too. Symlinks change group but not mode, and are never followed.
"""

import os
import stat

READ_WRITE = 0o660
READ_ONLY = 0o440
EXECUTE = 0o110
ON_ROOT_MISMATCH = "OnRootMismatch"


def _give(path: str, group: int, read_only: bool) -> None:
    state = os.lstat(path)
    os.lchown(path, -1, group)
    if stat.S_ISLNK(state.st_mode):
        return
    mask = READ_ONLY if read_only else READ_WRITE
    if stat.S_ISDIR(state.st_mode):
        mask |= stat.S_ISGID | EXECUTE
    os.chmod(path, stat.S_IMODE(state.st_mode) | mask)


def root_matches(path: str, group: int, read_only: bool) -> bool:
    """Whether the volume's top directory already has the group, its bits and setgid."""
    state = os.stat(path)
    wanted = (READ_ONLY if read_only else READ_WRITE) | EXECUTE | stat.S_ISGID
    return state.st_gid == group and state.st_mode & wanted == wanted


def set_group(path: str, group: int | None, *, read_only: bool = False, change_policy: str = "") -> None:
    """Give path and all below it to group; nothing when group is None.

    With change_policy OnRootMismatch a tree whose top already matches is left alone. The top goes last, so that a walk
    that was cut short is repeated."""
    if group is None:
        return
    if change_policy == ON_ROOT_MISMATCH and root_matches(path, group, read_only):
        return
    for parent, directories, files in os.walk(path):
        for name in [*files, *directories]:
            _give(os.path.join(parent, name), group, read_only)
    _give(path, group, read_only)
