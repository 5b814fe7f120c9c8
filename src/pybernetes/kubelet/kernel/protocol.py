"""The contract between the kubelet and the operating system: mounts, cgroup files, file-system usage.

Calls are synchronous and short (one or a few system calls each, no waiting for other processes). They raise `OSError`
with the kernel's errno. Paths are absolute paths as this process sees them. `linux.LinuxKernel` is the real one and
`recording.RecordingKernel` keeps everything in memory, so what sits above is tested without root.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec


class FileSystemUsage(msgspec.Struct, frozen=True, kw_only=True):
    """statvfs of the file system that holds a path; bytes and inodes."""

    capacity_bytes: int
    available_bytes: int
    used_bytes: int
    inodes: int
    inodes_free: int


class Kernel(Protocol):
    """See the module docstring."""

    def mount_tmpfs(self, target: str, *, size_bytes: int = 0, mode: int = 0o1777) -> None:
        """A new tmpfs over an existing directory, never swapped out where the kernel can promise that.

        size_bytes 0 leaves the kernel's default (half of the memory)."""

    def bind_mount(self, source: str, target: str, *, read_only: bool = False, recursive: bool = True) -> None:
        """Make source appear at target (both exist, both files or both directories)."""

    def mount_read_only(self, kind: str, source: str, target: str, options: Sequence[str]) -> None:
        """Mount something read-only and not executable over an existing directory: `bind`, or a file system by name.

        options are those of mount(8); what is no flag goes to the file system."""

    def remount(self, target: str, *, read_only: bool = False, size_bytes: int = 0) -> None:
        """Change the options of what is mounted at target: read-only for a bind mount, the size for a tmpfs."""

    def unmount(self, target: str) -> None:
        """Take the topmost mount off target, lazily when it is still in use. OSError EINVAL when none is there."""

    def mounts_below(self, path: str) -> list[str]:
        """Mount points at or under path, deepest and newest first: the order in which they are unmounted.

        A path that is mounted over twice is listed twice."""

    def is_mount_point(self, path: str) -> bool:
        """Whether something is mounted exactly at path."""

    def make_shared(self, path: str) -> None:
        """Let mounts under path's mount propagate to and from containers (`mount --make-rshared`)."""

    def make_cgroup(self, path: str) -> None:
        """Make one cgroup directory; nothing when it exists. The parent must exist."""

    def remove_cgroup(self, path: str) -> None:
        """Remove one empty cgroup; nothing when it is gone. OSError EBUSY while it has processes or children."""

    def child_cgroups(self, path: str) -> list[str]:
        """Names of the cgroups directly below path; empty when path is gone."""

    def write_cgroup_file(self, path: str, name: str, value: str) -> None:
        """Write one interface file of the cgroup at path."""

    def read_cgroup_file(self, path: str, name: str) -> str:
        """One interface file of the cgroup at path, whole."""

    def file_system_usage(self, path: str) -> FileSystemUsage:
        """How full the file system of path is."""
