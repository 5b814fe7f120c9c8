"""The Summary API and resource metrics from one snapshot."""

from datetime import UTC, datetime

import msgspec
from tests.kubelet.pods import pod_of

from pybernetes.api.core import Pod
from pybernetes.kubelet.cadvisor_metrics import cadvisor_metrics
from pybernetes.kubelet.cri.messages import ContainerAttributes, ContainerStats, CpuUsage, FilesystemUsage, MemoryUsage
from pybernetes.kubelet.kernel.cgroup_layout import CgroupUsage
from pybernetes.kubelet.kernel.cgroup_v1 import CgroupV1
from pybernetes.kubelet.kernel.cgroups import PodCgroups
from pybernetes.kubelet.kernel.recording import RecordingKernel
from pybernetes.kubelet.stats import (
    MachineUsage,
    NodeStats,
    PodUsage,
    Rates,
    Snapshot,
    read_machine,
    resource_metrics,
    summary,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NANOSECONDS = int(NOW.timestamp()) * 10**9


def snapshot(cpu_nanoseconds: int = 2 * 10**9, seconds: int = 0) -> Snapshot:
    pod = pod_of()
    status = {"containerStatuses": [{"name": "web", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}
    pod.status = msgspec.convert(status, type(pod.status))
    stamp = NANOSECONDS + seconds * 10**9
    stats = ContainerStats(
        attributes=ContainerAttributes(id="id"),
        cpu=CpuUsage(timestamp=stamp, usage_core_nano_seconds=cpu_nanoseconds),
        memory=MemoryUsage(timestamp=stamp, working_set_bytes=1000),
        writable_layer=FilesystemUsage(timestamp=stamp, used_bytes=7, inodes_used=3),
    )
    machine = MachineUsage(
        cpu_nanoseconds=10**9,
        memory_capacity_bytes=4000,
        memory_available_bytes=3000,
        memory_usage_bytes=2000,
        memory_rss_bytes=500,
        processes=5,
        maximum_processes=100,
        boot_time=NOW.timestamp(),
    )
    own = CgroupUsage(
        cpu_usage_nanoseconds=3 * 10**9, memory_working_set_bytes=1500, memory_limit_bytes=2000, processes=2
    )
    return Snapshot(
        time=datetime.fromtimestamp(NOW.timestamp() + seconds, UTC),
        machine=machine,
        node_fs=RecordingKernel().usage,
        image_fs=[],
        pods=[PodUsage(pod=pod, own=own, containers={"web": stats})],
    )


def test_summary() -> None:
    found = summary(snapshot(), "n1", Rates())
    assert found["node"]["nodeName"] == "n1"
    assert found["node"]["memory"]["workingSetBytes"] == 1000
    assert found["node"]["rlimit"] == {"time": "2026-01-01T00:00:00Z", "maxpid": 100, "curproc": 5}
    pod = found["pods"][0]
    assert pod["podRef"] == {"name": "web", "namespace": "default", "uid": "uid-1"}
    assert pod["memory"]["availableBytes"] == 500
    container = pod["containers"][0]
    assert container["cpu"] == {"time": "2026-01-01T00:00:00Z", "usageCoreNanoSeconds": 2 * 10**9}
    assert container["rootfs"]["usedBytes"] == 7


def test_the_second_summary_has_rates() -> None:
    rates = Rates()
    summary(snapshot(), "n1", rates)
    found = summary(snapshot(cpu_nanoseconds=3 * 10**9, seconds=10), "n1", rates)
    assert found["pods"][0]["containers"][0]["cpu"]["usageNanoCores"] == 10**8


def test_only_cpu_and_memory() -> None:
    found = summary(snapshot(), "n1", Rates(), only_cpu_and_memory=True)
    assert "fs" not in found["node"]
    assert "rootfs" not in found["pods"][0]["containers"][0]


def test_a_restarted_counter_has_no_rate() -> None:
    rates = Rates()
    rates.nano_cores("a", 0, 100)
    assert rates.nano_cores("a", 1, 50) is None


def test_resource_metrics() -> None:
    text = resource_metrics(snapshot())
    stamp = NANOSECONDS // 10**6
    for line in (
        f'container_cpu_usage_seconds_total{{container="web",namespace="default",pod="web"}} 2 {stamp}',
        f'container_memory_working_set_bytes{{container="web",namespace="default",pod="web"}} 1000 {stamp}',
        f'container_start_time_seconds{{container="web",namespace="default",pod="web"}} {NOW.timestamp():.12g}',
        f'pod_memory_working_set_bytes{{namespace="default",pod="web"}} 1500 {stamp}',
        f"node_cpu_usage_seconds_total 1 {stamp}",
        "# TYPE node_cpu_usage_seconds_total counter",
        "resource_scrape_error 0",
    ):
        assert line in text.splitlines()


def test_cadvisor_metrics() -> None:
    text = cadvisor_metrics(snapshot(), cpus=2)
    lines = text.splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    families = {line.partition("{")[0].partition(" ")[0] for line in samples}
    assert {line.split()[2] for line in lines if line.startswith("# TYPE")} == families
    assert any(line.startswith("machine_cpu_cores 2 ") for line in samples)
    of_pods = [line for line in samples if line.startswith("container_memory_working_set_bytes{")]
    assert any('container="",id="/"' in line for line in of_pods), "the node"
    assert any('container="",id="/pod' in line and 'namespace="default"' in line for line in of_pods), "a pod"
    assert any('container="",' not in line and 'namespace="default"' in line for line in of_pods), "a container"
    assert len({line.rpartition(" ")[2] for line in samples}) == 1, "one moment"


def test_this_machine() -> None:
    machine = read_machine()
    assert machine.cpu_nanoseconds > 0
    assert 0 < machine.memory_working_set_bytes < machine.memory_capacity_bytes
    assert 0 < machine.processes < machine.maximum_processes


class CountingRuntime:
    """Of a runtime only its statistics, and how often they were asked for."""

    def __init__(self) -> None:
        self.asked = 0

    async def list_stats(self, *, pod_uid: str = "") -> list[ContainerStats]:
        self.asked += 1
        return []

    async def image_fs_info(self) -> list[FilesystemUsage]:
        return []


class View:
    """One pod with a running container `web`, and one that has ended."""

    def __init__(self) -> None:
        self.cri = CountingRuntime()
        self.pod_shown = pod_of()
        running = {"name": "web", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}
        ended = {"name": "once", "state": {"terminated": {"exitCode": 0}}}
        status = {"phase": "Running", "containerStatuses": [running], "initContainerStatuses": [ended]}
        self.pod_shown.status = msgspec.convert(status, type(self.pod_shown.status))

    def pods(self) -> list[Pod]:
        return [self.pod_shown]

    def container_id(self, pod_uid: str, container_name: str) -> str | None:
        return f"id-of-{container_name}"


def node_stats(*known: str) -> tuple[NodeStats, CountingRuntime]:
    """Statistics over a kernel that knows these containers' cgroups."""
    kernel = RecordingKernel()
    for name in ("", *(f"/{name}" for name in known)):
        below = f"/kpods/besteffort/poduid-1{name}"
        kernel.cgroups[f"/cg/memory{below}"] = {
            "memory.usage_in_bytes": "5000\n",
            "memory.stat": "total_inactive_file 1000\n",
            "memory.limit_in_bytes": str(2**63 - 4096),
        }
        kernel.cgroups[f"/cg/cpuacct{below}"] = {"cpuacct.usage": "2500000000\n"}
    layout = CgroupV1(kernel, {"memory": "/cg/memory", "cpuacct": "/cg/cpuacct"})
    view = View()
    machine = snapshot().machine
    stats = NodeStats(view, PodCgroups(layout), kernel, "/", "n1", machine=lambda: machine)  # type: ignore[arg-type]
    return stats, view.cri


async def test_resource_metrics_are_read_from_the_kernel() -> None:
    stats, runtime = node_stats("id-of-web")
    lines = [line.rpartition(" ")[0] for line in (await stats.resource_metrics()).splitlines()]
    assert 'container_cpu_usage_seconds_total{container="web",namespace="default",pod="web"} 2.5' in lines
    assert 'container_memory_working_set_bytes{container="web",namespace="default",pod="web"} 4000' in lines
    assert 'pod_cpu_usage_seconds_total{namespace="default",pod="web"} 2.5' in lines
    assert not any('container="once"' in line for line in lines)
    assert runtime.asked == 0


async def test_the_runtime_is_asked_for_what_the_kernel_does_not_know() -> None:
    stats, runtime = node_stats()
    assert "resource_scrape_error 0" in await stats.resource_metrics()
    assert runtime.asked == 1
