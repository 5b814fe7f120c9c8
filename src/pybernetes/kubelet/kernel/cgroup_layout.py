"""The interface of the two cgroup layouts: v1 (a hierarchy per controller) and v2 (one hierarchy).

A cgroup is named by its path inside the hierarchy, such as `/kpods/burstable/pod1234`. Parents must exist. A controller
that is not mounted is skipped: its limits are then not enforced, as on upstream.
"""

from typing import Protocol

import msgspec

from .resources import PodResources


class CgroupUsage(msgspec.Struct, kw_only=True, frozen=True):
    """What a cgroup has used."""

    cpu_usage_nanoseconds: int = 0
    memory_usage_bytes: int = 0
    memory_working_set_bytes: int = 0
    memory_rss_bytes: int = 0
    page_faults: int = 0
    major_page_faults: int = 0
    memory_limit_bytes: int = 0
    """0 = no limit."""
    processes: int = 0


class CgroupLayout(Protocol):
    """One way the machine's cgroups are laid out."""

    def create(self, path: str) -> None:
        """Make the cgroup in every controller, ready to hold processes or children. Idempotent."""

    def apply(self, path: str, resources: PodResources, process_limit: int) -> None:
        """Enforce the limits; process_limit 0 = none. Raising a limit and lowering it both work while it is in use."""

    def remove(self, path: str) -> bool:
        """Remove the cgroup and what is left below it; False while a process still lives in it."""

    def children(self, path: str) -> list[str]:
        """Names of the cgroups directly below."""

    def cpu_quota(self, path: str) -> int | None:
        """Microseconds of CPU in each period; None without a limit."""

    def usage(self, path: str) -> CgroupUsage:
        """Counters of the cgroup. FileNotFoundError when it does not exist."""
