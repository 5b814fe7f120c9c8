"""Claims of devices: generated, reserved, given back."""

import asyncio
from typing import Any

from tests.support.control_plane import World, control_plane, pod

from pybernetes.api.core import Pod
from pybernetes.api.dynamic_resource import ResourceClaim

ONLY = ("resourceclaim-controller",)
DEVICES = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpus"}}]}}


def template(name: str = "one-gpu") -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"metadata": {"labels": {"kind": "gpu"}}, "spec": DEVICES},
    }


def claim(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": "default"},
        "spec": DEVICES,
    }


def user(name: str, *, node: str = "", **wanted: str) -> dict[str, Any]:
    return pod(name, node=node, resourceClaims=[{"name": "gpu", **wanted}])


async def claims(world: World) -> list[ResourceClaim]:
    return await world.list(ResourceClaim, "default")


async def allocate(world: World, name: str) -> None:
    """As the scheduler does: allocated, and protected by the finalizer."""
    finalizers = {"metadata": {"finalizers": ["resource.kubernetes.io/delete-protection"]}}
    await world.client.patch(ResourceClaim, name, "default", body=finalizers)
    body = {"status": {"allocation": {"devices": {}}}}
    await world.client.patch(ResourceClaim, name, "default", body=body, subresource="status")


async def test_claim_is_made_from_the_template_and_named_in_the_status() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(template())
        await world.create(user("work", resourceClaimTemplateName="one-gpu"))

        async def named() -> str:
            statuses = (await world.get(Pod, "work")).status.resource_claim_statuses or []
            return statuses[0].resource_claim_name or "" if statuses else ""

        name = await world.until(named)
        (found,) = await claims(world)
        assert found.metadata.name == name and name.startswith("work-gpu-")
        assert found.metadata.labels == {"kind": "gpu"}
        assert (found.metadata.annotations or {})["resource.kubernetes.io/pod-claim-name"] == "gpu"
        await allocate(world, name)
        await world.report(await world.get(Pod, "work"), "Succeeded")

        async def gone() -> bool:
            return not await claims(world)

        await world.until(gone)


async def test_missing_template_is_told_and_waited_for() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(user("work", resourceClaimTemplateName="one-gpu"))
        (message,) = await world.until(lambda: world.messages("FailedResourceClaimCreation"))
        assert message == 'PodResourceClaim gpu: resourceclaimtemplate.resource.k8s.io "one-gpu" not found'
        await world.create(template())
        await world.until(lambda: claims(world))


async def test_claim_is_reserved_for_a_pod_on_a_node_and_released_after_it() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(claim("shared"))
        await allocate(world, "shared")
        await world.create(user("work", node="n1", resourceClaimName="shared"))

        async def reserved() -> list[str]:
            (found,) = await claims(world)
            return [one.name for one in found.status.reserved_for or ()]

        await world.until(reserved)
        assert await reserved() == ["work"]
        await world.client.delete(Pod, "work", "default", grace_period_seconds=0)

        async def released() -> bool:
            return await reserved() == []

        await world.until(released)

        async def unprotected() -> bool:
            (found,) = await claims(world)
            return found.status.allocation is None and not found.metadata.finalizers

        await world.until(unprotected)  # the devices are there for others


async def test_what_nobody_has_used_yet_stays_allocated_until_it_is_deleted() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(claim("prepared"))
        await allocate(world, "prepared")
        await world.create(claim("later"))
        await asyncio.sleep(60)
        assert {one.metadata.name for one in await claims(world) if one.status.allocation is not None} == {"prepared"}
        await world.client.delete(ResourceClaim, "prepared", "default")

        async def gone() -> bool:
            return [one.metadata.name for one in await claims(world)] == ["later"]

        await world.until(gone)
