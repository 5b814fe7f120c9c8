"""subPath: a file or directory inside a volume, reached without ever leaving the volume.

The volume's content belongs to the pod, so any part of the path may be a symlink to elsewhere, or become one while we
look. The path is therefore opened with openat2(2) RESOLVE_BENEATH, which never resolves outside of its start, and what
was opened is bind-mounted by its descriptor: the container gets exactly the file that was checked.
(Upstream walks with O_NOFOLLOW for the same end: `pkg/volume/util/subpath`.)
"""

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from ..kernel.protocol import Kernel
from .volume import SetUpError

_SYS_OPENAT2 = 437  # the same number on every architecture
_RESOLVE_NO_MAGICLINKS = 0x02
_RESOLVE_BENEATH = 0x08


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def _open_beneath(root: int, path: str) -> Iterator[int]:
    """A path descriptor of path below the directory root. OSError EXDEV when it would leave root."""
    how = _OpenHow(os.O_PATH | os.O_CLOEXEC, 0, _RESOLVE_BENEATH | _RESOLVE_NO_MAGICLINKS)
    handle = _libc.syscall(
        _SYS_OPENAT2, ctypes.c_int(root), os.fsencode(path), ctypes.byref(how), ctypes.c_size_t(ctypes.sizeof(how))
    )
    if handle < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    try:
        yield handle
    finally:
        os.close(handle)


def read_text(volume_path: str, path: str, limit: int) -> str | None:
    """The text of a file inside a volume, None when it is not there. SetUpError when it is too large or leads out."""
    root = os.open(volume_path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with _open_beneath(root, path) as found:
            if not stat.S_ISREG(os.fstat(found).st_mode):
                raise SetUpError(f'"{path}" is not a file')
            with open(f"/proc/self/fd/{found}", "rb") as file:
                data = file.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SetUpError(f'"{path}": {(error.strerror or str(error)).lower()}') from error
    finally:
        os.close(root)
    if len(data) > limit:
        raise SetUpError(f'"{path}" is larger than {limit} bytes')
    return data.decode(errors="replace")


def _make_missing(root: int, parts: list[str]) -> None:
    """Make the directories of the path that do not exist, with the mode of the volume's own directory."""
    mode = stat.S_IMODE(os.fstat(root).st_mode)
    for depth, part in enumerate(parts):
        try:
            with _open_beneath(root, "/".join(parts[: depth + 1])):
                continue
        except FileNotFoundError:
            pass
        with _open_beneath(root, "/".join(parts[:depth]) or ".") as parent:
            os.mkdir(part, 0o700, dir_fd=parent)
        with _open_beneath(root, "/".join(parts[: depth + 1])) as made:
            os.chmod(f"/proc/self/fd/{made}", mode)


def _same_file(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def bind_subpath(kernel: Kernel, volume_path: str, sub_path: str, target: str) -> str:
    """Mount sub_path of the volume at target (made if needed) and return target; directories that miss are made.

    A target that already shows the same file is left alone, one that shows another is mounted anew. SetUpError when
    sub_path is absolute, names its parent or leads out of the volume."""
    parts = [part for part in sub_path.split("/") if part not in ("", ".")]
    if sub_path.startswith("/"):
        raise SetUpError(f"error SubPath `{sub_path}` must not be an absolute path")
    if ".." in parts:
        raise SetUpError(f"unable to provision SubPath `{sub_path}`: must not contain '..'")
    if not parts:
        return volume_path
    try:
        root = os.open(volume_path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SetUpError(f'volume path "{volume_path}": {error.strerror}') from error
    try:
        _make_missing(root, parts)
        with _open_beneath(root, "/".join(parts)) as found:
            state = os.fstat(found)
            if kernel.is_mount_point(target):
                if _same_file(state, os.stat(target)):
                    return target
                kernel.unmount(target)
            _make_target(target, stat.S_ISDIR(state.st_mode))
            kernel.bind_mount(f"/proc/self/fd/{found}", target)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.ELOOP):
            raise SetUpError(f'subpath "{sub_path}" not within volume path "{volume_path}"') from error
        raise SetUpError(f'subpath "{sub_path}": {(error.strerror or str(error)).lower()}') from error
    finally:
        os.close(root)
    return target


def _make_target(target: str, directory: bool) -> None:
    os.makedirs(os.path.dirname(target), 0o750, exist_ok=True)
    if os.path.lexists(target) and os.path.isdir(target) != directory:
        os.rmdir(target) if os.path.isdir(target) else os.unlink(target)
    if directory:
        os.makedirs(target, 0o750, exist_ok=True)
    elif not os.path.exists(target):
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o640))
