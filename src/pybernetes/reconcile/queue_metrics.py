"""What work queues tell of themselves, under the names and in the buckets of client-go's workqueue metrics.

    add ──▶ depth, adds ──get──▶ queue_duration ──done──▶ work_duration
    add_after ──▶ retries                  between get and done: unfinished_work, longest_running_processor

One `QueueMetrics` for all queues of a manager; each queue has a `QueueRecord` that it tells what happens.
"""

from collections.abc import Callable

from ..base.metrics import Counter, Gauge, Histogram, Registry

_BUCKETS = tuple(10.0**power for power in range(-8, 2))
_NAME = ("name",)


class QueueMetrics:
    """The metrics of all queues, in `registry`. `monotonic` tells the time in seconds."""

    def __init__(self, registry: Registry, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self.adds = Counter("workqueue_adds_total", "Total number of adds handled by workqueue", _NAME)
        self.retries = Counter("workqueue_retries_total", "Total number of retries handled by workqueue", _NAME)
        self.queue_duration = Histogram(
            "workqueue_queue_duration_seconds",
            "How long in seconds an item stays in workqueue before being requested.",
            _NAME,
            _BUCKETS,
        )
        self.work_duration = Histogram(
            "workqueue_work_duration_seconds",
            "How long in seconds processing an item from workqueue takes.",
            _NAME,
            _BUCKETS,
        )
        self._depth = Gauge("workqueue_depth", "Current depth of workqueue", _NAME)
        self._unfinished = Gauge(
            "workqueue_unfinished_work_seconds",
            "How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large "
            "values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which "
            "this increases.",
            _NAME,
        )
        self._longest = Gauge(
            "workqueue_longest_running_processor_seconds",
            "How many seconds has the longest running processor for workqueue been running.",
            _NAME,
        )
        self._records: dict[str, QueueRecord] = {}
        for metric in (self._depth, self.adds, self.queue_duration, self.work_duration, self._unfinished,
                       self._longest, self.retries):  # fmt: skip
            registry.add(metric)
        registry.on_collect(self._collect)

    def record(self, name: str) -> "QueueRecord":
        """That of the queue of this name; there is one of each."""
        found = self._records[name] = QueueRecord(self, name)
        return found

    def _collect(self) -> None:
        now = self.monotonic()
        for record in self._records.values():
            running = [now - since for since in record.working.values()]
            self._depth.set(len(record.waiting), record.labels)
            self._unfinished.set(sum(running), record.labels)
            self._longest.set(max(running, default=0.0), record.labels)


class QueueRecord:
    """What happens in one queue, as it happens."""

    def __init__(self, metrics: QueueMetrics, name: str) -> None:
        self.labels = (name,)
        self.waiting: dict[str, float] = {}
        self.working: dict[str, float] = {}
        self._metrics = metrics
        metrics.adds.inc(self.labels, 0)
        metrics.retries.inc(self.labels, 0)

    def added(self, key: str) -> None:
        """The key is to be processed (again), and was not before."""
        metrics = self._metrics
        metrics.adds.inc(self.labels)
        self.waiting.setdefault(key, metrics.monotonic())

    def got(self, key: str) -> None:
        """A worker has the key."""
        metrics = self._metrics
        now = self.working[key] = metrics.monotonic()
        metrics.queue_duration.observe(now - self.waiting.pop(key, now), self.labels)

    def done(self, key: str) -> None:
        """The worker is done with it."""
        metrics = self._metrics
        since = self.working.pop(key, None)
        if since is not None:
            metrics.work_duration.observe(metrics.monotonic() - since, self.labels)

    def retried(self) -> None:
        """A key is to come back later."""
        self._metrics.retries.inc(self.labels)
