"""What the node, its pods and containers use: the Summary API and /metrics/resource.

    runtime's container stats ┐
    pod cgroups               ├──▶ NodeStats.collect() ──▶ Snapshot ──▶ summary()            /stats/summary
    /proc, statvfs            ┘                                     └─▶ resource_metrics()   /metrics/resource

A snapshot is taken per request; nothing is sampled in between. What the metrics server asks for again and again, CPU
and memory, is read from the containers' own cgroups, which costs a quarter of asking the runtime; the runtime is asked
when one of them is not where it should be. Rates (usageNanoCores) come from the difference to the snapshot before, so
the first one has none. Field names are those of `stats/v1alpha1`.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from pybernetes.api.core import Pod
from pybernetes.api.instants import format_time
from pybernetes.base.clock import SYSTEM_CLOCK, Clock

from .cri.messages import ContainerAttributes, ContainerStats, CpuUsage, FilesystemUsage, MemoryUsage
from .cri.protocol import CONTAINER_NAME_LABEL, POD_UID_LABEL, RuntimeServiceError
from .kernel.cgroup_layout import CgroupUsage
from .kernel.cgroups import PodCgroups
from .kernel.protocol import FileSystemUsage, Kernel
from .parts import RuntimeView
from .server_logs import status_of


class MachineUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The node as a whole."""

    cpu_nanoseconds: int
    memory_capacity_bytes: int
    memory_available_bytes: int
    memory_usage_bytes: int
    memory_rss_bytes: int
    processes: int
    maximum_processes: int
    boot_time: float
    """Seconds since the epoch."""

    @property
    def memory_working_set_bytes(self) -> int:
        """Memory that cannot be reclaimed."""
        return max(self.memory_capacity_bytes - self.memory_available_bytes, 0)


class PodUsage(msgspec.Struct, kw_only=True):
    """One pod: its own cgroup, and its containers by name."""

    pod: Pod
    own: CgroupUsage | None
    containers: dict[str, ContainerStats]
    volumes: list[dict[str, Any]] = []
    """VolumeStats of those volumes whose drivers count."""


class Snapshot(msgspec.Struct, kw_only=True):
    """Everything at one moment."""

    time: datetime
    machine: MachineUsage
    node_fs: FileSystemUsage
    image_fs: list[FilesystemUsage]
    pods: list[PodUsage]


def read_machine(proc: str = "/proc") -> MachineUsage:
    """The machine's usage from /proc."""

    def text(name: str) -> str:
        with open(os.path.join(proc, name), encoding="ascii", errors="replace") as source:
            return source.read()

    busy, boot = 0, 0.0
    for line in text("stat").splitlines():
        fields = line.split()
        if fields[0] == "cpu":
            user, nice, system, _, _, irq, softirq, *more = (int(field) for field in fields[1:])
            steal = more[0] if more else 0
            busy = (user + nice + system + irq + softirq + steal) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
        elif fields[0] == "btime":
            boot = float(fields[1])
    memory: dict[str, int] = {}
    for line in text("meminfo").splitlines():
        name, _, amount = line.partition(":")
        memory[name] = int(amount.split()[0]) * 1024
    return MachineUsage(
        cpu_nanoseconds=busy,
        memory_capacity_bytes=memory["MemTotal"],
        memory_available_bytes=memory["MemAvailable"],
        memory_usage_bytes=memory["MemTotal"] - memory["MemFree"],
        memory_rss_bytes=memory.get("AnonPages", 0),
        processes=int(text("loadavg").split()[3].partition("/")[2]),
        maximum_processes=int(text("sys/kernel/pid_max")),
        boot_time=boot,
    )


