"""What a Job's pods amount to: pure.

    pods + status ──observe──▶ Observed: active, newly finished, totals, indexes ──verdict──▶ succeeded, failed, neither

Counting exactly once: a finished pod keeps the tracking finalizer until its uid is in `uncountedTerminatedPods` of the
status (or its index in `completedIndexes`). Only then the finalizer goes, and only then the uid moves into the totals.
With a limit per index the last failed pod of an index also keeps it until another pod has its index: it alone says how
often the index failed.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from ...api.batch import Job, JobCondition
from ...api.core import Pod
from ...base.clock import after
from ...reconcile.pods import is_active, is_ready, phase_of, restarts_of
from .failure_policy import COUNT, FAIL_INDEX, FAIL_JOB, IGNORE, action_for
from .indexes import index_of, parse

FINALIZER = "batch.kubernetes.io/job-tracking"
FIRST_BACKOFF_SECONDS = 10.0
LONGEST_BACKOFF_SECONDS = 600.0
NO_LIMIT = 2**31 - 1
FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count"
IGNORED_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count"


class Observed(msgspec.Struct, kw_only=True):
    """The pods of a Job, sorted out. `new_…` are finished pods that are not counted yet."""

    active: list[Pod]
    terminating: int
    ready: int
    new_succeeded: list[Pod]
    new_failed: list[Pod]
    ignored: list[Pod]
    succeeded: int
    failed: int
    completed_indexes: set[int]
    failed_indexes: set[int]
    fail_job_message: str
    kept: set[str]
    """The uids of failed pods that stay until their index has another pod."""


class Verdict(msgspec.Struct, frozen=True):
    """Why a Job is to end: the condition to reach, with reason and message."""

    succeeded: bool
    reason: str
    message: str


class Tries(msgspec.Struct, frozen=True):
    """How often an index failed: what counts against its limit, and what a rule ignored."""

    counted: int = 0
    ignored: int = 0


def is_indexed(job: Job) -> bool:
    """Whether pods have completion indexes."""
    return job.spec.completion_mode == "Indexed"


def is_suspended(job: Job) -> bool:
    """Whether it is not to run now."""
    return bool(job.spec.suspend)


def condition_of(job: Job, type_: str) -> JobCondition | None:
    """One condition that is True."""
    return next((c for c in job.status.conditions or () if c.type == type_ and c.status == "True"), None)


def is_finished(job: Job) -> bool:
    """Whether it completed or failed."""
    return condition_of(job, "Complete") is not None or condition_of(job, "Failed") is not None


def has_finalizer(pod: Pod) -> bool:
    """Whether the pod still has to be counted."""
    return FINALIZER in (pod.metadata.finalizers or ())


def replaces_only_failed(job: Job) -> bool:
    """Whether a terminating pod is replaced only after it has fully ended."""
    return job.spec.pod_replacement_policy == "Failed" or job.spec.pod_failure_policy is not None


def has_failed(job: Job, pod: Pod) -> bool:
    """Whether the pod counts as failed. A deleted pod does at once, as it may never report a phase."""
    if phase_of(pod) == "Failed":
        return True
    if replaces_only_failed(job):
        return False
    return pod.metadata.deletion_timestamp is not None and phase_of(pod) != "Succeeded"


def observe(job: Job, pods: Iterable[Pod], removed: "set[str]") -> Observed:
    """Sort the pods out. `removed` are uids whose finalizer was removed already, whatever the cache shows."""
    every = list(pods)
    uncounted = job.status.uncounted_terminated_pods
    counted_succeeded = set((uncounted.succeeded if uncounted else None) or ())
    counted_failed = set((uncounted.failed if uncounted else None) or ())
    completions = job.spec.completions
    completed = parse(job.status.completed_indexes, completions) if is_indexed(job) else set()
    failed_indexes = parse(job.status.failed_indexes, completions) if is_indexed(job) else set()
    new_succeeded: list[Pod] = []
    new_failed: list[Pod] = []
    ignored: list[Pod] = []
    fail_job = ""
    for pod in every:
        uid = pod.metadata.uid or ""
        if not has_finalizer(pod) or uid in removed:
            continue
        if phase_of(pod) == "Succeeded":
            if uid not in counted_succeeded:
                new_succeeded.append(pod)
        elif has_failed(job, pod) and uid not in counted_failed:
            action, message = action_for(job, pod) if phase_of(pod) == "Failed" else (COUNT, "")
            if action == FAIL_JOB:
                fail_job = fail_job or message
            (ignored if action == IGNORE else new_failed).append(pod)
            index = index_of(pod)
            if index is not None and _fails_index(job, pod, action):
                failed_indexes.add(index)
    if is_indexed(job):
        within = [index for pod in new_succeeded if (index := index_of(pod)) is not None]
        completed.update(index for index in within if completions is None or index < completions)
        failed_indexes -= completed
        succeeded = len(completed)
    else:
        succeeded = (job.status.succeeded or 0) + len(counted_succeeded) + len(new_succeeded)
    active = [pod for pod in every if is_active(pod)]
    settled = completed | failed_indexes | {index for pod in active if (index := index_of(pod)) is not None}
    return Observed(
        active=active,
        terminating=sum(
            pod.metadata.deletion_timestamp is not None and phase_of(pod) not in ("Succeeded", "Failed")
            for pod in every
        ),
        ready=sum(map(is_ready, active)),
        new_succeeded=new_succeeded,
        new_failed=new_failed,
        ignored=ignored,
        succeeded=succeeded,
        failed=(job.status.failed or 0) + len(counted_failed) + len(new_failed),
        completed_indexes=completed,
        failed_indexes=failed_indexes,
        fail_job_message=fail_job,
        kept=_kept(job, (pod for pod in every if (pod.metadata.uid or "") not in removed), settled),
    )


def verdict(job: Job, observed: Observed, pods: Iterable[Pod], now: datetime) -> Verdict | None:
    """Whether the Job is to end now. A target that was recorded earlier stands."""
    recorded = condition_of(job, "FailureTarget")
    if recorded is not None:
        return Verdict(False, recorded.reason or "", recorded.message or "")
    recorded = condition_of(job, "SuccessCriteriaMet")
    if recorded is not None:
        return Verdict(True, recorded.reason or "", recorded.message or "")
    if observed.fail_job_message:
        return Verdict(False, "PodFailurePolicy", observed.fail_job_message)
    limit = job.spec.backoff_limit if job.spec.backoff_limit is not None else 6
    is_limited = job.spec.backoff_limit_per_index is None or job.spec.backoff_limit is not None
    if is_limited and (observed.failed > limit or _restarts_exceed(job, pods, limit)):
        return Verdict(False, "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    seconds = seconds_to_deadline(job, now)
    if seconds is not None and seconds <= 0 and not is_suspended(job):
        return Verdict(False, "DeadlineExceeded", "Job was active longer than specified deadline")
    if observed.failed_indexes:
        maximum = job.spec.max_failed_indexes
        if maximum is not None and len(observed.failed_indexes) > maximum:
            message = "Job has exceeded the specified maximal number of failed indexes"
            return Verdict(False, "MaxFailedIndexesExceeded", message)
        finished = len(observed.failed_indexes) + len(observed.completed_indexes)
        if job.spec.completions is not None and finished >= job.spec.completions:
            return Verdict(False, "FailedIndexes", "Job has failed indexes")
    rule = _success_rule(job, observed)
    if rule is not None:
        return Verdict(True, "SuccessPolicy", f"Matched rules at index {rule}")
    completions = job.spec.completions
    if completions is None:  # what a suspended Job has running is removed, as if it had ended by itself
        is_done = observed.succeeded > 0 and (not observed.active or is_suspended(job))
    else:
        is_done = observed.succeeded >= completions
    if is_done:
        return Verdict(True, "CompletionsReached", "Reached expected number of succeeded pods")
    return None


def seconds_to_deadline(job: Job, now: datetime) -> float | None:
    """Seconds until `activeDeadlineSeconds` pass; None without a deadline or before the start."""
    if job.spec.active_deadline_seconds is None or job.status.start_time is None:
        return None
    return (after(job.status.start_time, job.spec.active_deadline_seconds) - now).total_seconds()


def wanted_active(job: Job, observed: Observed) -> int:
    """How many pods should run now."""
    if is_suspended(job):
        return 0
    parallelism = job.spec.parallelism if job.spec.parallelism is not None else 1
    if job.spec.completions is None:  # after the first success what runs goes on, whatever becomes of parallelism
        return len(observed.active) if observed.succeeded > 0 else parallelism
    left = job.spec.completions - observed.succeeded - len(observed.failed_indexes)
    return max(0, min(left, parallelism))


def backoff_seconds(failures: int, last_failure: datetime | None, now: datetime) -> float:
    """How long to wait before the next pod after so many failures in a row: 10 s, doubling, at most 10 minutes."""
    if failures <= 0 or last_failure is None:
        return 0.0
    wait: float = min(FIRST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 100), LONGEST_BACKOFF_SECONDS)
    return max(0.0, (after(last_failure, wait) - now).total_seconds())


def finished_at(pod: Pod, now: datetime) -> datetime:
    """When the pod's last container ended; now when it does not say."""
    instants = [
        status.state.terminated.finished_at
        for status in pod.status.container_statuses or ()
        if status.state is not None and status.state.terminated is not None and status.state.terminated.finished_at
    ]
    return max(instants, default=now)


