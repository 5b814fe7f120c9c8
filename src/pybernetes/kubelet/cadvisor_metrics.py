"""/metrics/cadvisor: a snapshot of usage under the names that cAdvisor made, which dashboards and alerts rely on. Pure.

Snapshot (stats.py) ──▶ container_*{container,id,image,name,namespace,pod}  one series per container
                    ├─▶ the same with container=""                         the pod as a whole
                    └─▶ the same with id="/", machine_*                     the node
"""

from collections.abc import Mapping

from .server_logs import status_of
from .stats import PodUsage, Snapshot, metric_labels

HELP: Mapping[str, tuple[str, str]] = {
    "container_cpu_usage_seconds_total": ("counter", "Cumulative cpu time consumed in seconds."),
    "container_fs_usage_bytes": ("gauge", "Number of bytes that are consumed by the container on this filesystem."),
    "container_last_seen": ("gauge", "Last time a container was seen by the exporter."),
    "container_memory_rss": ("gauge", "Size of RSS in bytes."),
    "container_memory_usage_bytes": ("gauge", "Current memory usage in bytes."),
    "container_memory_working_set_bytes": ("gauge", "Current working set in bytes."),
    "container_processes": ("gauge", "Number of processes running inside the container."),
    "container_spec_memory_limit_bytes": ("gauge", "Memory limit for the container."),
    "machine_cpu_cores": ("gauge", "Number of logical CPU cores."),
    "machine_memory_bytes": ("gauge", "Amount of memory installed on the machine."),
}


class _Series:
    """Collects samples by family, in the order of their names."""

    def __init__(self, milliseconds: int) -> None:
        self._lines: dict[str, list[str]] = {}
        self._stamp = milliseconds

    def add(self, name: str, labels: str, value: float | None) -> None:
        if value is not None:
            self._lines.setdefault(name, []).append(f"{name}{labels} {value:.12g} {self._stamp}")

    def text(self) -> str:
        lines: list[str] = []
        for name in sorted(self._lines):
            kind, words = HELP[name]
            lines += [f"# HELP {name} {words}", f"# TYPE {name} {kind}", *self._lines[name]]
        return "\n".join(lines) + "\n"


def cadvisor_metrics(snapshot: Snapshot, cpus: int) -> str:
    """The text format of everything in a snapshot. cpus is how many the machine has."""
    now = snapshot.time.timestamp()
    series = _Series(int(now * 1000))
    machine = snapshot.machine
    for usage in snapshot.pods:
        _pod(series, usage, now)
    root = metric_labels(container="", id="/", image="", name="", namespace="", pod="")
    series.add("container_cpu_usage_seconds_total", root, machine.cpu_nanoseconds / 1e9)
    series.add("container_memory_usage_bytes", root, machine.memory_usage_bytes)
    series.add("container_memory_working_set_bytes", root, machine.memory_working_set_bytes)
    series.add("container_memory_rss", root, machine.memory_rss_bytes)
    series.add("container_processes", root, machine.processes)
    series.add("container_last_seen", root, now)
    series.add("machine_cpu_cores", "", cpus)
    series.add("machine_memory_bytes", "", machine.memory_capacity_bytes)
    return series.text()


def _pod(series: _Series, usage: PodUsage, now: float) -> None:
    meta = usage.pod.metadata
    where = {"namespace": meta.namespace or "", "pod": meta.name or ""}
    for name, stats in sorted(usage.containers.items()):
        status = status_of(usage.pod, name)
        container_id = stats.attributes.id if stats.attributes is not None else ""
        image = status.image_id or status.image if status is not None else ""
        labels = metric_labels(
            container=name, id=f"/pod{meta.uid}/{container_id}", image=image or "", name=container_id, **where
        )
        if stats.cpu is not None and stats.cpu.usage_core_nano_seconds is not None:
            series.add("container_cpu_usage_seconds_total", labels, stats.cpu.usage_core_nano_seconds / 1e9)
        if stats.memory is not None:
            series.add("container_memory_usage_bytes", labels, stats.memory.usage_bytes)
            series.add("container_memory_working_set_bytes", labels, stats.memory.working_set_bytes)
            series.add("container_memory_rss", labels, stats.memory.rss_bytes)
        if stats.writable_layer is not None:
            series.add("container_fs_usage_bytes", labels, stats.writable_layer.used_bytes)
        series.add("container_last_seen", labels, now)
    if usage.own is not None:
        own = usage.own
        labels = metric_labels(container="", id=f"/pod{meta.uid}", image="", name="", **where)
        series.add("container_cpu_usage_seconds_total", labels, own.cpu_usage_nanoseconds / 1e9)
        series.add("container_memory_usage_bytes", labels, own.memory_usage_bytes)
        series.add("container_memory_working_set_bytes", labels, own.memory_working_set_bytes)
        series.add("container_memory_rss", labels, own.memory_rss_bytes)
        series.add("container_spec_memory_limit_bytes", labels, own.memory_limit_bytes)
        series.add("container_processes", labels, own.processes)
        series.add("container_last_seen", labels, now)
