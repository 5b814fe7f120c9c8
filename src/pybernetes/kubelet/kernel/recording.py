"""The recording twin of the kernel: mounts and cgroups in memory, for tests without root.

`calls` lists what was asked, as tuples that start with the method's name; `mounts` and `cgroups` hold the resulting
state, so tests assert the state of the world. `failures` maps a method name to the OSError it shall raise next.
"""

import errno
import os
from collections.abc import Sequence

from .protocol import FileSystemUsage


class RecordingKernel:
    """`Kernel` in memory. Paths need not exist."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.mounts: list[tuple[str, str]] = []
        """(target, what) in mount order; what is `tmpfs` or the source of a bind mount, with ` (ro)` if read-only."""
        self.cgroups: dict[str, dict[str, str]] = {}
        self.failures: dict[str, OSError] = {}
        self.usage = FileSystemUsage(
            capacity_bytes=100 << 30,
            available_bytes=60 << 30,
            used_bytes=40 << 30,
            inodes=6_000_000,
            inodes_free=5_000_000,
        )

    def _record(self, method: str, *arguments: object) -> None:
        self.calls.append((method, *arguments))
        failure = self.failures.pop(method, None)
        if failure is not None:
            raise failure

    def mount_tmpfs(self, target: str, *, size_bytes: int = 0, mode: int = 0o1777) -> None:
        self._record("mount_tmpfs", target, size_bytes, mode)
        self.mounts.append((target, "tmpfs"))

    def bind_mount(self, source: str, target: str, *, read_only: bool = False, recursive: bool = True) -> None:
        self._record("bind_mount", source, target, read_only, recursive)
        self.mounts.append((target, source + (" (ro)" if read_only else "")))

    def mount_read_only(self, kind: str, source: str, target: str, options: Sequence[str]) -> None:
        self._record("mount_read_only", kind, source, target, tuple(options))
        self.mounts.append((target, f"{source} (ro)"))

    def remount(self, target: str, *, read_only: bool = False, size_bytes: int = 0) -> None:
        self._record("remount", target, read_only, size_bytes)
        if not self.is_mount_point(target):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), target)

    def unmount(self, target: str) -> None:
        self._record("unmount", target)
        for index in range(len(self.mounts) - 1, -1, -1):
            if self.mounts[index][0] == target:
                del self.mounts[index]
                return
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), target)

    def mounts_below(self, path: str) -> list[str]:
        base = path.rstrip("/")
        found = [target for target, _ in reversed(self.mounts) if target == base or target.startswith(base + "/")]
        return sorted(found, key=lambda point: -point.count("/"))

    def is_mount_point(self, path: str) -> bool:
        return any(target == path for target, _ in self.mounts)

    def make_shared(self, path: str) -> None:
        self._record("make_shared", path)

    def make_cgroup(self, path: str) -> None:
        self._record("make_cgroup", path)
        self.cgroups.setdefault(path, {})

    def remove_cgroup(self, path: str) -> None:
        self._record("remove_cgroup", path)
        if any(other.startswith(path + "/") for other in self.cgroups):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), path)
        self.cgroups.pop(path, None)

    def child_cgroups(self, path: str) -> list[str]:
        prefix = path + "/"
        return sorted({other[len(prefix) :].split("/")[0] for other in self.cgroups if other.startswith(prefix)})

    def write_cgroup_file(self, path: str, name: str, value: str) -> None:
        self._record("write_cgroup_file", path, name, value)
        if path not in self.cgroups:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self.cgroups[path][name] = value

    def read_cgroup_file(self, path: str, name: str) -> str:
        try:
            return self.cgroups[path][name]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.path.join(path, name)) from None

    def file_system_usage(self, path: str) -> FileSystemUsage:
        return self.usage
