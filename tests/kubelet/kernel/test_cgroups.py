"""Pod cgroups over both layouts, in memory; and the layout read from mountinfo."""

import errno

import pytest
from tests.kubelet.pods import pod_of, with_resources

from pybernetes.kubelet.kernel.cgroup_mounts import CgroupsUnavailable, controller_mounts, layout_for
from pybernetes.kubelet.kernel.cgroup_v1 import CgroupV1
from pybernetes.kubelet.kernel.cgroup_v2 import CgroupV2
from pybernetes.kubelet.kernel.cgroups import PodCgroups
from pybernetes.kubelet.kernel.recording import RecordingKernel

FULL = {"cpu": "500m", "memory": "64Mi"}

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw,relatime - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
"""
UNIFIED = "41 31 0:38 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n"


def test_controllers_that_share_a_mount() -> None:
    v1, v2, every = controller_mounts(HYBRID)
    assert v1["cpu"] == v1["cpuacct"] == "/sys/fs/cgroup/cpu,cpuacct"
    assert "name=systemd" not in v1
    assert v2 == "/sys/fs/cgroup/unified"
    assert "/sys/fs/cgroup/systemd" in every


def test_hybrid_is_v1_and_pure_v2_is_v2() -> None:
    assert isinstance(layout_for(RecordingKernel(), HYBRID), CgroupV1)
    assert isinstance(layout_for(RecordingKernel(), UNIFIED), CgroupV2)
    with pytest.raises(CgroupsUnavailable):
        layout_for(RecordingKernel(), "")


@pytest.fixture
def v1() -> RecordingKernel:
    kernel = RecordingKernel()
    for directory in ("cpu,cpuacct", "cpuset", "memory", "pids"):
        kernel.cgroups[f"/sys/fs/cgroup/{directory}"] = {}
    kernel.cgroups["/sys/fs/cgroup/cpuset"] = {"cpuset.cpus": "0-1\n", "cpuset.mems": "0\n"}
    return kernel


def cgroups_of(kernel: RecordingKernel, mountinfo: str = HYBRID, process_limit: int = 0) -> PodCgroups:
    return PodCgroups(layout_for(kernel, mountinfo), process_limit=process_limit)


def test_a_pod_gets_its_cgroup_in_every_hierarchy(v1: RecordingKernel) -> None:
    path = cgroups_of(v1, process_limit=40).ensure(with_resources((FULL, FULL)))
    assert path == "/kpods/poduid-1"
    cpu = v1.cgroups["/sys/fs/cgroup/cpu,cpuacct/kpods/poduid-1"]
    assert (cpu["cpu.shares"], cpu["cpu.cfs_quota_us"]) == ("512", "50000")
    assert v1.cgroups["/sys/fs/cgroup/memory/kpods/poduid-1"]["memory.limit_in_bytes"] == str(64 << 20)
    assert v1.cgroups["/sys/fs/cgroup/pids/kpods/poduid-1"]["pids.max"] == "40"


def test_a_pod_with_processors_of_its_own_may_use_all_of_their_time(v1: RecordingKernel) -> None:
    cgroups = cgroups_of(v1)
    pod = with_resources((FULL, FULL))
    cgroups.needs_no_quota = lambda one: one is pod
    path = cgroups.ensure(pod)
    assert v1.cgroups[f"/sys/fs/cgroup/cpu,cpuacct{path}"]["cpu.cfs_quota_us"] == "-1"
    assert cgroups.grows(pod)


def test_cpusets_are_handed_down(v1: RecordingKernel) -> None:
    cgroups_of(v1).ensure(pod_of())
    assert v1.cgroups["/sys/fs/cgroup/cpuset/kpods/besteffort/poduid-1"] == {"cpuset.cpus": "0-1", "cpuset.mems": "0"}


def test_classes_have_directories(v1: RecordingKernel) -> None:
    cgroups = cgroups_of(v1)
    assert cgroups.ensure(pod_of()) == "/kpods/besteffort/poduid-1"
    assert cgroups.ensure(with_resources((FULL, {}))) == "/kpods/burstable/poduid-1"


def test_the_burstable_class_weighs_what_its_pods_request(v1: RecordingKernel) -> None:
    cgroups = cgroups_of(v1)
    burstable = "/sys/fs/cgroup/cpu,cpuacct/kpods/burstable"
    cgroups.ensure(with_resources(({"cpu": "1"}, {})))
    assert v1.cgroups[burstable]["cpu.shares"] == "1024"
    cgroups.remove("uid-1")
    assert v1.cgroups[burstable]["cpu.shares"] == "2"


def test_a_memory_limit_below_the_use_is_left_for_later(v1: RecordingKernel) -> None:
    kernel = v1
    cgroups = cgroups_of(kernel)
    pod = with_resources((FULL, FULL))
    cgroups.ensure(pod)
    written = kernel.write_cgroup_file

    def busy(path: str, name: str, value: str) -> None:
        if name == "memory.limit_in_bytes":
            raise OSError(errno.EBUSY, "busy")
        written(path, name, value)

    kernel.write_cgroup_file = busy  # type: ignore[method-assign]
    cgroups.update(pod)


def test_the_tree_is_made_again_when_somebody_removed_it(v1: RecordingKernel) -> None:
    cgroups = cgroups_of(v1)
    cgroups.ensure(pod_of())
    assert cgroups_of(v1).destroy()
    cgroups.ensure(pod_of(uid="later"))
    assert cgroups.pods() == {"later"}


def test_removal_takes_what_a_runtime_left_below(v1: RecordingKernel) -> None:
    cgroups = cgroups_of(v1)
    path = cgroups.ensure(pod_of())
    for hierarchy in ("memory", "systemd", "unified"):
        v1.make_cgroup(f"/sys/fs/cgroup/{hierarchy}{path}/container")
    assert cgroups.pods() == {"uid-1"}
    cgroups.remove("uid-1")
    assert cgroups.pods() == set()


def test_orphans_are_removed(v1: RecordingKernel) -> None:
    cgroups_of(v1).ensure(pod_of(uid="gone"))
    cgroups = cgroups_of(v1)
    cgroups.ensure(pod_of(uid="kept"))
    cgroups.remove_orphans({"kept"})
    assert cgroups.pods() == {"kept"}


def test_v1_usage(v1: RecordingKernel) -> None:
    cgroups = cgroups_of(v1)
    pod = pod_of()
    path = cgroups.ensure(pod)
    v1.cgroups[f"/sys/fs/cgroup/cpu,cpuacct{path}"]["cpuacct.usage"] = "5000000\n"
    v1.cgroups[f"/sys/fs/cgroup/memory{path}"].update(
        {
            "memory.usage_in_bytes": "1000\n",
            "memory.stat": "cache 1\ntotal_inactive_file 300\ntotal_rss 500\n",
            "memory.limit_in_bytes": "9223372036854771712\n",
        }
    )
    usage = cgroups.usage(pod)
    assert (usage.cpu_usage_nanoseconds, usage.memory_working_set_bytes, usage.memory_rss_bytes) == (5000000, 700, 500)
    assert usage.memory_limit_bytes == 0


@pytest.fixture
def v2() -> RecordingKernel:
    kernel = RecordingKernel()
    kernel.cgroups["/sys/fs/cgroup"] = {"cgroup.controllers": "cpu memory pids\n", "cgroup.subtree_control": "cpu\n"}
    made = kernel.make_cgroup

    def make(path: str) -> None:
        made(path)
        kernel.cgroups[path].setdefault("cgroup.controllers", "cpu memory pids")

    kernel.make_cgroup = make  # type: ignore[method-assign]
    return kernel


def test_v2_enables_controllers_for_children(v2: RecordingKernel) -> None:
    path = cgroups_of(v2, UNIFIED).ensure(with_resources((FULL, FULL)))
    assert v2.cgroups["/sys/fs/cgroup"]["cgroup.subtree_control"] == "+memory +pids"
    own = v2.cgroups["/sys/fs/cgroup" + path]
    assert (own["cpu.max"], own["memory.max"], own["pids.max"]) == ("50000 100000", str(64 << 20), "max")
    assert own["cpu.weight"] == "20"