def _fails_index(job: Job, pod: Pod, action: str) -> bool:
    """Whether this failure uses up the last try of its index."""
    limit = job.spec.backoff_limit_per_index
    if limit is None or action == IGNORE:
        return False
    if action == FAIL_INDEX:
        return True
    return failures_before(pod) >= limit


def failures_before(pod: Pod) -> int:
    """How often the pod's index had failed when the pod was made, and it counted."""
    return _number(pod, FAILURE_COUNT)


def ignored_before(pod: Pod) -> int:
    """How often the pod's index had failed when the pod was made, and a rule ignored it."""
    return _number(pod, IGNORED_COUNT)


def _number(pod: Pod, annotation: str) -> int:
    text = (pod.metadata.annotations or {}).get(annotation, "")
    return int(text) if text.isdigit() else 0


def next_tries(job: Job, failed: Iterable[Pod]) -> Tries:
    """What the next pod of an index is told, by the failed pods of that index."""
    newest = max(failed, key=_how_late, default=None)
    if newest is None:
        return Tries()
    is_ignored = phase_of(newest) == "Failed" and action_for(job, newest)[0] == IGNORE
    counted, ignored = failures_before(newest), ignored_before(newest)
    return Tries(counted, ignored + 1) if is_ignored else Tries(counted + 1, ignored)


