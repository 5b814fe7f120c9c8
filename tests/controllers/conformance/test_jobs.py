"""The sig-apps behaviours of Jobs: policies, indexes, adoption, suspension, status."""

import asyncio
import re
from typing import Any

import pytest
from tests.support.control_plane import World, control_plane, job

from pybernetes.api.batch import Job
from pybernetes.api.core import Pod
from pybernetes.client.client import STRATEGIC_MERGE_PATCH

ONLY = ("job-controller",)
INDEX = "batch.kubernetes.io/job-completion-index"


def indexed(completions: int, **spec: Any) -> dict[str, Any]:
    spec.setdefault("parallelism", completions)
    return job("work", completions=completions, completionMode="Indexed", **spec)


def index_of(pod: Pod) -> int:
    return int((pod.metadata.annotations or {})[INDEX])


async def pods(world: World) -> list[Pod]:
    found = await world.list(Pod, "default")
    return sorted(found, key=lambda pod: (pod.metadata.creation_timestamp, pod.metadata.name))  # type: ignore[arg-type, return-value]


async def running(world: World, count: int) -> list[Pod]:
    """The pods that have not ended, once there are so many."""

    async def some() -> list[Pod]:
        found = [pod for pod in await pods(world) if pod.status.phase in (None, "Pending", "Running")]
        return found if len(found) == count else []

    found: list[Pod] = await world.until(some)
    return found


async def end(world: World, pod: Pod, code: int = 0) -> None:
    await world.report(pod, "Failed" if code else "Succeeded", exit_code=code)


async def conditions(world: World) -> list[tuple[str, str]]:
    found = (await world.get(Job, "work")).status.conditions or []
    return [(one.type, one.reason or "") for one in found if one.status == "True"]


async def ended_as(world: World, *expected: tuple[str, str]) -> Job:
    async def is_so() -> bool:
        return await conditions(world) == list(expected)

    await world.until(is_so)
    return await world.get(Job, "work")


async def heading_for(world: World, expected: tuple[str, str]) -> None:
    """The Job said how it will end, before its pods have ended."""

    async def is_so() -> bool:
        return (await conditions(world))[:1] == [expected]

    await world.until(is_so)


async def until_confirmed(world: World) -> None:
    """As kubelets would: pods that are being deleted end and go."""
    for pod in await pods(world):
        if pod.metadata.deletion_timestamp is not None:
            if pod.status.phase in (None, "Pending", "Running"):
                await world.report(pod, "Failed", exit_code=137)
            await world.client.delete(Pod, pod.metadata.name or "", "default", grace_period_seconds=0)


async def test_pods_of_an_indexed_job_have_an_index_and_a_hostname() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(indexed(3))
        found = await running(world, 3)
        assert sorted(map(index_of, found)) == [0, 1, 2]
        for pod in found:
            index = index_of(pod)
            assert pod.spec.hostname == f"work-{index}"
            assert (pod.metadata.name or "").startswith(f"work-{index}-")
            assert (pod.metadata.labels or {})[INDEX] == str(index)
            variables = [one.name for one in (pod.spec.containers or [])[0].env or ()]
            assert variables == ["JOB_COMPLETION_INDEX"]


async def test_job_completes_when_tasks_sometimes_fail() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", completions=2, parallelism=1, backoffLimit=4))
        for code in (1, 0, 1, 0):
            (pod,) = await running(world, 1)
            await end(world, pod, code)
        found = await ended_as(world, ("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached"))
        assert (found.status.succeeded, found.status.failed, found.status.active) == (2, 2, None)
        assert found.status.completion_time is not None


async def test_all_indexes_run_despite_failures_with_a_limit_per_index() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(indexed(4, backoffLimitPerIndex=1))
        for _ in range(2):
            for pod in await pods(world) or await running(world, 4):
                if pod.status.phase in (None, "Pending"):
                    await end(world, pod, index_of(pod) % 2)
            await asyncio.sleep(30)
        found = await ended_as(world, ("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes"))
        assert (found.status.failed_indexes, found.status.completed_indexes) == ("1,3", "0,2")
        assert (found.status.failed, found.status.succeeded) == (4, 2)
        label = "batch.kubernetes.io/job-index-failure-count"
        tries = sorted((pod.metadata.annotations or {})[label] for pod in await pods(world))
        assert tries == ["0", "0", "0", "0", "1", "1"]


