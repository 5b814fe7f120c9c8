"""How the Job controller fares, under upstream's names."""

from ...api.batch import Job
from ...base.metrics import Counter, Histogram, Registry
from .assess import is_indexed

_SYNC = ("completion_mode", "result", "action")
_SYNC_BUCKETS = tuple(0.004 * 2**power for power in range(15))
RECONCILING = "reconciling"
"""A run that waits for what earlier ones began, or ends the Job; the others are `tracking`, `pods_created` and
`pods_deleted`."""


def mode_of(job: Job) -> str:
    """The label `completion_mode`."""
    return "Indexed" if is_indexed(job) else "NonIndexed"


class JobMetrics:
    """The metrics of the Job controller, in `registry`."""

    def __init__(self, registry: Registry) -> None:
        self._durations = Histogram(
            "job_controller_job_sync_duration_seconds", "The time it took to sync a job", _SYNC, _SYNC_BUCKETS
        )
        self._syncs = Counter("job_controller_job_syncs_total", "The number of job syncs", _SYNC)
        self._finished = Counter(
            "job_controller_jobs_finished_total",
            "The number of finished jobs",
            ("completion_mode", "result", "reason"),
        )
        self._pods = Counter(
            "job_controller_job_pods_finished_total",
            "The number of finished Pods that are fully tracked",
            ("completion_mode", "result"),
        )
        for metric in (self._durations, self._syncs, self._finished, self._pods):
            registry.add(metric)

    def synced(self, job: Job, action: str, seconds: float, *, failed: bool) -> None:
        """One run of a Job."""
        labels = (mode_of(job), "error" if failed else "success", action)
        self._syncs.inc(labels)
        self._durations.observe(seconds, labels)

    def finished(self, job: Job, reason: str, *, succeeded: bool) -> None:
        """A Job is Complete or Failed."""
        self._finished.inc((mode_of(job), "succeeded" if succeeded else "failed", reason))

    def counted(self, before: Job, after: Job) -> None:
        """The status has new totals."""
        for result in ("succeeded", "failed"):
            change = (getattr(after.status, result) or 0) - (getattr(before.status, result) or 0)
            if change > 0:
                self._pods.inc((mode_of(after), result), change)