class NodeStats:
    """Collects snapshots; see the module docstring."""

    def __init__(
        self,
        view: RuntimeView,
        cgroups: PodCgroups | None,
        kernel: Kernel,
        root_dir: str,
        node_name: str,
        *,
        clock: Clock = SYSTEM_CLOCK,
        machine: Callable[[], MachineUsage] = read_machine,
        volumes: Callable[[str], Awaitable[list[dict[str, Any]]]] | None = None,
    ) -> None:
        self._view = view
        self._cgroups = cgroups
        self._kernel = kernel
        self._root_dir = root_dir
        self._node_name = node_name
        self._clock = clock
        self._machine = machine
        self._volumes = volumes
        self._rates = Rates()

    async def collect(self) -> Snapshot:
        """Ask the runtime and the kernel. RuntimeServiceError when the runtime does not answer."""
        by_pod: dict[str, dict[str, ContainerStats]] = {}
        for found in await self._view.cri.list_stats():
            labels = found.attributes.labels if found.attributes is not None else {}
            uid, name = labels.get(POD_UID_LABEL, ""), labels.get(CONTAINER_NAME_LABEL, "")
            by_pod.setdefault(uid, {})[name] = found
        try:
            image_fs = await self._view.cri.image_fs_info()
        except RuntimeServiceError:
            image_fs = []
        pods = []
        for pod in self._view.pods():
            uid = pod.metadata.uid or ""
            if uid in by_pod or pod.status.phase == "Running":
                pods.append(PodUsage(pod=pod, own=self._cgroup(pod), containers=by_pod.get(uid, {})))
        return Snapshot(
            time=self._clock.now(),
            machine=self._machine(),
            node_fs=self.node_file_system(),
            image_fs=image_fs,
            pods=pods,
        )

    async def collect_usage(self) -> Snapshot:
        """Only processors and memory of what runs. RuntimeServiceError as `collect`."""
        pods = []
        try:
            for pod in self._view.pods():
                if pod.status.phase == "Running":
                    pods.append(PodUsage(pod=pod, own=self._cgroup(pod), containers=self._container_usage(pod)))
                    await asyncio.sleep(0)
        except OSError:
            return await self.collect()
        now, machine = self._clock.now(), self._machine()
        return Snapshot(time=now, machine=machine, node_fs=self.node_file_system(), image_fs=[], pods=pods)

    def _container_usage(self, pod: Pod) -> dict[str, ContainerStats]:
        """What the kernel counts of a pod's running containers. FileNotFoundError when it knows one of them not."""
        if self._cgroups is None:
            raise FileNotFoundError
        found = {}
        status, uid = pod.status, pod.metadata.uid or ""
        for rows in (status.container_statuses, status.init_container_statuses, status.ephemeral_container_statuses):
            for row in rows or ():
                identifier = self._view.container_id(uid, row.name)
                if row.state is None or row.state.running is None or identifier is None:
                    continue
                used = self._cgroups.container_usage(pod, identifier)
                stamp = int(self._clock.now().timestamp() * 1e9)
                found[row.name] = ContainerStats(
                    attributes=ContainerAttributes(id=identifier),
                    cpu=CpuUsage(timestamp=stamp, usage_core_nano_seconds=used.cpu_usage_nanoseconds),
                    memory=MemoryUsage(timestamp=stamp, working_set_bytes=used.memory_working_set_bytes),
                )
        return found

    def node_file_system(self) -> FileSystemUsage:
        """How full the kubelet's file system is."""
        return self._kernel.file_system_usage(self._root_dir)

    def _cgroup(self, pod: Pod) -> CgroupUsage | None:
        if self._cgroups is None:
            return None
        try:
            return self._cgroups.usage(pod)
        except OSError:
            return None

    async def summary(self, *, only_cpu_and_memory: bool = False) -> dict[str, Any]:
        """The body of /stats/summary."""
        snapshot = await self.collect()
        if self._volumes is not None and not only_cpu_and_memory:
            for usage in snapshot.pods:
                usage.volumes = await self._volumes(usage.pod.metadata.uid or "")
        return summary(snapshot, self._node_name, self._rates, only_cpu_and_memory=only_cpu_and_memory)

    async def volumes(self) -> list[dict[str, Any]]:
        """VolumeStats of all pods' volumes whose drivers count."""
        if self._volumes is None:
            return []
        return [found for pod in self._view.pods() for found in await self._volumes(pod.metadata.uid or "")]

    async def resource_metrics(self) -> str:
        """The body of /metrics/resource."""
        try:
            return resource_metrics(await self.collect_usage())
        except RuntimeServiceError:
            return "# TYPE resource_scrape_error gauge\nresource_scrape_error 1\n"


