"""Counters, gauges and histograms with labels, written in the Prometheus text format.

    requests = Counter("apiserver_request_total", "Requests by code.", ("verb", "code"))
    requests.inc(("GET", "200"))

A metric is a dict from label values to numbers; counting is one dict access. Several parts in one process keep their
own `Registry`, so that the numbers of one component are not mixed with another's.
"""

import math
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

LATENCY_SECONDS = (
    0.005,
    0.025,
    0.05,
    0.1,
    0.2,
    0.4,
    0.6,
    0.8,
    1.0,
    1.25,
    1.5,
    2,
    3,
    4,
    5,
    6,
    8,
    10,
    15,
    20,
    30,
    45,
    60,
)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Labels = tuple[str, ...]


class Counter:
    """A number per combination of label values that only grows."""

    kind = "counter"

    def __init__(self, name: str, help: str, labels: Sequence[str] = ()) -> None:
        self.name = name
        self.help = help
        self.labels = tuple(labels)
        self.values: dict[Labels, float] = {} if labels else {(): 0}

    def inc(self, labels: Labels = (), amount: float = 1) -> None:
        """Add to the number of these label values."""
        self.values[labels] = self.values.get(labels, 0) + amount

    def lines(self) -> Iterable[str]:
        """The samples as text."""
        for labels, value in self.values.items():
            yield f"{self.name}{_braces(self.labels, labels)} {_number(value)}"


class Gauge(Counter):
    """A number per combination of label values that goes up and down."""

    kind = "gauge"

    def set(self, value: float, labels: Labels = ()) -> None:
        """The number of these label values is now value."""
        self.values[labels] = value

    def dec(self, labels: Labels = (), amount: float = 1) -> None:
        """Take from the number of these label values."""
        self.values[labels] = self.values.get(labels, 0) - amount

    def remove(self, labels: Labels) -> None:
        """These label values exist no longer."""
        self.values.pop(labels, None)


class Histogram:
    """Observations per combination of label values, counted in buckets."""

    kind = "histogram"

    def __init__(
        self, name: str, help: str, labels: Sequence[str] = (), buckets: Sequence[float] = LATENCY_SECONDS
    ) -> None:
        self.name = name
        self.help = help
        self.labels = tuple(labels)
        self.buckets = tuple(buckets)
        self.values: dict[Labels, tuple[list[int], list[float]]] = {}

    def observe(self, value: float, labels: Labels = ()) -> None:
        """Count one observation."""
        found = self.values.get(labels)
        if found is None:
            found = self.values[labels] = ([0] * (len(self.buckets) + 1), [0.0])
        counts, total = found
        counts[bisect_left(self.buckets, value)] += 1
        total[0] += value

    def lines(self) -> Iterable[str]:
        """The samples as text: cumulative buckets, sum and count."""
        for labels, (counts, total) in self.values.items():
            seen = 0
            for bound, count in zip((*self.buckets, None), counts, strict=True):
                seen += count
                text = "+Inf" if bound is None else _number(bound)
                yield f"{self.name}_bucket{_braces((*self.labels, 'le'), (*labels, text))} {seen}"
            yield f"{self.name}_sum{_braces(self.labels, labels)} {_number(total[0])}"
            yield f"{self.name}_count{_braces(self.labels, labels)} {seen}"


Metric = Counter | Histogram


class Registry:
    """The metrics of one component. `collect` functions set gauges just before a scrape."""

    def __init__(self, metrics: Iterable[Metric] = ()) -> None:
        self._metrics: list[Metric] = list(metrics)
        self._collect: list[Callable[[], None]] = []

    def add(self, metric: Metric) -> None:
        """Show one more metric."""
        self._metrics.append(metric)

    def on_collect(self, collect: Callable[[], None]) -> None:
        """Call this before each scrape."""
        self._collect.append(collect)

    def text(self) -> bytes:
        """Everything in the Prometheus text format."""
        for collect in self._collect:
            collect()
        lines: list[str] = []
        for metric in self._metrics:
            text = metric.help.replace("\\", "\\\\").replace("\n", "\\n")
            lines.append(f"# HELP {metric.name} {text}")
            lines.append(f"# TYPE {metric.name} {metric.kind}")
            lines += metric.lines()
        return ("\n".join(lines) + "\n").encode()


def add_process_metrics(registry: Registry) -> None:
    """CPU time, memory, start time and open files of this process."""
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    cpu = Gauge("process_cpu_seconds_total", "CPU time used by the process in seconds.")
    memory = Gauge("process_resident_memory_bytes", "Resident memory in bytes.")
    started = Gauge("process_start_time_seconds", "Start time since the epoch in seconds.")
    files = Gauge("process_open_fds", "Open file descriptors.")
    started.set(process_started())
    for gauge in (cpu, memory, started, files):
        registry.add(gauge)

    def collect() -> None:
        times = os.times()
        cpu.set(times.user + times.system)
        with open("/proc/self/statm") as file:
            memory.set(int(file.read().split()[1]) * page_bytes)
        files.set(len(os.listdir("/proc/self/fd")))

    registry.on_collect(collect)


def process_started() -> float:
    """When this process began, in seconds since the epoch."""
    with open("/proc/self/stat", "rb") as file:
        ticks = int(file.read().rpartition(b")")[2].split()[19])
    with open("/proc/stat", "rb") as file:
        booted = next(int(line.split()[1]) for line in file if line.startswith(b"btime"))
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def _braces(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(value)
