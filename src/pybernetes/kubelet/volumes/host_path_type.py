"""The type a hostPath is said to have, checked or made: shared by `hostPath` and hostPath persistent volumes."""

import os
import stat

from .volume import SetUpError

DIRECTORY_MODE = 0o755
FILE_MODE = 0o644

_CHECKS = {
    "Directory": (stat.S_ISDIR, "a directory"),
    "File": (stat.S_ISREG, "a file"),
    "Socket": (stat.S_ISSOCK, "a socket file"),
    "CharDevice": (stat.S_ISCHR, "a character device"),
    "BlockDevice": (stat.S_ISBLK, "a block device"),
}


def check_type(path: str, kind: str) -> None:
    """Make sure path is of that hostPath type; the ...OrCreate types make it. SetUpError with upstream's text."""
    if not kind:
        return
    try:
        mode = os.stat(path).st_mode
    except OSError:
        mode = 0
    if kind == "DirectoryOrCreate" and not mode:
        os.makedirs(path, DIRECTORY_MODE, exist_ok=True)
        return
    if kind == "FileOrCreate" and not mode:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, FILE_MODE))
        except OSError as error:
            raise SetUpError(f"open {path}: {(error.strerror or '').lower()}") from error
        return
    expected = _CHECKS.get(kind.removesuffix("OrCreate"))
    if expected is None:
        raise SetUpError(f"{kind} is an invalid volume type")
    test, words = expected
    if not test(mode):
        raise SetUpError(f"hostPath type check failed: {path} is not {words}")
