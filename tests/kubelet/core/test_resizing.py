"""In-place resize through the API: granted, deferred, carried out, and remembered over a restart of the kubelet."""

import asyncio
from pathlib import Path
from typing import Any

from tests.kubelet.builders import container
from tests.kubelet.core.harness import World, condition, node, ready, status, world

from pybernetes.api.core import ContainerResizePolicy, Pod, ResourceRequirements
from pybernetes.client.client import STRATEGIC_MERGE_PATCH


def cpu(amount: str, limit: str = "") -> ResourceRequirements:
    return ResourceRequirements(requests={"cpu": amount}, limits={"cpu": limit} if limit else None)


async def resize(n: World, amount: str, *, limit: str = "", name: str = "web", of: str = "web") -> Pod:
    resources = {"requests": {"cpu": amount}, **({"limits": {"cpu": limit}} if limit else {})}
    body = {"spec": {"containers": [{"name": of, "resources": resources}]}}
    return await n.client.patch(
        Pod, name, "default", body=body, content_type=STRATEGIC_MERGE_PATCH, subresource="resize"
    )


def has(amount: str, *, of: str = "web") -> Any:
    """The container runs with this CPU request, and nothing is under way."""

    def holds(pod: Pod) -> bool:
        found = status(pod, of).resources
        settled = not condition(pod, "PodResizeInProgress") and not condition(pod, "PodResizePending")
        return settled and found is not None and (found.requests or {}).get("cpu") == amount

    return holds


async def reasons(n: World, name: str = "web") -> list[str]:
    return [reason for _, reason, _ in await n.events(name) if reason.startswith("Resize")]


async def test_a_wish_is_carried_out_in_place(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(resources=cpu("500m")), container("other"))
        before = await n.until(ready)
        await resize(n, "1")
        pod = await n.until(has("1"))
        assert (status(pod).allocated_resources or {})["cpu"] == "1"
        assert status(pod).container_id == status(before).container_id
        updated = [id_ for call, id_ in n.runtime.calls if call == "update_resources"]
        assert updated == [(status(pod).container_id or "").partition("://")[2]]
        assert await reasons(n) == ["ResizeStarted", "ResizeCompleted"]


async def test_a_policy_may_want_a_restart(tmp_path: Path) -> None:
    policy = [ContainerResizePolicy(resource_name="cpu", restart_policy="RestartContainer")]
    async with node(tmp_path) as n:
        await n.run(container(resources=cpu("500m"), resize_policy=policy), container("other"))
        await n.until(ready)
        await resize(n, "1")
        pod = await n.until(has("1"))
        assert (status(pod).restart_count, status(pod, "other").restart_count) == (1, 0)
        assert ("Normal", "Killing", "Container web resize requires restart") in await n.events()
        assert not [call for call, _ in n.runtime.calls if call == "update_resources"]


async def test_what_the_node_never_has_is_infeasible(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(resources=cpu("500m")))
        await n.until(ready)
        wanted = await resize(n, "3")
        pod = await n.until(lambda p: condition(p, "PodResizePending") == "True")
        found = next(c for c in pod.status.conditions or () if c.type == "PodResizePending")
        assert found.reason == "Infeasible"
        assert found.message == "Node didn't have enough capacity: cpu, requested: 3000, capacity: 2000"
        assert found.observed_generation == wanted.metadata.generation
        assert (status(pod).allocated_resources or {})["cpu"] == "500m"
        await resize(n, "500m")
        await n.until(has("500m"))
        assert await reasons(n) == ["ResizeInfeasible"]


async def test_what_the_node_has_not_now_is_deferred_until_it_has(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(resources=cpu("500m")))
        await n.run(container(resources=cpu("1")), name="big")
        await n.until(ready)
        await n.until(ready, "big")
        await resize(n, "1500m")
        pod = await n.until(lambda p: condition(p, "PodResizePending") == "True")
        found = next(c for c in pod.status.conditions or () if c.type == "PodResizePending")
        assert found.reason == "Deferred"
        assert found.message == "Node didn't have enough resource: cpu, requested: 1500, used: 1000, capacity: 2000"
        await resize(n, "250m", name="big")
        await n.until(has("1500m"))
        assert await reasons(n) == ["ResizeDeferred", "ResizeStarted", "ResizeCompleted"]
        await n.client.delete(Pod, "big", "default", grace_period_seconds=1)
        await n.until_gone("big")
        await resize(n, "2")
        await n.until(has("2"))


async def test_a_failed_update_is_told_and_tried_again(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(resources=cpu("500m")))
        await n.until(ready)
        n.runtime.fail("update_resources", message="device or resource busy")
        await resize(n, "1")
        pod = await n.until(lambda p: any(c.reason == "Error" for c in p.status.conditions or ()))
        found = next(c for c in pod.status.conditions or () if c.type == "PodResizeInProgress")
        assert (found.status, found.message) == ("True", "rpc error: code = Unknown desc = device or resource busy")
        assert (status(pod).resources or cpu("0")).requests == {"cpu": "500m"}
        await n.until(has("1"))
        assert await reasons(n) == ["ResizeStarted", "ResizeError", "ResizeCompleted"]


async def test_a_restarted_kubelet_knows_what_was_allocated(tmp_path: Path) -> None:
    async with world(tmp_path) as n:
        async with n.kubelet_running():
            await n.run(container(resources=cpu("500m")))
            await n.run(container(resources=cpu("1")), name="big")
            await n.until(ready)
            await n.until(ready, "big")
        await resize(n, "1500m")
        await resize(n, "1250m", name="big")
        async with n.kubelet_running():
            pod = await n.until(lambda p: condition(p, "PodResizePending") == "True")
            assert (status(pod).allocated_resources or {})["cpu"] == "500m"
            await n.until(has("1250m"), "big")
            await asyncio.sleep(1)
            assert condition(await n.pod(), "PodResizePending") == "True"


async def test_the_pod_as_a_whole_is_resized(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(resources=cpu("100m")), resources=cpu("500m", "1"))
        before = await n.until(ready)
        assert before.status.resources is not None and before.status.resources.limits == {"cpu": "1"}
        assert before.status.allocated_resources == {"cpu": "500m"}
        n.cgroups.updated.clear()
        body = {"spec": {"resources": {"requests": {"cpu": "800m"}, "limits": {"cpu": "1500m"}}}}
        await n.client.patch(Pod, "web", "default", body=body, content_type=STRATEGIC_MERGE_PATCH, subresource="resize")
        pod = await n.until(
            lambda p: (
                p.status.resources
                and (p.status.resources.limits or {}).get("cpu") == "1500m"
                and not condition(p, "PodResizeInProgress")
            )
        )
        assert pod.status.allocated_resources == {"cpu": "800m"}
        assert status(pod).restart_count == 0
        assert [(p.spec.resources.limits or {})["cpu"] for p in n.cgroups.updated if p.spec.resources] == ["1500m"]
        assert await reasons(n) == ["ResizeStarted", "ResizeCompleted"]


async def test_a_whole_that_the_node_cannot_grant_stays_as_it_is(tmp_path: Path) -> None:
    async with node(tmp_path) as n:
        await n.run(container(resources=cpu("100m")), resources=cpu("500m"))
        await n.until(ready)
        body = {"spec": {"resources": {"requests": {"cpu": "3"}}}}
        await n.client.patch(Pod, "web", "default", body=body, content_type=STRATEGIC_MERGE_PATCH, subresource="resize")
        pod = await n.until(lambda p: condition(p, "PodResizePending") == "True")
        assert pod.status.allocated_resources == {"cpu": "500m"}
        assert await reasons(n) == ["ResizeInfeasible"]
