"""Jobs, seen from outside: which pods run, how they are counted, and how a Job ends."""

import asyncio
from typing import Any

from tests.support.control_plane import World, control_plane, job

from pybernetes.api.batch import Job
from pybernetes.api.core import Pod

ONLY = ("job-controller",)


def conditions(found: Job) -> dict[str, str]:
    return {c.type: c.reason or "" for c in found.status.conditions or () if c.status == "True"}


async def running(world: World) -> list[Pod]:
    return [
        found
        for found in await world.list(Pod)
        if found.status.phase == "Pending" and found.metadata.deletion_timestamp is None
    ]


async def end_pods(world: World, count: int, *, phase: str = "Succeeded", exit_code: int = 0) -> None:
    """Wait until that many pods run, then let them end."""

    async def has_enough() -> bool:
        return len(await running(world)) >= count

    await world.until(has_enough, within_seconds=3600)
    for found in (await running(world))[:count]:
        await world.report(found, phase, exit_code=exit_code)


async def until_condition(world: World, type_: str, name: str = "work") -> Job:
    async def has_condition() -> Any:
        found = await world.get(Job, name)
        return found if type_ in conditions(found) else None

    found = await world.until(has_condition, within_seconds=7200)
    assert isinstance(found, Job)
    return found


async def test_job_completes_and_pods_are_freed() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", completions=3, parallelism=2))
        await end_pods(world, 2)
        await end_pods(world, 1)
        done = await until_condition(world, "Complete")
        assert conditions(done) == {"SuccessCriteriaMet": "CompletionsReached", "Complete": "CompletionsReached"}
        assert (done.status.succeeded, done.status.active or 0) == (3, 0)
        assert done.status.completion_time is not None
        assert all(not found.metadata.finalizers for found in await world.list(Pod))
        assert "Completed" in await world.reasons()


async def test_no_more_pods_than_parallelism() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", completions=10, parallelism=3))

        async def has_three() -> bool:
            return len(await running(world)) == 3

        await world.until(has_three)


async def test_what_runs_goes_on_after_the_first_success_of_a_work_queue() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", parallelism=3))
        await end_pods(world, 1)

        async def has_succeeded() -> bool:
            return (await world.get(Job, "work")).status.succeeded == 1

        await world.until(has_succeeded)
        await world.client.patch(Job, "work", "default", body={"spec": {"parallelism": 1}})
        await asyncio.sleep(30)
        assert len(await running(world)) == 2
        await end_pods(world, 2)
        assert (await until_condition(world, "Complete")).status.succeeded == 3


async def test_failures_beyond_the_limit_fail_the_job() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", backoffLimit=1))
        await end_pods(world, 1, phase="Failed", exit_code=1)
        await end_pods(world, 1, phase="Failed", exit_code=1)
        failed = await until_condition(world, "Failed")
        assert conditions(failed)["FailureTarget"] == "BackoffLimitExceeded"
        assert failed.status.failed == 2


async def test_failed_pods_are_replaced_after_growing_waits() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", backoffLimit=5))
        waits = []
        for _ in range(3):
            await end_pods(world, 1, phase="Failed", exit_code=1)
            at = world.clock.monotonic()

            async def has_next() -> bool:
                return bool(await running(world))

            await world.until(has_next)
            waits.append(round(world.clock.monotonic() - at))
        assert [abs(wait - expected) <= 2 for wait, expected in zip(waits, (10, 20, 40), strict=True)] == [True] * 3


async def test_deadline_ends_what_runs() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        world.reject = lambda found: True
        await world.create(job("work", activeDeadlineSeconds=30))
        failed = await until_condition(world, "Failed")
        assert conditions(failed)["Failed"] == "DeadlineExceeded"
        assert 29 <= world.clock.monotonic() <= 40


async def test_indexed_job_runs_every_index_once() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", completions=3, parallelism=3, completionMode="Indexed"))

        async def all_run() -> bool:
            return len(await running(world)) == 3

        await world.until(all_run)
        labels = {
            (found.metadata.labels or {})["batch.kubernetes.io/job-completion-index"] for found in await running(world)
        }
        assert labels == {"0", "1", "2"}
        hostnames = {found.spec.hostname for found in await running(world)}
        assert hostnames == {"work-0", "work-1", "work-2"}
        await end_pods(world, 3)
        done = await until_condition(world, "Complete")
        assert done.status.completed_indexes == "0-2"


async def test_suspended_job_has_no_pods_and_resumes() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        world.reject = lambda found: True
        await world.create(job("work", parallelism=2, completions=2))

        async def has(count: int) -> bool:
            return len(await world.list(Pod)) == count

        await world.until(lambda: has(2))
        await world.client.patch(Job, "work", "default", body={"spec": {"suspend": True}})
        await world.until(lambda: has(0))
        suspended = await world.get(Job, "work")
        assert conditions(suspended) == {"Suspended": "JobSuspended"}
        assert (suspended.status.failed or 0) == 0
        await world.client.patch(Job, "work", "default", body={"spec": {"suspend": False}})
        await world.until(lambda: has(2))


async def test_failure_policy_fails_the_job_at_once() -> None:
    policy = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]}
    async with control_plane(*ONLY) as world:
        await world.create(job("work", backoffLimit=6, podFailurePolicy=policy))
        await end_pods(world, 1, phase="Failed", exit_code=42)
        failed = await until_condition(world, "Failed")
        assert conditions(failed)["Failed"] == "PodFailurePolicy"


async def test_ignored_failures_do_not_count() -> None:
    policy = {"rules": [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [3]}}]}
    async with control_plane(*ONLY) as world:
        await world.create(job("work", backoffLimit=0, podFailurePolicy=policy))
        await end_pods(world, 1, phase="Failed", exit_code=3)
        await end_pods(world, 1)
        done = await until_condition(world, "Complete")
        assert (done.status.failed or 0, done.status.succeeded) == (0, 1)


async def test_finished_job_is_removed_after_its_ttl() -> None:
    async with control_plane(*ONLY, "ttl-after-finished-controller", "garbage-collector-controller") as world:
        await world.create(job("work", ttlSecondsAfterFinished=100))
        await end_pods(world, 1)
        await until_condition(world, "Complete")
        finished = world.clock.monotonic()

        async def is_gone() -> bool:
            return not await world.list(Job) and not await world.list(Pod)

        await world.until(is_gone)
        assert 99 <= world.clock.monotonic() - finished <= 105
