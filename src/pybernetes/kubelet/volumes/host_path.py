"""hostPath: a file or directory of the node itself. The path must have its stated type."""

import os
import stat

from pybernetes.api.core import Volume

from .volume import MountContext, ObjectReference, SetUpError

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


class HostPathVolume:
    """`VolumeKind` for `hostPath`."""

    plugin = "kubernetes.io/host-path"

    async def set_up(self, context: MountContext) -> str:
        source = context.volume.host_path
        assert source is not None
        path = source.path or ""
        check_type(path, source.type or "")
        return path

    async def refresh(self, context: MountContext) -> None:
        return

    def references(self, volume: Volume) -> list[ObjectReference]:
        return []
