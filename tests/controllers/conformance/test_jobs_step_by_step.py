"""Jobs, step by step: what the suite reads of their status at the end, and what is told meanwhile."""

from typing import Any

from tests.controllers.conformance.test_jobs import end, ended_as, index_of, indexed, pods, running, until_confirmed
from tests.support.control_plane import World, control_plane, job

from pybernetes.api.batch import Job
from pybernetes.api.core import Pod
from pybernetes.client.client import MERGE_PATCH

ONLY = ("job-controller",)
TIME = "2026-01-02T03:04:05Z"


async def numbers(world: World) -> tuple[int | None, ...]:
    """active, ready, terminating, failed: ready and terminating are told even when they are none."""
    status = (await world.get(Job, "work")).status
    return status.active or 0, status.ready, status.terminating, status.failed or 0


async def complete(world: World) -> None:
    async def is_complete() -> bool:
        await until_confirmed(world)
        found = (await world.get(Job, "work")).status.conditions or []
        return [one.type for one in found] == ["SuccessCriteriaMet", "Complete"]

    await world.until(is_complete)


async def test_the_status_of_a_job_whose_success_was_enough() -> None:
    """with successPolicy ...: the numbers at the end."""
    for rule, completions in (({"succeededCount": 2}, 2), ({"succeededIndexes": "0"}, 5), ({"succeededCount": 1}, 5)):
        async with control_plane(*ONLY) as world:
            body = indexed(completions, parallelism=2, successPolicy={"rules": [rule]})
            await world.create(body)
            for pod in sorted(await running(world, 2), key=index_of):
                if completions == 2 or index_of(pod) == 0:
                    await end(world, pod)
            await complete(world)
            assert await numbers(world) == (0, 0, 0, 0 if completions == 2 else 1)
            found = (await world.get(Job, "work")).status
            assert found.completed_indexes == ("0,1" if completions == 2 else "0")
            assert {one.reason for one in found.conditions or ()} == {"SuccessPolicy"}


async def test_the_status_of_a_job_that_failed() -> None:
    """should fail to exceed backoffLimit; should fail when exceeds active deadline: the numbers at the end."""
    async with control_plane(*ONLY) as world:
        await world.create(job("work", backoffLimit=1))
        for _ in range(2):
            (pod,) = await running(world, 1)
            await end(world, pod, 1)
        await ended_as(world, ("FailureTarget", "BackoffLimitExceeded"), ("Failed", "BackoffLimitExceeded"))
        assert await numbers(world) == (0, 0, 0, 2)
        assert [pod.status.phase for pod in await pods(world)] == ["Failed", "Failed"]
    async with control_plane(*ONLY) as world:
        await world.create(job("work", activeDeadlineSeconds=1, parallelism=2, completions=4))
        await running(world, 2)

        async def is_over() -> bool:
            await until_confirmed(world)
            found = (await world.get(Job, "work")).status.conditions or []
            return [one.type for one in found] == ["FailureTarget", "Failed"]

        await world.until(is_over)
        assert (await numbers(world))[:3] == (0, 0, 0)


async def test_the_number_of_ready_pods_follows_the_suspension() -> None:
    """should update the status ready field."""
    async with control_plane(*ONLY) as world:

        async def ready(count: int) -> None:
            async def is_so() -> bool:
                await until_confirmed(world)
                return (await world.get(Job, "work")).status.ready == count

            await world.until(is_so)

        await world.create(job("work", suspend=True, parallelism=2, completions=4))
        await ready(0)
        await world.client.patch(Job, "work", "default", body={"spec": {"suspend": False}})
        for pod in await running(world, 2):
            await world.report(pod, "Running", ready=True)
        await ready(2)
        await world.client.patch(Job, "work", "default", body={"spec": {"suspend": True}})
        await ready(0)


async def test_a_condition_of_somebody_elses_stays() -> None:
    """should apply changes to a job status."""
    async with control_plane(*ONLY) as world:
        await world.create(job("work", parallelism=2, completions=4))
        found = await running(world, 2)
        condition = {"type": "CustomConditionType", "status": "True", "lastTransitionTime": TIME}
        body: dict[str, Any] = {"metadata": {"annotations": {"patchedstatus": "true"}}}
        body["status"] = {"conditions": [{**condition, "lastProbeTime": None}]}
        patched = await world.client.patch(
            Job, "work", "default", body=body, content_type=MERGE_PATCH, subresource="status"
        )
        assert patched.metadata.annotations == {"patchedstatus": "true"}
        for pod in found:
            await world.report(pod, "Running", ready=True)

        async def both_ready() -> bool:
            return (await world.get(Job, "work")).status.ready == 2

        await world.until(both_ready)
        current = await world.get(Job, "work")
        assert [(one.type, one.status) for one in current.status.conditions or ()] == [("CustomConditionType", "True")]
        again = await world.client.update_status(current)
        assert again.status.conditions == current.status.conditions


async def test_what_is_told_of_a_jobs_life() -> None:
    """should manage the lifecycle of a job: the watch by its label sees the patch, the update and the deletion."""
    async with control_plane(*ONLY, "garbage-collector-controller") as world:
        body = job("work", suspend=True, parallelism=2, completions=2)
        body["metadata"]["labels"] = {"e2e-job-label": "work"}
        listed = await world.client.list(Job, "default", label_selector="e2e-job-label=work")
        created = await world.create(body)
        patched = await world.client.patch(Job, "work", "default", body={"metadata": {"labels": {"work": "patched"}}})
        assert int(created["metadata"]["resourceVersion"]) < int(patched.metadata.resource_version)
        change = {"metadata": {"annotations": {"updated": "true"}}, "spec": {"suspend": False}}
        await world.client.patch(Job, "work", "default", body=change)
        for pod in await running(world, 2):
            await end(world, pod)
        await complete(world)
        await world.client.delete_collection(
            Job, "default", label_selector="e2e-job-label=work", propagation_policy="Background"
        )
        seen = []
        async for event in world.client.watch(
            Job, "default", resource_version=listed.resource_version, label_selector="e2e-job-label=work"
        ):
            meta = event.object.metadata
            if event.type != "BOOKMARK":
                seen.append((event.type, (meta.labels or {}).get("work"), (meta.annotations or {}).get("updated")))
            if event.type == "DELETED":
                break
        assert seen[0] == ("ADDED", None, None) and ("MODIFIED", "patched", None) in seen
        assert ("MODIFIED", "patched", "true") in seen and seen[-1] == ("DELETED", "patched", "true")

        async def gone() -> bool:
            return not await world.list(Pod, "default")

        await world.until(gone)
