"""The numbers of the scheduler, under upstream's names."""

from pybernetes.base.metrics import Counter, Gauge, Histogram, Registry
from pybernetes.scheduler.queue import SchedulingQueue

SCHEDULED, UNSCHEDULABLE, ERROR = "scheduled", "unschedulable", "error"
_PLACES = {"active": "active", "backoff": "backoff", "waiting": "unschedulable", "gated": "gated"}


class SchedulerMetrics:
    """One set per scheduler."""

    def __init__(self, profile: str, queue: SchedulingQueue) -> None:
        self._profile = profile
        self._queue = queue
        self._attempts = Counter(
            "scheduler_schedule_attempts_total", "Attempts to schedule pods, by the result.", ("result", "profile")
        )
        self._durations = Histogram(
            "scheduler_scheduling_attempt_duration_seconds",
            "Scheduling attempt latency in seconds (scheduling algorithm + binding).",
            ("result", "profile"),
        )
        self._waits = Histogram(
            "scheduler_pod_scheduling_sli_duration_seconds",
            "Seconds from entering the queue to being bound.",
            ("attempts",),
        )
        self._pending = Gauge("scheduler_pending_pods", "Pending pods, by the queue type.", ("queue",))
        self.preemptions = Counter(
            "scheduler_preemption_attempts_total", "Preemption attempts in the cluster till now."
        )
        self.registry = Registry([self._attempts, self._durations, self._waits, self._pending, self.preemptions])
        self.registry.on_collect(self._collect)

    def attempt(self, result: str, seconds: float) -> None:
        """An attempt ended."""
        self._attempts.inc((result, self._profile))
        self._durations.observe(seconds, (result, self._profile))

    def bound(self, attempts: int, seconds: float) -> None:
        """A pod was bound, so long after it came."""
        self._waits.observe(seconds, (str(min(attempts, 16)),))

    def _collect(self) -> None:
        for place, number in self._queue.counts().items():
            if place in _PLACES:
                self._pending.set(number, (_PLACES[place],))
