"""CronJobs, seen from outside: which Jobs are started when."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, template

from pybernetes.api.batch import CronJob, Job
from pybernetes.base.http.message import Request
from pybernetes.client.client import STRATEGIC_MERGE_PATCH

ONLY = ("cronjob-controller",)


def cron_job(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "tick", "namespace": "default"},
        "spec": {
            "schedule": "*/5 * * * *",
            "jobTemplate": {"spec": {"template": template({}, restartPolicy="Never")}},
            **spec,
        },
    }


async def finish(world: World, found: Job, type_: str = "Complete") -> None:
    now = world.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    earlier = "SuccessCriteriaMet" if type_ == "Complete" else "FailureTarget"
    conditions = [{"type": name, "status": "True", "lastTransitionTime": now} for name in (earlier, type_)]
    status: dict[str, Any] = {"startTime": now, "conditions": conditions, "succeeded": 1, "uncountedTerminatedPods": {}}
    if type_ == "Complete":
        status["completionTime"] = now
    await world.client.patch(
        Job,
        found.metadata.name or "",
        "default",
        body={"status": status},
        content_type=STRATEGIC_MERGE_PATCH,
        subresource="status",
    )


async def names(world: World) -> list[str]:
    return sorted(found.metadata.name or "" for found in await world.list(Job))


async def test_job_is_started_at_every_time_and_never_twice() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(cron_job())
        await asyncio.sleep(905)
        assert len(await names(world)) == 3
        status = (await world.get(CronJob, "tick")).status
        assert len(status.active or ()) == 3
        assert status.last_schedule_time is not None and status.last_schedule_time.minute == 15
        assert await world.messages("SuccessfulCreate") == {f"Created job {name}" for name in await names(world)}


async def test_forbidden_concurrency_waits_for_the_running_job() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(cron_job(concurrencyPolicy="Forbid"))
        await asyncio.sleep(605)
        (only,) = await world.list(Job)
        assert "JobAlreadyActive" in await world.reasons()
        await finish(world, only)
        await asyncio.sleep(300)
        assert len(await names(world)) == 2
        assert (await world.get(CronJob, "tick")).status.last_successful_time is not None


async def test_replacing_concurrency_ends_the_running_job() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(cron_job(concurrencyPolicy="Replace"))
        await asyncio.sleep(605)
        alive = [found for found in await world.list(Job) if found.metadata.deletion_timestamp is None]
        assert len(alive) == 1
        assert len((await world.get(CronJob, "tick")).status.active or ()) == 1


async def test_suspended_cron_job_starts_nothing() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(cron_job(suspend=True))
        await asyncio.sleep(1000)
        assert await names(world) == []


async def test_history_is_kept_short() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(cron_job(successfulJobsHistoryLimit=1, failedJobsHistoryLimit=0))
        for outcome in ("Complete", "Failed", "Complete", "Complete"):
            (fresh,) = await world.until(lambda: unfinished(world))
            await finish(world, fresh, outcome)
        last = fresh.metadata.name

        async def only_the_last() -> bool:
            return await names(world) == [last]

        await world.until(only_the_last, within_seconds=250)
        assert "SawCompletedJob" in await world.reasons()


async def unfinished(world: World) -> list[Job]:
    return [found for found in await world.list(Job) if not found.status.conditions]


async def test_job_made_before_a_crash_is_counted_and_not_made_again() -> None:
    async with control_plane(*ONLY) as world:
        refused: list[str] = []

        def lose_status(request: Request) -> bool:
            if request.method == "PUT" and request.path.endswith("/status"):
                refused.append(request.path)
            return len(refused) == 1 and request.method == "PUT"

        world.refuse = lose_status
        await world.create(cron_job())
        await asyncio.sleep(310)
        assert len(refused) == 2
        assert len(await names(world)) == 1
        (active,) = (await world.get(CronJob, "tick")).status.active or []
        assert [active.name] == await names(world)


async def test_start_that_is_too_late_is_missed() -> None:
    async with control_plane(*ONLY) as world:
        world.refuse = lambda request: request.method == "POST" and request.path.endswith("/jobs")
        await world.create(cron_job(startingDeadlineSeconds=20, schedule="0 * * * *"))
        await asyncio.sleep(3600 + 600)
        world.refuse = lambda request: False
        await asyncio.sleep(600)
        assert await names(world) == []
        assert "FailedCreate" in await world.reasons()


@pytest.mark.parametrize(
    ("zone", "schedule", "scheduled"),
    [
        (None, "30 9 * * *", "2026-01-01T09:30:00Z"),
        ("Etc/UTC", "30 9 * * *", "2026-01-01T09:30:00Z"),
        ("Europe/London", "30 9 * * *", "2026-01-01T09:30:00Z"),
        ("Europe/Berlin", "30 9 * * *", "2026-01-01T09:30:00+01:00"),
        ("America/New_York", "30 9 * * *", "2026-01-01T09:30:00-05:00"),
    ],
)
async def test_a_job_says_for_when_it_was_scheduled_in_the_time_zone_asked_for(
    zone: str | None, schedule: str, scheduled: str
) -> None:
    async with control_plane(*ONLY) as world:
        await world.create(cron_job(schedule=schedule, **({"timeZone": zone} if zone else {})))

        async def made() -> list[Job]:
            return await world.list(Job)

        (found,) = await world.until(made, within_seconds=20 * 3600, longest_step_seconds=20)
        assert (found.metadata.annotations or {})["batch.kubernetes.io/cronjob-scheduled-timestamp"] == scheduled
        instant = datetime.fromisoformat(scheduled)
        assert found.metadata.name == f"tick-{int(instant.timestamp()) // 60}"
        assert 0 <= (world.clock.now() - instant).total_seconds() < 60
