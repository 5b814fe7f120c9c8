"""The shell of the CronJob controller.

    one run:  finished Jobs leave `status.active`, old ones are removed by the history limits
              a time passed since the last one? not too late, and allowed by concurrencyPolicy: start a Job
              look again at the next time

A Job's name holds its scheduled minute, so a time is never run twice, whoever tries.
"""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec

from ...api.batch import CronJob, CronJobStatus, Job
from ...api.core import ObjectReference
from ...api.meta import ObjectMeta
from ...api.status import StatusError, is_already_exists, is_not_found
from ...base.clock import after
from ...base.metrics import Histogram
from ...client.view import split_key
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.ownership import controller_of, controller_reference, is_controlled_by
from ...reconcile.pod_control import is_namespace_terminating
from ...reconcile.pods import EPOCH, structs_equal
from ...reconcile.sources import owner_key, source
from .schedule import Schedule, ScheduleError, is_time_zone, local_time, most_recent, parse

OWNER = "controller"
_SKEW_SECONDS = tuple(2.0**power for power in range(10))
SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def finished_as(job: Job) -> str:
    """`Complete`, `Failed`, or "" while it runs."""
    for condition in job.status.conditions or ():
        if condition.type in ("Complete", "Failed") and condition.status == "True":
            return condition.type
    return ""


def surplus(jobs: Iterable[Job], outcome: str, limit: int | None) -> list[Job]:
    """The oldest finished Jobs of one outcome beyond the history limit (None: keep all)."""
    found = [job for job in jobs if finished_as(job) == outcome]
    if limit is None or len(found) <= limit:
        return []
    found.sort(key=lambda job: (job.status.start_time or EPOCH, job.metadata.name or ""))
    return found[: len(found) - limit]