class Rates:
    """Remembers the last CPU counter of each thing to tell how fast it grows."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, int]] = {}

    def nano_cores(self, key: str, seconds: float, usage_nanoseconds: int) -> int | None:
        """Billionths of a core since the last call for key; None at first and after a counter was reset."""
        before = self._last.get(key)
        self._last[key] = (seconds, usage_nanoseconds)
        if before is None or seconds <= before[0] or usage_nanoseconds < before[1]:
            return None
        return int((usage_nanoseconds - before[1]) / (seconds - before[0]))

    def keep(self, keys: set[str]) -> None:
        """Forget all others."""
        for key in [key for key in self._last if key not in keys]:
            del self._last[key]


def _time_of(nanoseconds: int) -> str:
    return format_time(datetime.fromtimestamp(nanoseconds / 1e9, UTC))


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _cpu(time: str, usage: int, rate: int | None) -> dict[str, Any]:
    return _present(time=time, usageNanoCores=rate, usageCoreNanoSeconds=usage)


def _cgroup_memory(time: str, usage: CgroupUsage) -> dict[str, Any]:
    limit = usage.memory_limit_bytes
    return _present(
        time=time,
        availableBytes=max(limit - usage.memory_working_set_bytes, 0) if limit else None,
        usageBytes=usage.memory_usage_bytes,
        workingSetBytes=usage.memory_working_set_bytes,
        rssBytes=usage.memory_rss_bytes,
        pageFaults=usage.page_faults,
        majorPageFaults=usage.major_page_faults,
    )


def _started_at(pod: Pod, container_name: str) -> datetime | None:
    status = status_of(pod, container_name)
    running = status.state.running if status is not None and status.state is not None else None
    return running.started_at if running is not None else None


def _container(
    usage: PodUsage,
    name: str,
    stats: ContainerStats,
    node_fs: FileSystemUsage,
    rates: Rates,
    full: bool,
    seen: set[str],
) -> dict[str, Any]:
    started = _started_at(usage.pod, name)
    entry = _present(name=name, startTime=format_time(started) if started is not None else None)
    cpu, memory, layer = stats.cpu, stats.memory, stats.writable_layer
    if cpu is not None and cpu.usage_core_nano_seconds is not None:
        key = stats.attributes.id if stats.attributes is not None else name
        seen.add(key)
        rate = cpu.usage_nano_cores or rates.nano_cores(key, cpu.timestamp / 1e9, cpu.usage_core_nano_seconds)
        entry["cpu"] = _cpu(_time_of(cpu.timestamp), cpu.usage_core_nano_seconds, rate)
    if memory is not None:
        entry["memory"] = _present(
            time=_time_of(memory.timestamp),
            availableBytes=memory.available_bytes or None,
            usageBytes=memory.usage_bytes,
            workingSetBytes=memory.working_set_bytes,
            rssBytes=memory.rss_bytes,
            pageFaults=memory.page_faults,
            majorPageFaults=memory.major_page_faults,
        )
    if full and layer is not None:
        entry["rootfs"] = _present(
            time=_time_of(layer.timestamp),
            availableBytes=node_fs.available_bytes,
            capacityBytes=node_fs.capacity_bytes,
            usedBytes=layer.used_bytes,
            inodesFree=node_fs.inodes_free,
            inodes=node_fs.inodes,
            inodesUsed=layer.inodes_used,
        )
    return entry


def _pod(usage: PodUsage, snapshot: Snapshot, rates: Rates, full: bool, seen: set[str]) -> dict[str, Any]:
    meta = usage.pod.metadata
    time = format_time(snapshot.time)
    started = usage.pod.status.start_time
    entry: dict[str, Any] = {
        "podRef": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
        "startTime": format_time(started) if started is not None else None,
        "containers": [
            _container(usage, name, stats, snapshot.node_fs, rates, full, seen)
            for name, stats in sorted(usage.containers.items())
        ],
    }
    if usage.own is not None:
        key = f"pod {meta.uid}"
        seen.add(key)
        nanoseconds = usage.own.cpu_usage_nanoseconds
        entry["cpu"] = _cpu(time, nanoseconds, rates.nano_cores(key, snapshot.time.timestamp(), nanoseconds))
        entry["memory"] = _cgroup_memory(time, usage.own)
        if full:
            entry["process_stats"] = {"process_count": usage.own.processes}
    if full and usage.volumes:
        entry["volume"] = usage.volumes
    return entry


def summary(snapshot: Snapshot, node_name: str, rates: Rates, *, only_cpu_and_memory: bool = False) -> dict[str, Any]:
    """A snapshot as the Summary of stats/v1alpha1."""
    machine, time = snapshot.machine, format_time(snapshot.time)
    full = not only_cpu_and_memory
    seen = {"node"}
    rate = rates.nano_cores("node", snapshot.time.timestamp(), machine.cpu_nanoseconds)
    node: dict[str, Any] = {
        "nodeName": node_name,
        "startTime": _time_of(int(machine.boot_time * 1e9)),
        "cpu": _cpu(time, machine.cpu_nanoseconds, rate),
        "memory": {
            "time": time,
            "availableBytes": machine.memory_available_bytes,
            "usageBytes": machine.memory_usage_bytes,
            "workingSetBytes": machine.memory_working_set_bytes,
            "rssBytes": machine.memory_rss_bytes,
        },
    }
    if full:
        disk = {
            "time": time,
            "availableBytes": snapshot.node_fs.available_bytes,
            "capacityBytes": snapshot.node_fs.capacity_bytes,
            "inodesFree": snapshot.node_fs.inodes_free,
            "inodes": snapshot.node_fs.inodes,
        }
        used = snapshot.node_fs.inodes - snapshot.node_fs.inodes_free
        node["fs"] = {**disk, "usedBytes": snapshot.node_fs.used_bytes, "inodesUsed": used}
        images = snapshot.image_fs[0] if snapshot.image_fs else None
        image_use = _present(usedBytes=images.used_bytes, inodesUsed=images.inodes_used) if images is not None else {}
        node["runtime"] = {"imageFs": {**disk, **image_use}}
        node["rlimit"] = {"time": time, "maxpid": machine.maximum_processes, "curproc": machine.processes}
    pods = [_pod(usage, snapshot, rates, full, seen) for usage in snapshot.pods]
    rates.keep(seen)
    return {"node": node, "pods": pods}


def metric_labels(**labels: str) -> str:
    """Labels of a sample in the text format, escaped."""

    def quoted(text: str) -> str:
        return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

    return "{" + ",".join(f'{name}="{quoted(text)}"' for name, text in labels.items()) + "}"


def resource_metrics(snapshot: Snapshot) -> str:
    """A snapshot in the text format of /metrics/resource, which the metrics server scrapes."""
    families: dict[str, list[str]] = {}

    def add(name: str, labels: str, value: float, nanoseconds: int) -> None:
        stamp = f" {nanoseconds // 1_000_000}" if nanoseconds else ""
        families.setdefault(name, []).append(f"{name}{labels} {value:.12g}{stamp}")

    now = int(snapshot.time.timestamp() * 1e9)
    for usage in snapshot.pods:
        meta = usage.pod.metadata
        where = {"namespace": meta.namespace or "", "pod": meta.name or ""}
        for name, stats in sorted(usage.containers.items()):
            labels = metric_labels(container=name, **where)
            if stats.cpu is not None and stats.cpu.usage_core_nano_seconds is not None:
                seconds = stats.cpu.usage_core_nano_seconds / 1e9
                add("container_cpu_usage_seconds_total", labels, seconds, stats.cpu.timestamp)
            if stats.memory is not None and stats.memory.working_set_bytes is not None:
                working_set = stats.memory.working_set_bytes
                add("container_memory_working_set_bytes", labels, working_set, stats.memory.timestamp)
            started = _started_at(usage.pod, name)
            if started is not None:
                add("container_start_time_seconds", labels, started.timestamp(), 0)
        if usage.own is not None:
            add("pod_cpu_usage_seconds_total", metric_labels(**where), usage.own.cpu_usage_nanoseconds / 1e9, now)
            add("pod_memory_working_set_bytes", metric_labels(**where), usage.own.memory_working_set_bytes, now)
    add("node_cpu_usage_seconds_total", "", snapshot.machine.cpu_nanoseconds / 1e9, now)
    add("node_memory_working_set_bytes", "", snapshot.machine.memory_working_set_bytes, now)
    add("resource_scrape_error", "", 0, 0)
    lines: list[str] = []
    for name in sorted(families):
        lines.append(f"# TYPE {name} {'counter' if name.endswith('_total') else 'gauge'}")
        lines += families[name]
    return "\n".join(lines) + "\n"