async def test_index_that_fails_waits_for_itself_only() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(indexed(2, backoffLimitPerIndex=2))
        first, second = sorted(await running(world, 2), key=index_of)
        await end(world, first, 1)
        await asyncio.sleep(5)
        assert len(await pods(world)) == 2
        await asyncio.sleep(10)
        assert sorted(map(index_of, await pods(world))) == [0, 0, 1]
        assert second.metadata.uid in {pod.metadata.uid for pod in await running(world, 2)}


COUNTED = "batch.kubernetes.io/job-index-failure-count"
IGNORED = "batch.kubernetes.io/job-index-ignored-failure-count"


async def test_a_failed_pod_that_is_deleted_is_not_forgotten_by_its_index() -> None:
    """It alone knows how often its index failed, and stays until the next pod of the index says so."""
    async with control_plane(*ONLY) as world:
        await world.create(indexed(1, backoffLimitPerIndex=1))
        (first,) = await running(world, 1)
        await end(world, first, 1)
        await world.client.delete(Pod, first.metadata.name or "", "default", grace_period_seconds=0)
        await asyncio.sleep(5)
        uncounted = (await world.get(Job, "work")).status.uncounted_terminated_pods
        assert uncounted is not None and uncounted.failed == [first.metadata.uid]
        assert [pod.metadata.uid for pod in await pods(world)] == [first.metadata.uid]
        (second,) = await running(world, 1)
        assert (second.metadata.annotations or {})[COUNTED] == "1"

        async def first_is_gone() -> bool:
            return [pod.metadata.uid for pod in await pods(world)] == [second.metadata.uid]

        await world.until(first_is_gone)
        await end(world, second, 1)
        found = await ended_as(world, ("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes"))
        assert (found.status.failed, found.status.failed_indexes) == (2, "0")
        assert not any(pod.metadata.finalizers for pod in await pods(world))


async def test_ignored_failures_do_not_use_up_the_tries_of_an_index() -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    async with control_plane(*ONLY) as world:
        await world.create(indexed(1, backoffLimitPerIndex=1, podFailurePolicy={"rules": [rule]}))
        for counted, ignored, is_disrupted in ((0, None, True), (0, "1", False), (1, "1", True), (1, "2", False)):
            (pod,) = await running(world, 1)
            annotations = pod.metadata.annotations or {}
            assert (annotations[COUNTED], annotations.get(IGNORED)) == (str(counted), ignored)
            if is_disrupted:
                condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
                body = {"status": {"conditions": [condition]}}
                await world.client.patch(
                    Pod, pod.metadata.name or "", "default", body=body, content_type=STRATEGIC_MERGE_PATCH,
                    subresource="status",
                )  # fmt: skip
            await end(world, pod, 1)
        found = await ended_as(world, ("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes"))
        assert found.status.failed == 2


async def test_too_many_failed_indexes_end_the_job() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(indexed(10, backoffLimitPerIndex=0, maxFailedIndexes=4, parallelism=10))
        for pod in (await running(world, 10))[:5]:
            await end(world, pod, 1)
        expected = ("FailureTarget", "MaxFailedIndexesExceeded")
        await heading_for(world, expected)
        await until_confirmed(world)
        found = await ended_as(world, expected, ("Failed", "MaxFailedIndexesExceeded"))
        assert found.status.failed_indexes is not None and (found.status.active or 0) == 0


async def test_index_is_failed_by_the_pod_failure_policy() -> None:
    rule = {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}}
    async with control_plane(*ONLY) as world:
        await world.create(indexed(2, backoffLimitPerIndex=5, podFailurePolicy={"rules": [rule]}))
        for pod in await running(world, 2):
            await end(world, pod, 42 if index_of(pod) == 0 else 0)
        found = await ended_as(world, ("FailureTarget", "FailedIndexes"), ("Failed", "FailedIndexes"))
        assert (found.status.failed_indexes, found.status.completed_indexes) == ("0", "1")
        assert len(await pods(world)) == 2


async def test_exit_code_fails_the_job_early() -> None:
    rule = {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [1], "containerName": "main"}}
    async with control_plane(*ONLY) as world:
        await world.create(job("work", backoffLimit=3, podFailurePolicy={"rules": [rule]}))
        (pod,) = await running(world, 1)
        await end(world, pod, 1)
        found = await ended_as(world, ("FailureTarget", "PodFailurePolicy"), ("Failed", "PodFailurePolicy"))
        (message,) = {one.message for one in found.status.conditions or ()}
        assert message == (
            f"Container main for pod default/{pod.metadata.name} failed with exit code 1 "
            "matching FailJob rule at index 0"
        )


