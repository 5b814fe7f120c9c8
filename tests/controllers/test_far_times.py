"""Numbers of 64 bits and years up to 9999 are valid, and no controller fails on them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.control_plane import control_plane, template

from pybernetes.api.batch import CronJob, Job
from pybernetes.controllers.cronjob.schedule import parse
from pybernetes.controllers.job.assess import LONGEST_BACKOFF_SECONDS, backoff_seconds

MOST = (1 << 63) - 1
NEVER = {**template({"app": "x"}), "spec": {**template({"app": "x"})["spec"], "restartPolicy": "Never"}}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def job(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "default"},
        "spec": {"template": NEVER, **spec},
    }


async def test_a_job_may_have_all_the_time_there_is() -> None:
    async with control_plane("job-controller", "ttl-after-finished-controller") as world:
        await world.run_pods()
        await world.create(job(activeDeadlineSeconds=MOST, ttlSecondsAfterFinished=(1 << 31) - 1))

        async def is_running() -> bool:
            return (await world.get(Job, "j")).status.active == 1

        await world.until(is_running)


async def test_a_cron_job_may_start_as_late_as_it_likes() -> None:
    async with control_plane("cronjob-controller") as world:
        body = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {"name": "c", "namespace": "default"},
            "spec": {
                "schedule": "* * * * *",
                "startingDeadlineSeconds": MOST,
                "jobTemplate": {"spec": {"template": NEVER}},
            },
        }
        await world.create(body)

        async def has_started() -> bool:
            return bool(await world.list(Job))

        await world.until(has_started)
        last = {"status": {"lastScheduleTime": "9999-12-31T23:59:59Z"}}
        await world.client.patch(CronJob, "c", "default", body=last, subresource="status")


@pytest.mark.parametrize("text", ["* * * * *", "@every 1h", "0 0 29 2 *"])
def test_a_schedule_ends_with_the_calendar(text: str) -> None:
    assert parse(text, "UTC").next_after(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)) is None


@pytest.mark.parametrize("failures", [10, 1025, 1 << 31])
def test_however_often_it_failed_the_wait_is_bounded(failures: int) -> None:
    assert backoff_seconds(failures, NOW, NOW) == LONGEST_BACKOFF_SECONDS