class CronJobController:
    """See the module docstring. Keys are those of CronJobs."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("cronjob-controller")
        self._skew = Histogram(
            "cronjob_controller_job_creation_skew_duration_seconds",
            "Time between when a cronjob is scheduled to be run, and when the corresponding job is created",
            buckets=_SKEW_SECONDS,
        )
        context.metrics.add(self._skew)
        self._cron_jobs = context.informers.of(CronJob)
        self._jobs = context.informers.of(Job)
        self._jobs.add_index(OWNER, _controller_uid)
        self._controller = context.controller("cronjob", self._reconcile)
        source(self._cron_jobs, self._controller.enqueue)
        source(self._jobs, self._controller.enqueue, keys=owner_key("CronJob"))

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        cron_job = self._cron_jobs.get(name, namespace)
        if cron_job is None:
            return None
        jobs = self._jobs.by_index(OWNER, cron_job.metadata.uid or "")
        status = msgspec.structs.replace(cron_job.status)
        try:
            await self._settle(cron_job, jobs, status)
            return await self._start_if_due(cron_job, jobs, status)
        finally:
            # Also after a failure: what was seen and started so far is not to be forgotten.
            await self._remove_old(cron_job, jobs)
            if not structs_equal(status, cron_job.status):
                await self._client.update_status(msgspec.structs.replace(cron_job, status=status))

    async def _settle(self, cron_job: CronJob, jobs: list[Job], status: CronJobStatus) -> None:
        """Bring `active` and `lastSuccessfulTime` up to date."""
        listed = {reference.uid for reference in status.active or ()}
        finished: set[str | None] = set()
        for job in jobs:
            outcome = finished_as(job)
            if not outcome and job.metadata.uid not in listed:
                if await self._is_listed(cron_job, job):
                    continue
                message = f"Saw a job that the controller did not create or forgot: {job.metadata.name}"
                self._recorder.warning(cron_job, "UnexpectedJob", message)
            elif outcome:
                if job.metadata.uid in listed:
                    message = f"Saw completed job: {job.metadata.name}, condition: {outcome}"
                    self._recorder.normal(cron_job, "SawCompletedJob", message)
                finished.add(job.metadata.uid)
                if outcome == "Complete":
                    status.last_successful_time = _later(status.last_successful_time, job.status.completion_time)
        known = {job.metadata.uid for job in jobs}
        active = [reference for reference in status.active or () if reference.uid not in finished]
        for reference in list(active):
            if reference.uid not in known and not await self._exists(reference):
                self._recorder.normal(cron_job, "MissingJob", f"Active job went missing: {reference.name}")
                active.remove(reference)
        status.active = active or None

    async def _is_listed(self, cron_job: CronJob, job: Job) -> bool:
        """Whether the status names the Job by now: the cache of CronJobs may be behind that of Jobs."""
        try:
            fresh = await self._client.get(CronJob, cron_job.metadata.name or "", cron_job.metadata.namespace or "")
        except StatusError as error:
            if is_not_found(error):
                return True
            raise
        return any(reference.uid == job.metadata.uid for reference in fresh.status.active or ())

    async def _exists(self, reference: ObjectReference) -> bool:
        """Whether a Job the cache does not show exists: it may be newer than the cache."""
        try:
            await self._client.get(Job, reference.name or "", reference.namespace or "")
        except StatusError as error:
            if is_not_found(error):
                return False
            raise
        return True

    async def _remove_old(self, cron_job: CronJob, jobs: list[Job]) -> None:
        """Keep the history short."""
        spec = cron_job.spec
        old = surplus(jobs, "Complete", spec.successful_jobs_history_limit)
        old += surplus(jobs, "Failed", spec.failed_jobs_history_limit)
        for job in old:
            await self._delete(cron_job, job.metadata.name or "", job.metadata.namespace or "")

    async def _start_if_due(self, cron_job: CronJob, jobs: list[Job], status: CronJobStatus) -> Result | None:
        if cron_job.metadata.deletion_timestamp is not None:
            return None
        schedule = self._schedule(cron_job)
        if schedule is None or cron_job.spec.suspend:
            return None
        now = self._clock.now()
        scheduled, count = most_recent(schedule, _earliest(cron_job, status, now), now)
        if count > 100:
            message = "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
            self._recorder.warning(cron_job, "TooManyMissedTimes", message)
        if scheduled is not None:
            await self._start(cron_job, status, scheduled, now)
        return _until_next(schedule, now)

    def _schedule(self, cron_job: CronJob) -> Schedule | None:
        """The parsed schedule; None, with an event, when it means nothing."""
        text, zone = cron_job.spec.schedule, cron_job.spec.time_zone
        if "TZ" in text:
            message = (
                "CRON_TZ or TZ used in schedule {!r} is not officially supported, see "
                "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
            ).replace("{!r}", f'"{text}"')
            self._recorder.warning(cron_job, "UnsupportedSchedule", message)
        if zone is not None and not is_time_zone(zone):
            message = f'invalid timeZone: "{zone}": unknown time zone {zone}'
            self._recorder.warning(cron_job, "UnknownTimeZone", message)
            return None
        try:
            return parse(text, zone or "UTC")
        except ScheduleError as error:
            if not cron_job.spec.suspend:
                message = f'unparseable schedule: "{text}" : {error}'
                self._recorder.warning(cron_job, "UnparseableSchedule", message)
            return None

    async def _start(self, cron_job: CronJob, status: CronJobStatus, scheduled: datetime, now: datetime) -> None:
        deadline = cron_job.spec.starting_deadline_seconds
        if deadline is not None and after(scheduled, deadline) < now:
            instant = scheduled.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S +0000")
            self._recorder.warning(cron_job, "MissSchedule", f"Missed scheduled time to start a job: {instant}")
            return
        active = status.active or []
        job = _job(cron_job, scheduled)
        is_started = any(reference.name == job.metadata.name for reference in active)
        if is_started or status.last_schedule_time == scheduled:
            return
        policy = cron_job.spec.concurrency_policy or "Allow"
        if policy == "Forbid" and active:
            message = "Not starting job because prior execution is running and concurrency policy is Forbid"
            self._recorder.normal(cron_job, "JobAlreadyActive", message)
            return
        if policy == "Replace":
            for reference in active:
                await self._delete(cron_job, reference.name or "", reference.namespace or "")
                status.active = [other for other in status.active or () if other.uid != reference.uid] or None
        created = await self._create(cron_job, job, scheduled)
        if created is None or any(reference.uid == created.metadata.uid for reference in status.active or ()):
            return
        reference = ObjectReference(
            api_version="batch/v1",
            kind="Job",
            name=created.metadata.name,
            namespace=created.metadata.namespace,
            uid=created.metadata.uid,
            resource_version=created.metadata.resource_version,
        )
        if not finished_as(created):
            status.active = [*(status.active or ()), reference]
        status.last_schedule_time = scheduled

    async def _create(self, cron_job: CronJob, job: Job, scheduled: datetime) -> Job | None:
        """The Job of one time, started now or, before a crash, already; None when it is not ours to count."""
        try:
            created = await self._client.create(job)
        except StatusError as error:
            if is_already_exists(error):
                existing = await self._client.get(Job, job.metadata.name or "", job.metadata.namespace or "")
                return existing if is_controlled_by(existing, cron_job) else None
            if is_namespace_terminating(error):
                return None
            self._recorder.warning(cron_job, "FailedCreate", f"Error creating job: {error.message}")
            raise
        self._skew.observe(((created.metadata.creation_timestamp or scheduled) - scheduled).total_seconds())
        self._recorder.normal(cron_job, "SuccessfulCreate", f"Created job {created.metadata.name}")
        return created

    async def _delete(self, cron_job: CronJob, name: str, namespace: str) -> None:
        try:
            await self._client.delete(Job, name, namespace, propagation_policy="Background")
        except StatusError as error:
            if is_not_found(error):
                return
            self._recorder.warning(cron_job, "FailedDelete", f"Deleted job: {error.message}")
            raise
        self._recorder.normal(cron_job, "SuccessfulDelete", f"Deleted job {name}")


def _earliest(cron_job: CronJob, status: CronJobStatus, now: datetime) -> datetime:
    """From when on times count: the last one run, the creation, and not longer ago than the starting deadline."""
    earliest = status.last_schedule_time or cron_job.metadata.creation_timestamp or now
    deadline = cron_job.spec.starting_deadline_seconds
    return earliest if deadline is None else max(earliest, after(now, -deadline))


def _until_next(schedule: Schedule, now: datetime) -> Result | None:
    following = schedule.next_after(now)
    # A little later than the minute, so that a clock read too early does not cause an idle run.
    return Result((following - now).total_seconds() + 0.1) if following is not None else None


def _job(cron_job: CronJob, scheduled: datetime) -> Job:
    wanted = cron_job.spec.job_template.metadata
    return Job(
        metadata=ObjectMeta(
            name=f"{cron_job.metadata.name}-{int(scheduled.timestamp()) // 60}",
            namespace=cron_job.metadata.namespace,
            labels=dict(wanted.labels or {}) or None,
            annotations={**(wanted.annotations or {}), SCHEDULED: local_time(scheduled, cron_job.spec.time_zone or "")},
            owner_references=[controller_reference(cron_job)],
        ),
        spec=cron_job.spec.job_template.spec,
    )


def _later(left: datetime | None, right: datetime | None) -> datetime | None:
    return max((found for found in (left, right) if found is not None), default=None)


def _controller_uid(job: Job) -> Iterable[str]:
    reference = controller_of(job)
    return () if reference is None else (reference.uid,)
