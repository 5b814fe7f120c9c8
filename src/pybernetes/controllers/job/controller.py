"""The shell of the Job controller.

    one run:  claim pods ─▶ observe ─▶ verdict?  yes: record the target, delete what runs, then Complete or Failed
                                                 no:  create or delete pods towards the wanted number
              then count: uncounted uids into the status ─▶ finalizers off ─▶ totals into the status

The uids whose finalizer was removed are remembered until the cache shows it, so that no pod is counted twice.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from ...api.batch import Job, JobCondition, JobStatus, UncountedTerminatedPods
from ...api.core import Pod
from ...api.selectors import from_label_selector
from ...api.status import StatusError, is_conflict, is_not_found
from ...client.view import key_of, split_key
from ...reconcile.controller import Result
from ...reconcile.expectations import Expectations
from ...reconcile.freshness import Freshness
from ...reconcile.manager import ControllerContext
from ...reconcile.ownership import claim, controller_of
from ...reconcile.pod_control import PodControl, in_slow_start, is_namespace_terminating
from ...reconcile.pod_index import CONTROLLER, ORPHANS, index_pods
from ...reconcile.pods import deletion_rank, is_active, node_of, structs_equal
from ...reconcile.sources import owner_key, source
from .assess import (
    FINALIZER,
    Observed,
    Tries,
    Verdict,
    backoff_seconds,
    condition_of,
    finished_at,
    has_finalizer,
    is_finished,
    is_indexed,
    is_suspended,
    next_tries,
    observe,
    replaces_only_failed,
    seconds_to_deadline,
    verdict,
    wanted_active,
)
from .indexes import format_, index_of, missing
from .metrics import RECONCILING, JobMetrics
from .pod import pod_of

MAX_CREATES = 500
STALE_CACHE_SECONDS = 1.0
ORPHAN = "orphan:"


class _Failures(msgspec.Struct):
    """Failures in a row, for the back-off."""

    count: int = 0
    last: Any = None


class _Run(msgspec.Struct):
    """What metrics tell of one run."""

    begun: float
    action: str = RECONCILING
    failed: bool = False


class JobController:
    """See the module docstring. Keys are those of Jobs, or `orphan:` and that of a pod whose Job is gone."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("job-controller")
        self._control = PodControl(context.client, self._recorder)
        self._expectations = Expectations()
        self._freshness = Freshness(context.clock)
        self._removed: dict[str, set[str]] = {}
        self._failures: dict[str, _Failures] = {}
        self._metrics = JobMetrics(context.metrics)
        self._jobs = context.informers.of(Job)
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        self._controller = context.controller("job", self._reconcile, workers=context.config.concurrent_reconciles)
        source(self._jobs, self._controller.enqueue)
        self._jobs.add_handler(self._job_changed)
        self._pods.add_handler(self._pod_changed)
        source(self._pods, self._controller.enqueue, keys=owner_key("Job"))

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _job_changed(self, old: Job | None, new: Job | None) -> None:
        if new is None and old is not None:
            for pod in self._pods.by_index(CONTROLLER, old.metadata.uid or ""):
                if has_finalizer(pod):
                    self._controller.enqueue(ORPHAN + key_of(pod))

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        for key in owner_key("Job")(pod):
            uid = pod.metadata.uid or ""
            if old is None:
                self._expectations.created(key)
            if new is None or new.metadata.deletion_timestamp is not None:
                self._expectations.deleted(key, uid)
            if new is None or not has_finalizer(new):
                self._removed.get(key, set()).discard(uid)
            elif self._jobs.has_synced and self._owner(new) is None:
                self._controller.enqueue(ORPHAN + key_of(new))

    def _owner(self, pod: Pod) -> Job | None:
        reference = controller_of(pod)
        job = self._jobs.get(reference.name, pod.metadata.namespace or "") if reference is not None else None
        return job if job is not None and reference is not None and job.metadata.uid == reference.uid else None

    async def _reconcile(self, key: str) -> Result | None:
        if key.startswith(ORPHAN):
            return await self._free_orphan(key.removeprefix(ORPHAN))
        namespace, name = split_key(key)
        job = self._jobs.get(name, namespace)
        if job is None:
            self._expectations.forget(key)
            self._removed.pop(key, None)
            self._failures.pop(key, None)
            self._freshness.forget(key)
            return None
        if self._freshness.is_behind(key, job):
            return Result(STALE_CACHE_SECONDS)
        if job.spec.managed_by not in (None, "kubernetes.io/job-controller"):
            return None
        if job.spec.completion_mode not in (None, "NonIndexed", "Indexed"):
            message = "Skipped Job sync because completion mode is unknown"
            self._recorder.warning(job, "UnknownCompletionMode", message)
            return None
        pods = await self._claim(job)
        if is_finished(job) or job.metadata.deletion_timestamp is not None:
            await self._remove_finalizers(key, filter(has_finalizer, pods))
            return None
        return await self._sync(key, job, pods)

    async def _free_orphan(self, key: str) -> Result | None:
        """A pod whose Job is gone: nobody will count it."""
        namespace, name = split_key(key)
        pod = self._pods.get(name, namespace)
        if pod is not None and has_finalizer(pod) and self._owner(pod) is None:
            await self._remove_finalizer(pod)
        return None

    async def _claim(self, job: Job) -> list[Pod]:
        selector = from_label_selector(job.spec.selector)
        uid, namespace = job.metadata.uid or "", job.metadata.namespace or ""
        found = claim(
            job,
            [*self._pods.by_index(CONTROLLER, uid), *self._pods.by_index(ORPHANS, namespace)],
            lambda pod: selector.matches(pod.metadata.labels or {}),
        )
        owned = list(found.owned)
        if found.adopt:
            fresh = await self._client.get(Job, job.metadata.name or "", namespace)
            if fresh.metadata.uid == uid and fresh.metadata.deletion_timestamp is None:
                for pod in found.adopt:
                    owned.append(await self._control.adopt(pod, job, finalizers=(FINALIZER,)))
        for pod in found.release:
            await self._control.release(pod, job, finalizers=(FINALIZER,))
        return owned

    async def _sync(self, key: str, job: Job, pods: list[Pod]) -> Result | None:
        run = _Run(self._clock.monotonic())
        try:
            return await self._run(key, job, pods, run)
        except BaseException:
            run.failed = True
            raise
        finally:
            self._metrics.synced(job, run.action, self._clock.monotonic() - run.begun, failed=run.failed)

    async def _run(self, key: str, job: Job, pods: list[Pod], run: _Run) -> Result | None:
        now = self._clock.now()
        observed = observe(job, pods, self._removed.get(key, set()))
        self._note_failures(key, observed)
        wait_seconds = self._expectations.wait_seconds(key, self._clock.monotonic())
        status = msgspec.structs.replace(job.status)
        if status.start_time is None and not is_suspended(job):
            status.start_time = now
        end = verdict(job, observed, pods, now)
        active = len(observed.active)
        failure: BaseException | None = None
        backoff = 0.0
        if wait_seconds == 0.0:
            if end is not None:
                active -= await self._stop(key, job, observed.active)
            else:
                change, backoff, failure = await self._manage(key, job, observed)
                active += change
                run.action = "pods_created" if change > 0 or failure else "pods_deleted" if change else "tracking"
                self._suspend_or_resume(job, status)
        status.active = active or None
        status.ready = observed.ready
        status.terminating = observed.terminating
        if end is not None:
            _target(status, end, now)
        elif is_suspended(job):
            status.start_time = None  # the deadline does not run; what is resumed starts anew (KEP-5440)
        job = await self._count(
            key, job, status, observed, end, is_over=not observed.active and observed.terminating == 0
        )
        if failure is not None and not is_namespace_terminating(failure):
            raise failure
        seconds = seconds_to_deadline(job, now)
        waits = [found for found in (wait_seconds, backoff, seconds) if found is not None and found > 0]
        return Result(min(waits) + 0.01) if waits and not is_finished(job) else None

    def _note_failures(self, key: str, observed: Observed) -> None:
        failures = self._failures.setdefault(key, _Failures())
        if observed.new_succeeded:
            failures.count, failures.last = 0, None
        if observed.new_failed:
            now = self._clock.now()
            failures.count += len(observed.new_failed)
            failures.last = max(finished_at(pod, now) for pod in observed.new_failed)

    def _suspend_or_resume(self, job: Job, status: JobStatus) -> None:
        """What is suspended says so, unless it has ended by then."""
        now = self._clock.now()
        suspended = condition_of(job, "Suspended")
        if is_suspended(job) and suspended is None:
            _set_condition(status, "Suspended", "True", "JobSuspended", "Job suspended", now)
            self._recorder.normal(job, "Suspended", "Job suspended")
        elif not is_suspended(job) and suspended is not None:
            _set_condition(status, "Suspended", "False", "JobResumed", "Job resumed", now)
            self._recorder.normal(job, "Resumed", "Job resumed")
            status.start_time = now

    async def _stop(self, key: str, job: Job, active: list[Pod]) -> int:
        """Delete what still runs of a Job that is to end; how many were."""
        self._expectations.expect_deletions(key, {pod.metadata.uid or "" for pod in active}, self._clock.monotonic())
        results = await asyncio.gather(*(self._control.delete(pod, job) for pod in active), return_exceptions=True)
        for pod, result in zip(active, results, strict=True):
            if isinstance(result, BaseException):
                self._expectations.deleted(key, pod.metadata.uid or "")
        return sum(not isinstance(result, BaseException) for result in results)

    async def _manage(self, key: str, job: Job, observed: Observed) -> tuple[int, float, BaseException | None]:
        """Move towards the wanted number: the change made, seconds to wait for the back-off, the first failure."""
        wanted = wanted_active(job, observed)
        surplus = self._surplus(job, observed, wanted)
        if surplus:
            return -await self._discard(key, job, surplus), 0.0, None
        running = len(observed.active) + (observed.terminating if replaces_only_failed(job) else 0)
        count = min(wanted - running, MAX_CREATES)
        if count <= 0:
            return 0, 0.0, None
        if job.spec.backoff_limit_per_index is not None and is_indexed(job):
            return await self._create_due(key, job, observed, count)
        failures = self._failures.get(key) or _Failures()
        now = self._clock.now()
        if failures.last is not None and failures.last > now:
            failures.last = now  # the clock was set back: nobody waits longer than after a failure of now
        backoff = backoff_seconds(failures.count, failures.last, now)
        if backoff > 0:
            return 0, backoff, None
        indexes: list[int | None] = [None] * count
        if is_indexed(job):
            indexes = list(missing(job.spec.completions or 0, _taken(observed), count))
        succeeded, failure = await self._create(key, job, indexes)
        return succeeded, 0.0, failure

    async def _create_due(
        self, key: str, job: Job, observed: Observed, count: int
    ) -> tuple[int, float, BaseException | None]:
        """Create pods for the indexes whose own back-off is over: created, seconds until the next is due, failure."""
        now = self._clock.now()
        soonest = 0.0
        due: list[int | None] = []
        for index in missing(job.spec.completions or 0, _taken(observed), job.spec.completions or 0):
            tries, last = self._tries(job, index)
            waits = backoff_seconds(tries.counted + tries.ignored, last, now)
            if waits > 0:
                soonest = min(soonest or waits, waits)
            elif len(due) < count:
                due.append(index)
        succeeded, failure = await self._create(key, job, due) if due else (0, None)
        return succeeded, soonest, failure

    def _surplus(self, job: Job, observed: Observed, wanted: int) -> list[Pod]:
        """Active pods to remove: duplicates of an index, indexes that are done, then the least useful."""
        surplus: list[Pod] = []
        left: list[Pod] = observed.active
        if is_indexed(job):
            seen = observed.completed_indexes | observed.failed_indexes
            left = []
            for pod in sorted(observed.active, key=lambda found: str(found.metadata.creation_timestamp)):
                index = index_of(pod)
                is_valid = index is not None and index < (job.spec.completions or 0) and index not in seen
                (left if is_valid else surplus).append(pod)
                if index is not None:
                    seen = seen | {index}
        if len(left) > wanted:
            on_node = Counter(node_of(pod) for pod in left)
            left.sort(key=lambda pod: deletion_rank(pod, on_node, self._clock.now()))
            surplus += left[: len(left) - wanted]
        return surplus

    async def _discard(self, key: str, job: Job, pods: list[Pod]) -> int:
        """Remove running pods that shall not count as failures: the finalizer goes first."""
        await self._remove_finalizers(key, filter(has_finalizer, pods))
        return await self._stop(key, job, pods)

    async def _create(self, key: str, job: Job, indexes: list[int | None]) -> tuple[int, BaseException | None]:
        self._expectations.expect_creations(key, len(indexes), self._clock.monotonic())

        async def create(number: int) -> None:
            index = indexes[number]
            tries = None
            if job.spec.backoff_limit_per_index is not None and index is not None:
                tries, _ = self._tries(job, index)
            await self._control.create(pod_of(job, index, tries), job)

        try:
            succeeded, failure = await in_slow_start(len(indexes), create)
        except BaseException:
            self._expectations.forget(key)
            raise
        self._expectations.created(key, len(indexes) - succeeded)
        return succeeded, failure

    def _tries(self, job: Job, index: int) -> tuple[Tries, datetime | None]:
        """How often this index failed, and when it did last. A pod says how often its index failed before it."""
        failed = [
            pod
            for pod in self._pods.by_index(CONTROLLER, job.metadata.uid or "")
            if index_of(pod) == index and not is_active(pod)
        ]
        now = self._clock.now()
        return next_tries(job, failed), max((finished_at(pod, now) for pod in failed), default=None)

    async def _count(
        self, key: str, job: Job, status: JobStatus, observed: Observed, end: Verdict | None, *, is_over: bool
    ) -> Job:
        """Count finished pods, free them, and finish the Job when all is over."""
        before = job
        finished = [*observed.new_succeeded, *observed.new_failed, *observed.ignored]
        uncounted = job.status.uncounted_terminated_pods or UncountedTerminatedPods()
        succeeded = list(uncounted.succeeded or ())
        failed = list(uncounted.failed or ())
        if is_indexed(job):
            status.completed_indexes = format_(observed.completed_indexes) or None
            if job.spec.backoff_limit_per_index is not None:
                status.failed_indexes = format_(observed.failed_indexes)
        else:
            succeeded += [pod.metadata.uid or "" for pod in observed.new_succeeded]
        failed += [pod.metadata.uid or "" for pod in observed.new_failed]
        if finished:
            status.uncounted_terminated_pods = UncountedTerminatedPods(
                succeeded=succeeded or None, failed=failed or None
            )
            job = await self._write(job, status)
        waiting = {*succeeded, *failed}
        known = {pod.metadata.uid or "": pod for pod in self._pods.by_index(CONTROLLER, job.metadata.uid or "")}
        kept = observed.kept if end is None else set()
        to_free = [known[uid] for uid in waiting - kept if uid in known and has_finalizer(known[uid])]
        to_free += [pod for pod in finished if (pod.metadata.uid or "") not in waiting | kept]
        await self._remove_finalizers(key, to_free)
        still = [uid for uid in failed if uid in kept]
        final = msgspec.structs.replace(
            status,
            uncounted_terminated_pods=UncountedTerminatedPods(failed=still or None),
            succeeded=(len(observed.completed_indexes) if is_indexed(job) else observed.succeeded) or None,
            failed=observed.failed - len(still) or None,
        )
        ends = end is not None and is_over
        if end is not None and ends:
            self._finish(final, end)
        job = await self._write(job, final)
        self._metrics.counted(before, job)
        if end is not None and ends:
            self._metrics.finished(job, end.reason, succeeded=end.succeeded)
            self._announce(job, end)
        return job

    def _finish(self, status: JobStatus, end: Verdict) -> None:
        now = self._clock.now()
        status.ready = 0
        status.terminating = 0
        status.start_time = status.start_time or now  # it may have been suspended
        if end.succeeded:
            status.completion_time = now
            _set_condition(status, "Complete", "True", end.reason, end.message, now)
        else:
            _set_condition(status, "Failed", "True", end.reason, end.message, now)

    def _announce(self, job: Job, end: Verdict) -> None:
        if end.succeeded:
            self._recorder.normal(job, "Completed", "Job completed")
        else:
            self._recorder.warning(job, end.reason, end.message)

    async def _write(self, job: Job, status: JobStatus) -> Job:
        if structs_equal(status, job.status):
            return job
        key = key_of(job)
        try:
            fresh = msgspec.structs.replace(job, status=msgspec.structs.replace(status))
            written = await self._client.update_status(fresh)
        except StatusError as error:
            if is_conflict(error) or is_not_found(error):
                self._freshness.refused(key, job)
            raise
        self._freshness.written(key, written)
        return written

    async def _remove_finalizers(self, key: str, pods: Iterable[Pod]) -> None:
        async def remove(pod: Pod) -> None:
            uid = pod.metadata.uid or ""
            self._removed.setdefault(key, set()).add(uid)
            try:
                await self._remove_finalizer(pod)
            except BaseException:
                self._removed[key].discard(uid)
                raise

        results = await asyncio.gather(*map(remove, pods), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _remove_finalizer(self, pod: Pod) -> None:
        meta = pod.metadata
        kept = [name for name in meta.finalizers or () if name != FINALIZER]
        body = {"metadata": {"uid": meta.uid, "finalizers": kept or None}}
        try:
            await self._client.patch(Pod, meta.name or "", meta.namespace or "", body=body)
        except StatusError as error:
            if is_not_found(error) or (error.code in (409, 422) and await self._is_gone(pod)):
                return
            raise

    async def _is_gone(self, pod: Pod) -> bool:
        """Whether the server has another pod of that name by now, or none."""
        try:
            fresh = await self._client.get(Pod, pod.metadata.name or "", pod.metadata.namespace or "")
        except StatusError as error:
            if is_not_found(error):
                return True
            raise
        return fresh.metadata.uid != pod.metadata.uid


def _taken(observed: Observed) -> set[int]:
    """The indexes that need no new pod."""
    running = {index for pod in observed.active if (index := index_of(pod)) is not None}
    return observed.completed_indexes | observed.failed_indexes | running


def _target(status: JobStatus, end: Verdict, now: Any) -> None:
    """Record what the Job is heading for before its pods have ended (KEP-3998)."""
    type_ = "SuccessCriteriaMet" if end.succeeded else "FailureTarget"
    _set_condition(status, type_, "True", end.reason, end.message, now)


def _set_condition(status: JobStatus, type_: str, value: str, reason: str, message: str, now: Any) -> None:
    conditions = list(status.conditions or ())
    for at, found in enumerate(conditions):
        if found.type == type_:
            if found.status != value:
                conditions[at] = JobCondition(
                    type=type_,
                    status=value,
                    reason=reason,
                    message=message,
                    last_probe_time=now,
                    last_transition_time=now,
                )
            break
    else:
        conditions.append(
            JobCondition(
                type=type_,
                status=value,
                reason=reason,
                message=message,
                last_probe_time=now,
                last_transition_time=now,
            )
        )
    status.conditions = conditions