async def test_disruption_is_ignored_by_the_pod_failure_policy() -> None:
    rule = {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    async with control_plane(*ONLY) as world:
        await world.create(job("work", backoffLimit=0, podFailurePolicy={"rules": [rule]}))
        (pod,) = await running(world, 1)
        condition = {"type": "DisruptionTarget", "status": "True"}
        await world.client.patch(
            Pod,
            pod.metadata.name or "",
            "default",
            body={"status": {"conditions": [condition]}},
            content_type=STRATEGIC_MERGE_PATCH,
            subresource="status",
        )
        await end(world, pod, 137)
        (again,) = await running(world, 1)
        assert again.metadata.uid != pod.metadata.uid
        await end(world, again)
        found = await ended_as(world, ("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached"))
        assert not found.status.failed


@pytest.mark.parametrize(
    ("rule", "succeeding", "met"),
    [
        ({"succeededIndexes": "0"}, (0,), True),
        ({"succeededIndexes": "0-1", "succeededCount": 1}, (1,), True),
        ({"succeededCount": 2}, (0, 2), True),
        ({"succeededIndexes": "0-1"}, (0,), False),
    ],
)
async def test_success_policy_needs_only_some_indexes(
    rule: dict[str, Any], succeeding: tuple[int, ...], met: bool
) -> None:
    async with control_plane(*ONLY) as world:
        await world.create(indexed(3, successPolicy={"rules": [rule]}))
        for pod in await running(world, 3):
            if index_of(pod) in succeeding:
                await end(world, pod)
        if not met:
            await asyncio.sleep(30)
            assert await conditions(world) == []
            return
        expected = ("SuccessCriteriaMet", "SuccessPolicy")
        await heading_for(world, expected)
        await until_confirmed(world)
        found = await ended_as(world, expected, ("Complete", "SuccessPolicy"))
        assert found.status.completed_indexes == ",".join(map(str, succeeding))
        (message,) = {one.message for one in found.status.conditions or ()}
        assert message == "Matched rules at index 0"


async def test_success_policy_when_all_indexes_succeed() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(indexed(2, successPolicy={"rules": [{"succeededIndexes": "0-1"}]}))
        for pod in await running(world, 2):
            await end(world, pod)

        async def complete() -> bool:
            return [kind for kind, _ in await conditions(world)] == ["SuccessCriteriaMet", "Complete"]

        await world.until(complete)


async def test_matching_orphan_is_adopted_and_stranger_released() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", parallelism=2, completions=2))
        first, _ = await running(world, 2)
        name = first.metadata.name or ""
        owner = first.metadata.owner_references
        await world.client.patch(Pod, name, "default", body={"metadata": {"ownerReferences": None}})

        async def adopted() -> bool:
            return (await world.get(Pod, name)).metadata.owner_references == owner

        await world.until(adopted)
        await world.client.patch(Pod, name, "default", body={"metadata": {"labels": None}})

        async def released() -> bool:
            return not (await world.get(Pod, name)).metadata.owner_references

        await world.until(released)
        assert "batch.kubernetes.io/job-tracking" not in ((await world.get(Pod, name)).metadata.finalizers or [])


async def test_deleted_job_takes_its_pods() -> None:
    async with control_plane(*ONLY, "garbage-collector-controller") as world:
        await world.create(job("work", parallelism=2, completions=4))
        await running(world, 2)
        await world.client.delete(Job, "work", "default", propagation_policy="Background")

        async def gone() -> bool:
            await until_confirmed(world)
            return not await pods(world)

        await world.until(gone)


async def test_status_and_lifecycle_of_a_suspended_job() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", suspend=True, parallelism=2, completions=2))
        assert await ended_as(world, ("Suspended", "JobSuspended"))
        assert await pods(world) == []
        await world.client.patch(Job, "work", "default", body={"spec": {"suspend": False}})
        found = await running(world, 2)
        assert (await world.get(Job, "work")).status.start_time is not None
        await world.client.patch(Job, "work", "default", body={"spec": {"suspend": True}})

        async def stopped() -> bool:
            await until_confirmed(world)
            return not await pods(world)

        await world.until(stopped)
        status = (await world.get(Job, "work")).status
        assert not status.failed and len(found) == 2
        assert {"Suspended", "Resumed"} <= await world.reasons()
        annotated = {"metadata": {"annotations": {"x": "y"}}, "status": {"startTime": "2026-01-01T00:00:00Z"}}
        changed = await world.client.patch(Job, "work", "default", body=annotated, subresource="status")
        assert changed.metadata.annotations == {"x": "y"}


async def test_a_suspended_job_has_no_start_time_and_its_deadline_begins_anew() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", activeDeadlineSeconds=100))
        await running(world, 1)
        first = (await world.get(Job, "work")).status.start_time
        await asyncio.sleep(60)
        await world.client.patch(Job, "work", "default", body={"spec": {"suspend": True}})

        async def has_not_started() -> bool:
            return (await world.get(Job, "work")).status.start_time is None

        await world.until(has_not_started)
        await asyncio.sleep(60)
        assert await conditions(world) == [("Suspended", "JobSuspended")], "the deadline does not run"
        # The pod's place may be changed now (KEP-5440): there is none that runs, and nothing has started.
        body = {"spec": {"template": {"spec": {"nodeSelector": {"zone": "b"}}}}}
        await world.client.patch(Job, "work", "default", body=body)
        await world.client.patch(Job, "work", "default", body={"spec": {"suspend": False}})

        async def is_there() -> list[Pod]:
            return [pod for pod in await pods(world) if pod.spec.node_selector == {"zone": "b"}]

        await world.until(is_there)
        second = (await world.get(Job, "work")).status.start_time
        assert first is not None and second is not None and (second - first).total_seconds() >= 120
        await asyncio.sleep(90)
        assert await conditions(world) == []
        found = ("FailureTarget", "DeadlineExceeded")
        await heading_for(world, found)


@pytest.mark.parametrize("completions", [0, 2, None])
async def test_a_suspended_job_that_has_what_it_needs_is_complete(completions: int | None) -> None:
    """ "Job can be in the suspended state only if it is NOT completed." """
    async with control_plane(*ONLY) as world:
        if completions == 0:
            await world.create(job("work", completions=0, parallelism=0, suspend=True))
        else:  # without a number of completions it is a queue, of which one pod says that it is empty
            await world.create(job("work", parallelism=2, **({"completions": completions} if completions else {})))
            for pod in (await running(world, 2))[: completions or 1]:
                await end(world, pod)
            await world.client.patch(Job, "work", "default", body={"spec": {"suspend": True}})

        async def is_complete() -> bool:
            await until_confirmed(world)
            return ("Complete", "CompletionsReached") in await conditions(world)

        await world.until(is_complete)


async def test_the_metrics_of_jobs() -> None:
    async with control_plane(*ONLY, "cronjob-controller") as world:
        await world.create(job("work", parallelism=2, completions=2))
        for pod in await running(world, 2):
            await end(world, pod)
        await ended_as(world, ("SuccessCriteriaMet", "CompletionsReached"), ("Complete", "CompletionsReached"))
        await world.create(job("lost", backoffLimit=0))
        await end(world, (await running(world, 1))[0], 1)

        def told(line: str) -> bool:
            return line.encode() + b"\n" in world.metrics()

        mode = 'completion_mode="NonIndexed"'
        await world.until(
            lambda: told(
                f'job_controller_jobs_finished_total{{{mode},result="failed",reason="BackoffLimitExceeded"}} 1'
            )
        )
        assert told(f'job_controller_jobs_finished_total{{{mode},result="succeeded",reason="CompletionsReached"}} 1')
        assert told(f'job_controller_job_pods_finished_total{{{mode},result="succeeded"}} 2')
        assert told(f'job_controller_job_pods_finished_total{{{mode},result="failed"}} 1')
        assert told(f'job_controller_job_syncs_total{{{mode},result="success",action="pods_created"}} 2')
        spec = {"schedule": "* * * * *", "jobTemplate": {"spec": job("x")["spec"]}}
        await world.create(
            {
                "apiVersion": "batch/v1",
                "kind": "CronJob",
                "metadata": {"name": "c", "namespace": "default"},
                "spec": spec,
            }
        )
        skew = rb'cronjob_controller_job_creation_skew_duration_seconds_bucket{le="1"} [1-9]'
        await world.until(lambda: re.search(skew, world.metrics()))


async def test_replacement_waits_until_a_terminating_pod_has_failed() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", podReplacementPolicy="Failed"))
        (pod,) = await running(world, 1)
        await world.report(pod, "Running", ready=True)
        await world.client.delete(Pod, pod.metadata.name or "", "default", grace_period_seconds=100)
        await asyncio.sleep(50)
        assert len(await pods(world)) == 1
        status = (await world.get(Job, "work")).status
        assert (status.active, status.terminating) == (None, 1)
        await world.report(pod, "Failed", exit_code=143)
        await asyncio.sleep(20)
        assert len(await running(world, 1)) == 1


async def test_job_of_another_controller_is_left_alone() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(job("work", managedBy="example.com/own"))
        await asyncio.sleep(30)
        assert await pods(world) == []
        assert (await world.get(Job, "work")).status.start_time is None
