"""The real kernel: mount(2), umount2(2) and cgroup files, called directly through libc.

No subprocess is started. A bind mount takes effect in two calls, since MS_BIND ignores every other flag: bind, then
remount with MS_RDONLY. What is mounted is read from /proc/self/mountinfo each time: it costs well under a millisecond
and survives a crash of ours, which a table kept in memory would not.
"""

import ctypes
import errno
import os
from collections.abc import Sequence
from functools import cache

from .protocol import FileSystemUsage

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_BIND = 4096
MS_REC = 16384
MS_SHARED = 1 << 20
MNT_DETACH = 2


@cache
def _libc() -> ctypes.CDLL:
    library = ctypes.CDLL(None, use_errno=True)
    text = ctypes.c_char_p
    library.mount.argtypes = [text, text, text, ctypes.c_ulong, text]
    library.umount2.argtypes = [text, ctypes.c_int]
    return library


def _check(result: int, path: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    data = os.fsencode(options) if options else None
    _check(_libc().mount(os.fsencode(source), os.fsencode(target), kind.encode() or None, flags, data), target)


def _unescape(field: str) -> str:
    """mountinfo writes space, tab, newline and backslash as three octal digits."""
    if "\\" not in field:
        return field
    return os.fsdecode(os.fsencode(field).decode("unicode_escape").encode("latin-1"))


def _escape(path: str) -> str:
    """A path as mountinfo writes it."""
    for character in "\\ \t\n":
        path = path.replace(character, f"\\{ord(character):03o}")
    return path


def mount_points(mountinfo: str) -> list[str]:
    """The mount points listed in the text of a mountinfo file, in mount order."""
    return [_unescape(line.split(" ", 5)[4]) for line in mountinfo.splitlines() if line]


def _is_at_or_below(path: str, base: str) -> bool:
    return path == base or path.startswith(base.rstrip("/") + "/")


class LinuxKernel:
    """`Kernel` on the machine itself; needs root (CAP_SYS_ADMIN) for mounts and cgroups."""

    def mount_tmpfs(self, target: str, *, size_bytes: int = 0, mode: int = 0o1777) -> None:
        options = f"mode={mode:o}" + (f",size={size_bytes}" if size_bytes else "")
        try:
            _mount("tmpfs", target, "tmpfs", 0, options + ",noswap")
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            _mount("tmpfs", target, "tmpfs", 0, options)  # kernels before 6.4 know no noswap

    def bind_mount(self, source: str, target: str, *, read_only: bool = False, recursive: bool = True) -> None:
        _mount(source, target, "", MS_BIND | (MS_REC if recursive else 0))
        if read_only:
            self.remount(target, read_only=True)

    def mount_read_only(self, kind: str, source: str, target: str, options: Sequence[str]) -> None:
        if kind == "bind":
            _mount(source, target, "", MS_BIND | MS_REC)
            _mount("none", target, "", MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOEXEC)
            return
        data = ",".join(option for option in options if option not in ("ro", "rw"))
        _mount(source, target, kind, MS_RDONLY | MS_NOEXEC, data)

    def remount(self, target: str, *, read_only: bool = False, size_bytes: int = 0) -> None:
        flags = MS_REMOUNT | (MS_RDONLY if read_only else 0)
        if size_bytes:
            _mount("tmpfs", target, "tmpfs", flags, f"size={size_bytes}")
            return
        usage = os.statvfs(target)
        kept = usage.f_flag & (MS_NOSUID | MS_NODEV | MS_NOEXEC)  # a locked flag may not be dropped by a remount
        _mount("none", target, "", flags | MS_BIND | kept)

    def unmount(self, target: str) -> None:
        result = _libc().umount2(os.fsencode(target), 0)
        if result != 0 and ctypes.get_errno() == errno.EBUSY:
            result = _libc().umount2(os.fsencode(target), MNT_DETACH)
        _check(result, target)

    def mounts_below(self, path: str) -> list[str]:
        base = os.path.realpath(path)
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as source:
            found = [point for point in mount_points(source.read()) if _is_at_or_below(point, base)]
        found.reverse()
        return sorted(found, key=lambda point: -point.count("/"))

    def is_mount_point(self, path: str) -> bool:
        written = _escape(os.path.realpath(path))
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as source:
            text = source.read()
        # Asked for every volume of every pod: a search of the text is far cheaper than parsing all of its lines.
        if f" {written} " not in text:
            return False
        return any(line.split(" ", 5)[4] == written for line in text.splitlines() if f" {written} " in line)

    def make_shared(self, path: str) -> None:
        _mount("none", path, "", MS_SHARED | MS_REC)

    def make_cgroup(self, path: str) -> None:
        try:
            os.mkdir(path, 0o755)
        except FileExistsError:
            return

    def remove_cgroup(self, path: str) -> None:
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return

    def child_cgroups(self, path: str) -> list[str]:
        try:
            with os.scandir(path) as entries:
                return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        except FileNotFoundError:
            return []

    def write_cgroup_file(self, path: str, name: str, value: str) -> None:
        # One unbuffered write: cgroup files take each write(2) as a whole command and report errors on it.
        handle = os.open(os.path.join(path, name), os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(handle, value.encode())
        finally:
            os.close(handle)

    def read_cgroup_file(self, path: str, name: str) -> str:
        with open(os.path.join(path, name), encoding="ascii") as source:
            return source.read()

    def file_system_usage(self, path: str) -> FileSystemUsage:
        usage = os.statvfs(path)
        return FileSystemUsage(
            capacity_bytes=usage.f_blocks * usage.f_frsize,
            available_bytes=usage.f_bavail * usage.f_frsize,
            used_bytes=(usage.f_blocks - usage.f_bfree) * usage.f_frsize,
            inodes=usage.f_files,
            inodes_free=usage.f_ffree,
        )
