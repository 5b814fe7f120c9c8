"""cgroup v2: one hierarchy. A cgroup offers a controller to its children only once its parent hands it down.

So `create` first enables the controllers in the parent's `cgroup.subtree_control`, top down, since parents are created
before their children. CPU shares become a weight, quota and period one file.
"""

import os

from .cgroup_layout import CgroupUsage
from .cgroup_tree import remove_tree
from .cgroup_v1 import parse_flat_keyed
from .protocol import Kernel
from .resources import QUOTA_PERIOD_MICROSECONDS, PodResources, weight_from_shares

WANTED_CONTROLLERS = ("cpu", "cpuset", "memory", "pids", "io", "hugetlb")


class CgroupV2:
    """`CgroupLayout` over the unified hierarchy mounted at root."""

    def __init__(self, kernel: Kernel, root: str) -> None:
        self._kernel = kernel
        self._root = root.rstrip("/")

    def _directory(self, path: str) -> str:
        return os.path.join(self._root, path.strip("/")).rstrip("/")

    def create(self, path: str) -> None:
        directory = self._directory(path)
        parent = os.path.dirname(directory)
        available = self._kernel.read_cgroup_file(parent, "cgroup.controllers").split()
        try:
            enabled = self._kernel.read_cgroup_file(parent, "cgroup.subtree_control").split()
        except FileNotFoundError:
            enabled = []
        missing = [name for name in WANTED_CONTROLLERS if name in available and name not in enabled]
        if missing:
            self._kernel.write_cgroup_file(parent, "cgroup.subtree_control", " ".join(f"+{name}" for name in missing))
        self._kernel.make_cgroup(directory)

    def apply(self, path: str, resources: PodResources, process_limit: int) -> None:
        quota = "max" if resources.cpu_quota is None else str(resources.cpu_quota)
        memory = "max" if resources.memory_limit_bytes is None else str(resources.memory_limit_bytes)
        for name, value in (
            ("cpu.weight", str(weight_from_shares(resources.cpu_shares))),
            ("cpu.max", f"{quota} {QUOTA_PERIOD_MICROSECONDS}"),
            ("memory.max", memory),
            ("pids.max", str(process_limit) if process_limit > 0 else "max"),
        ):
            try:
                self._kernel.write_cgroup_file(self._directory(path), name, value)
            except FileNotFoundError:  # that controller is not available here
                continue

    def remove(self, path: str) -> bool:
        return remove_tree(self._kernel, self._directory(path))

    def children(self, path: str) -> list[str]:
        return self._kernel.child_cgroups(self._directory(path))

    def cpu_quota(self, path: str) -> int | None:
        quota, _, _ = self._text(self._directory(path), "cpu.max").partition(" ")
        return int(quota) if quota.isdigit() else None

    def usage(self, path: str) -> CgroupUsage:
        directory = self._directory(path)
        cpu = parse_flat_keyed(self._kernel.read_cgroup_file(directory, "cpu.stat"))
        used = self._number(directory, "memory.current")
        memory = parse_flat_keyed(self._text(directory, "memory.stat"))
        return CgroupUsage(
            cpu_usage_nanoseconds=cpu.get("usage_usec", 0) * 1000,
            memory_usage_bytes=used,
            memory_working_set_bytes=max(used - memory.get("inactive_file", 0), 0),
            memory_rss_bytes=memory.get("anon", 0),
            page_faults=memory.get("pgfault", 0),
            major_page_faults=memory.get("pgmajfault", 0),
            memory_limit_bytes=self._number(directory, "memory.max"),
            processes=self._number(directory, "pids.current"),
        )

    def _text(self, directory: str, name: str) -> str:
        try:
            return self._kernel.read_cgroup_file(directory, name)
        except FileNotFoundError:
            return ""

    def _number(self, directory: str, name: str) -> int:
        text = self._text(directory, name).strip()
        return int(text) if text.isdigit() else 0