def _how_late(pod: Pod) -> int:
    return failures_before(pod) + ignored_before(pod)


def _kept(job: Job, pods: Iterable[Pod], settled: set[int]) -> set[str]:
    """The last failed pod of each index that waits for another one."""
    if job.spec.backoff_limit_per_index is None or not is_indexed(job):
        return set()
    last: dict[int, Pod] = {}
    for pod in pods:
        index = index_of(pod)
        if index is None or index in settled or index >= (job.spec.completions or 0):
            continue
        if has_finalizer(pod) and has_failed(job, pod):
            last[index] = max(last.get(index, pod), pod, key=_how_late)
    return {pod.metadata.uid or "" for pod in last.values()}


def _success_rule(job: Job, observed: Observed) -> int | None:
    policy = job.spec.success_policy
    if policy is None or not is_indexed(job):
        return None
    for number, rule in enumerate(policy.rules or ()):
        done = observed.completed_indexes
        if rule.succeeded_indexes:
            wanted = parse(rule.succeeded_indexes, job.spec.completions)
            done = done & wanted
            needed = rule.succeeded_count if rule.succeeded_count is not None else len(wanted)
        else:
            needed = rule.succeeded_count or 0
        if needed and len(done) >= needed:
            return number
    return None


def _restarts_exceed(job: Job, pods: Iterable[Pod], limit: int) -> bool:
    """With restartPolicy OnFailure the containers' restarts count against the limit."""
    if job.spec.template.spec.restart_policy != "OnFailure":
        return False
    restarts = sum(restarts_of(pod) for pod in pods if phase_of(pod) in ("Running", "Pending"))
    return restarts > 0 if limit == 0 else restarts >= limit
