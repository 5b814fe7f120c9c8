"""cgroup v1: one directory per controller hierarchy; controllers that are mounted together share one.

Two things v2 does not need: a new cpuset is empty and takes no process until cpus and mems are copied from its parent,
and a memory limit cannot be lowered below the current use (EBUSY), which is left for the next sync to try again.
"""

import errno
import os
from collections.abc import Mapping, Sequence

from .cgroup_layout import CgroupUsage
from .cgroup_tree import remove_tree
from .protocol import Kernel
from .resources import QUOTA_PERIOD_MICROSECONDS, PodResources

NO_MEMORY_LIMIT = 1 << 62
"""v1 reports "unlimited" as a page-rounded 2**63; anything this big is no limit."""


class CgroupV1:
    """`CgroupLayout` over v1 hierarchies: controllers maps a controller's name to where it is mounted.

    Runtimes follow a pod's cgroup in every hierarchy there is, also those that limit nothing (`name=systemd`, the v2
    part of a hybrid machine): hierarchies lists them all, and removal clears each."""

    def __init__(self, kernel: Kernel, controllers: Mapping[str, str], hierarchies: Sequence[str] = ()) -> None:
        self._kernel = kernel
        self._controllers = dict(controllers)
        self._roots = sorted(set(controllers.values()))
        self._every = sorted({*self._roots, *hierarchies})

    def _directory(self, controller: str, path: str) -> str | None:
        root = self._controllers.get(controller)
        return None if root is None else os.path.join(root, path.strip("/")).rstrip("/")

    def create(self, path: str) -> None:
        for root in self._roots:
            self._kernel.make_cgroup(os.path.join(root, path.strip("/")))
        cpuset = self._directory("cpuset", path)
        if cpuset is not None:
            for name in ("cpuset.cpus", "cpuset.mems"):
                self._inherit(cpuset, name)

    def _inherit(self, directory: str, name: str) -> None:
        try:
            if self._kernel.read_cgroup_file(directory, name).strip():
                return
        except FileNotFoundError:
            pass
        inherited = self._kernel.read_cgroup_file(os.path.dirname(directory), name).strip()
        self._kernel.write_cgroup_file(directory, name, inherited)

    def apply(self, path: str, resources: PodResources, process_limit: int) -> None:
        cpu = self._directory("cpu", path)
        if cpu is not None:
            self._kernel.write_cgroup_file(cpu, "cpu.shares", str(resources.cpu_shares))
            self._kernel.write_cgroup_file(cpu, "cpu.cfs_period_us", str(QUOTA_PERIOD_MICROSECONDS))
            quota = -1 if resources.cpu_quota is None else resources.cpu_quota
            self._kernel.write_cgroup_file(cpu, "cpu.cfs_quota_us", str(quota))
        memory = self._directory("memory", path)
        if memory is not None:
            limit = -1 if resources.memory_limit_bytes is None else resources.memory_limit_bytes
            try:
                self._kernel.write_cgroup_file(memory, "memory.limit_in_bytes", str(limit))
            except OSError as error:
                if error.errno != errno.EBUSY:
                    raise
        pids = self._directory("pids", path)
        if pids is not None:
            self._kernel.write_cgroup_file(pids, "pids.max", str(process_limit) if process_limit > 0 else "max")

    def remove(self, path: str) -> bool:
        removed = [remove_tree(self._kernel, os.path.join(root, path.strip("/"))) for root in self._every]
        return all(removed)

    def children(self, path: str) -> list[str]:
        found: set[str] = set()
        for root in self._every:
            found.update(self._kernel.child_cgroups(os.path.join(root, path.strip("/")).rstrip("/")))
        return sorted(found)

    def cpu_quota(self, path: str) -> int | None:
        cpu = self._directory("cpu", path)
        quota = int(self._kernel.read_cgroup_file(cpu, "cpu.cfs_quota_us")) if cpu is not None else -1
        return quota if quota >= 0 else None

    def usage(self, path: str) -> CgroupUsage:
        memory, cpu = self._directory("memory", path), self._directory("cpuacct", path)
        pids = self._directory("pids", path)
        used = working_set = rss = faults = major = limit = 0
        if memory is not None:
            used = int(self._kernel.read_cgroup_file(memory, "memory.usage_in_bytes"))
            counters = parse_flat_keyed(self._kernel.read_cgroup_file(memory, "memory.stat"))
            working_set = max(used - counters.get("total_inactive_file", 0), 0)
            rss = counters.get("total_rss", 0)
            faults, major = counters.get("total_pgfault", 0), counters.get("total_pgmajfault", 0)
            limit = int(self._kernel.read_cgroup_file(memory, "memory.limit_in_bytes"))
        return CgroupUsage(
            cpu_usage_nanoseconds=int(self._kernel.read_cgroup_file(cpu, "cpuacct.usage")) if cpu is not None else 0,
            memory_usage_bytes=used,
            memory_working_set_bytes=working_set,
            memory_rss_bytes=rss,
            page_faults=faults,
            major_page_faults=major,
            memory_limit_bytes=0 if limit >= NO_MEMORY_LIMIT else limit,
            processes=self._processes(pids) if pids is not None else 0,
        )

    def _processes(self, directory: str) -> int:
        try:
            return int(self._kernel.read_cgroup_file(directory, "pids.current"))
        except FileNotFoundError:  # the root cgroup has no such file
            return 0


def parse_flat_keyed(text: str) -> dict[str, int]:
    """Lines of `name number`, the kernel's "flat keyed" format."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        name, _, number = line.partition(" ")
        if number.strip().isdigit():
            found[name] = int(number)
    return found
