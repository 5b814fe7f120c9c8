"""Pods leave devices that are tainted NoExecute: at once, after a time, or not at all."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from tests.controllers.test_resource_claim import claim, user
from tests.support.clock import START
from tests.support.control_plane import World, control_plane

from pybernetes.api.core import Pod
from pybernetes.api.dynamic_resource import ResourceClaim, ResourceSlice
from pybernetes.api.dynamic_resource.resource_claim import DeviceToleration
from pybernetes.api.dynamic_resource.resource_slice import (
    Device,
    DeviceTaint,
    ResourcePool,
    ResourceSliceSpec,
)
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.status import is_not_found
from pybernetes.controllers.device_taint_eviction.plan import AT_ONCE, evicting_taints, leaves_at, tolerates

ONLY = ("device-taint-eviction-controller",)
ADDED = START
BROKEN = {
    "key": "example.com/broken",
    "value": "hot",
    "effect": "NoExecute",
    "timeAdded": START.strftime("%Y-%m-%dT%H:%M:%SZ"),
}


def published(*taints: dict[str, Any], generation: int = 1, name: str = "n1-gpus") -> dict[str, Any]:
    device: dict[str, Any] = {"name": "gpu-0"}
    if taints:
        device["taints"] = list(taints)
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": name},
        "spec": {
            "driver": "gpu.example.com",
            "nodeName": "n1",
            "pool": {"name": "n1", "generation": generation, "resourceSliceCount": 1},
            "devices": [device],
        },
    }


async def taint(world: World, *taints: dict[str, Any]) -> None:
    devices = published(*taints)["spec"]["devices"]
    await world.client.patch(ResourceSlice, "n1-gpus", body={"spec": {"devices": devices}})


async def use_device(world: World, *tolerations: dict[str, Any]) -> Pod:
    """A pod on a node with a claim that has the device, as scheduler and resource claim controller leave it."""
    await world.create(claim("mine"))
    running = await world.create(user("work", node="n1", resourceClaimName="mine"))
    meta = running["metadata"]
    result = {"request": "gpu", "driver": "gpu.example.com", "pool": "n1", "device": "gpu-0"}
    if tolerations:
        result["tolerations"] = list(tolerations)  # type: ignore[assignment]
    status = {
        "allocation": {"devices": {"results": [result]}},
        "reservedFor": [{"resource": "pods", "name": "work", "uid": meta["uid"]}],
    }
    await world.client.patch(ResourceClaim, "mine", "default", body={"status": status}, subresource="status")
    return await world.get(Pod, "work")


async def is_leaving(world: World) -> bool:
    try:
        return (await world.get(Pod, "work")).metadata.deletion_timestamp is not None
    except Exception as error:
        assert is_not_found(error)
        return True


async def test_pod_leaves_a_device_that_breaks_and_is_told_why() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(published())
        await use_device(world)
        await taint(world, BROKEN)
        await world.until(lambda: is_leaving(world))
        found = await world.get(Pod, "work")
        (condition,) = [row for row in found.status.conditions or () if row.type == "DisruptionTarget"]
        assert (condition.status, condition.reason, condition.message) == (
            "True",
            "DeletionByDeviceTaintManager",
            "Device Taint manager: deleting due to NoExecute taint",
        )
        await world.until(lambda: world.messages("DeviceTaintManagerEviction"))
        assert await world.messages("DeviceTaintManagerEviction") == {"Marking for deletion"}


async def test_a_taint_that_was_there_before_the_claim_counts() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(published(BROKEN))
        await use_device(world)
        await world.until(lambda: is_leaving(world))


async def test_toleration_for_a_while_ends_and_a_taint_that_goes_cancels() -> None:
    until_then = {"key": BROKEN["key"], "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3600}
    async with control_plane(*ONLY) as world:
        await world.create(published())
        await use_device(world, until_then)
        await taint(world, BROKEN)
        await world.clock.sleep(60)
        assert not await is_leaving(world)
        await taint(world)
        await world.until(lambda: world.messages("DeviceTaintManagerEviction"))
        assert await world.messages("DeviceTaintManagerEviction") == {"Cancelling deletion"}
        assert not await is_leaving(world)
        await taint(world, BROKEN)
        await world.clock.sleep(3600 - world.clock.monotonic() - 10)
        assert not await is_leaving(world)
        await world.until(lambda: is_leaving(world), within_seconds=20)


async def test_who_tolerates_for_ever_or_is_not_concerned_stays() -> None:
    for_ever = {"operator": "Exists", "effect": "NoExecute"}
    async with control_plane(*ONLY) as world:
        await world.create(published())
        await use_device(world, for_ever)
        await taint(world, BROKEN, {**BROKEN, "key": "example.com/other", "effect": "NoSchedule"})
        await world.clock.sleep(60)
        assert not await is_leaving(world)


async def test_outdated_slices_do_not_count() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(published(generation=2))
        await world.create(published(BROKEN, generation=1, name="n1-old"))
        await use_device(world)
        await world.clock.sleep(60)
        assert not await is_leaving(world)
        await world.client.delete(ResourceSlice, "n1-gpus")
        await world.until(lambda: is_leaving(world))


@pytest.mark.parametrize(
    ("toleration", "expected"),
    [
        ({"operator": "Exists", "effect": "NoExecute"}, True),
        ({"operator": "Exists", "effect": "NoExecute", "key": "k"}, True),
        ({"operator": "Exists", "effect": "NoExecute", "key": "other"}, False),
        ({"operator": "Equal", "effect": "NoExecute", "key": "k", "value": "v"}, True),
        ({"effect": "NoExecute", "key": "k", "value": "v"}, True),
        ({"effect": "NoExecute", "key": "k", "value": "w"}, False),
        ({"effect": "NoExecute", "key": "k"}, False),
        ({"operator": "Exists", "key": "k"}, False),  # evictions are tolerated by name only
        ({"operator": "Exists", "effect": "NoSchedule"}, False),
        ({"operator": "Maybe", "effect": "NoExecute", "key": "k", "value": "v"}, False),
    ],
)
def test_tolerated(toleration: dict[str, Any], expected: bool) -> None:
    assert tolerates(DeviceToleration(**toleration), DeviceTaint(key="k", value="v", effect="NoExecute")) is expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([], ADDED),
        ([30], ADDED + timedelta(seconds=30)),
        ([30, 10], ADDED + timedelta(seconds=10)),
        ([-5], ADDED),
        ([10, None], None),
    ],
)
def test_until_when(seconds: list[int | None], expected: datetime | None) -> None:
    tolerations = [
        DeviceToleration(operator="Exists", effect="NoExecute", toleration_seconds=granted) for granted in seconds
    ]
    assert leaves_at(DeviceTaint(key="k", effect="NoExecute", time_added=ADDED), tolerations) == expected
    if not seconds:
        assert leaves_at(DeviceTaint(key="k", effect="NoExecute"), []) == AT_ONCE


def test_only_the_newest_generation_of_a_pool() -> None:
    def part(generation: int, device: str, effect: str = "NoExecute") -> ResourceSlice:
        pool = ResourcePool(name="p", generation=generation, resource_slice_count=1)
        devices = [Device(name=device, taints=[DeviceTaint(key="k", effect=effect)])]
        return ResourceSlice(metadata=ObjectMeta(), spec=ResourceSliceSpec(driver="d", pool=pool, devices=devices))

    assert set(evicting_taints([part(1, "a"), part(2, "b"), part(2, "c", "NoSchedule")])) == {"b"}
    assert evicting_taints([]) == {}
