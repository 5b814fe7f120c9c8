"""The numbers of the scheduler, under upstream's names."""

from collections.abc import Mapping

from pybernetes.base.metrics import Counter, Gauge, Histogram, Registry
from pybernetes.scheduler.queue import SchedulingQueue
from pybernetes.scheduler.snapshot import Snapshot

SCHEDULED, UNSCHEDULABLE, ERROR = "scheduled", "unschedulable", "error"
_PLACES = {"active": "active", "backoff": "backoff", "waiting": "unschedulable", "gated": "gated"}


def _doubling(first: float, number: int) -> list[float]:
    return [first * 2**step for step in range(number)]


class SchedulerMetrics:
    """One set per scheduler."""

    def __init__(self, queue: SchedulingQueue, snapshot: Snapshot) -> None:
        self._queue = queue
        self._snapshot = snapshot
        self._attempts = Counter(
            "scheduler_schedule_attempts_total", "Attempts to schedule pods, by the result.", ("result", "profile")
        )
        self._durations = Histogram(
            "scheduler_scheduling_attempt_duration_seconds",
            "Scheduling attempt latency in seconds (scheduling algorithm + binding).",
            ("result", "profile"),
            _doubling(0.001, 15),
        )
        self._decisions = Histogram(
            "scheduler_scheduling_algorithm_duration_seconds",
            "Scheduling algorithm latency in seconds.",
            (),
            _doubling(0.001, 15),
        )
        self._points = Histogram(
            "scheduler_framework_extension_point_duration_seconds",
            "Latency for running all plugins of an extension point that waits for others.",
            ("extension_point", "status", "profile"),
            _doubling(0.0001, 12),
        )
        self._permits = Histogram(
            "scheduler_permit_wait_duration_seconds",
            "Duration of waiting on permit.",
            ("result",),
            _doubling(0.001, 15),
        )
        self._waits = Histogram(
            "scheduler_pod_scheduling_sli_duration_seconds",
            "Seconds from entering the queue to being bound.",
            ("attempts",),
            _doubling(0.01, 20),
        )
        self._tries = Histogram(
            "scheduler_pod_scheduling_attempts",
            "Number of attempts to successfully schedule a pod.",
            (),
            _doubling(1, 5),
        )
        self._preemptions = Counter(
            "scheduler_preemption_attempts_total", "Preemption attempts in the cluster till now."
        )
        self._victims = Histogram(
            "scheduler_preemption_victims", "Number of selected preemption victims.", (), _doubling(1, 7)
        )
        self._incoming = Counter(
            "scheduler_queue_incoming_pods_total",
            "Number of pods added to scheduling queues by event and queue type.",
            ("queue", "event"),
        )
        self._pending = Gauge("scheduler_pending_pods", "Pending pods, by the queue type.", ("queue",))
        self._unschedulable = Gauge(
            "scheduler_unschedulable_pods",
            "The number of unschedulable pods broken down by plugin name.",
            ("plugin", "profile"),
        )
        self._sizes = Gauge("scheduler_cache_size", "Number of nodes, pods, and assumed pods in the cache.", ("type",))
        self.registry = Registry(
            [
                self._attempts,
                self._durations,
                self._decisions,
                self._points,
                self._permits,
                self._waits,
                self._tries,
                self._preemptions,
                self._victims,
                self._incoming,
                self._pending,
                self._unschedulable,
                self._sizes,
            ]
        )
        self.registry.on_collect(self._collect)

    def attempt(self, result: str, profile: str, seconds: float) -> None:
        """An attempt ended."""
        self._attempts.inc((result, profile))
        self._durations.observe(seconds, (result, profile))

    def decided(self, seconds: float) -> None:
        """A node was found, or that there is none."""
        self._decisions.observe(seconds)

    def ran(self, point: str, ok: bool, profile: str, seconds: float) -> None:
        """The plugins of an extension point have done their work."""
        self._points.observe(seconds, (point, "Success" if ok else "Error", profile))

    def permitted(self, ok: bool, seconds: float) -> None:
        """A pod that was held went on, or was rejected."""
        self._permits.observe(seconds, ("Success" if ok else "Unschedulable",))

    def bound(self, attempts: int, seconds: float) -> None:
        """A pod was bound, so long after it came."""
        self._waits.observe(seconds, (str(min(attempts, 16)),))
        self._tries.observe(attempts)

    def preempts(self, victims: int) -> None:
        """A pod pushes others aside."""
        self._preemptions.inc()
        self._victims.observe(victims)

    def _collect(self) -> None:
        queue, placed = self._queue, self._snapshot.placed
        for place, number in queue.counts().items():
            if place in _PLACES:
                self._pending.set(number, (_PLACES[place],))
        _replace(self._unschedulable, {(plugin, profile): n for (profile, plugin), n in queue.waiting().items()})
        _replace(self._incoming, queue.incoming)
        self._sizes.set(len(self._snapshot.rows), ("nodes",))
        self._sizes.set(len(placed), ("pods",))
        self._sizes.set(sum(one.assumed for one in placed.values()), ("assumed_pods",))


def _replace(metric: Counter, found: Mapping[tuple[str, str], float]) -> None:
    metric.values = {labels: number for labels, number in found.items()}  # noqa: C416 - other labels type
