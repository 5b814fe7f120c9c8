"""Which cgroup layout the machine has, read from the text of /proc/self/mountinfo.

Controllers may be mounted together (`cpu,cpuacct`) or apart, and a v2 hierarchy without resource controllers may be
mounted beside them (hybrid); a pure v2 machine has one `cgroup2` mount and no v1 controller.
"""

from .cgroup_layout import CgroupLayout
from .cgroup_v1 import CgroupV1
from .cgroup_v2 import CgroupV2
from .protocol import Kernel

V1_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "memory", "pids", "blkio", "devices", "freezer", "hugetlb")


class CgroupsUnavailable(Exception):
    """No cgroup hierarchy with resource controllers is mounted."""


def controller_mounts(mountinfo: str) -> tuple[dict[str, str], str, list[str]]:
    """(v1 controller -> mount point, v2 mount point or "", every mount point) from the text of a mountinfo file."""
    v1: dict[str, str] = {}
    v2 = ""
    every: list[str] = []
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        if not separator:
            continue
        mount_point = before.split(" ")[4]
        kind, _, options = after.split(" ", 2)
        if kind in ("cgroup", "cgroup2") and mount_point not in every:
            every.append(mount_point)
        if kind == "cgroup2" and not v2:
            v2 = mount_point
        elif kind == "cgroup":
            for option in options.split(","):
                if option in V1_CONTROLLERS:
                    v1.setdefault(option, mount_point)
    return v1, v2, every


def layout_for(kernel: Kernel, mountinfo: str) -> CgroupLayout:
    """The layout those mounts make: v1 where any resource controller sits in it, else v2."""
    v1, v2, every = controller_mounts(mountinfo)
    if "memory" in v1 or "cpu" in v1:
        return CgroupV1(kernel, v1, every)
    if v2:
        return CgroupV2(kernel, v2)
    raise CgroupsUnavailable("no cgroup controllers are mounted; mount them below /sys/fs/cgroup")


def detect(kernel: Kernel) -> CgroupLayout:
    """The layout of this machine. CgroupsUnavailable when there is none."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as source:
        return layout_for(kernel, source.read())
