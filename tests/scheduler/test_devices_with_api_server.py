"""Devices against the real API server: shared ones, ones that are made ready first, ones behind extended resources."""

import asyncio
from typing import Any

import pytest
from tests.scheduler.test_with_api_server import cluster, condition_of, create, is_rejected, until, until_event
from tests.support.scheduling import node, pod

from pybernetes.api.core import Pod, PodResourceClaim
from pybernetes.api.dynamic_resource import ResourceClaim
from pybernetes.client.client import Client

DRIVER = "gpu.example.com"


async def offer(client: Client, *devices: dict[str, Any], resource: str = "") -> None:
    """A class of all devices, and a pool of them on node a."""
    expression = {"cel": {"expression": f'device.driver == "{DRIVER}"'}}
    spec: dict[str, Any] = {"selectors": [expression]}
    if resource:
        spec["extendedResourceName"] = resource
    head = {"apiVersion": "resource.k8s.io/v1"}
    await client.create(head | {"kind": "DeviceClass", "metadata": {"name": "gpu"}, "spec": spec})
    pool = {"name": "a", "generation": 1, "resourceSliceCount": 1}
    slice_ = {"driver": DRIVER, "nodeName": "a", "pool": pool, "devices": list(devices)}
    await client.create(head | {"kind": "ResourceSlice", "metadata": {"name": "s"}, "spec": slice_})


async def ask(client: Client, name: str, **more: Any) -> None:
    exactly = {"deviceClassName": "gpu", **more}
    await client.create(
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": name, "namespace": "default"},
            "spec": {"devices": {"requests": [{"name": "r", "exactly": exactly}]}},
        }
    )


def asking(name: str, resource: str, count: int, **more: Any) -> Pod:
    """A pod that requests an extended resource; a limit is what such a request takes."""
    found = pod(name, requests={resource: str(count)}, **more)
    found.spec.containers[0].resources.limits = {resource: str(count)}
    return found


def user(name: str, claim: str) -> Pod:
    return pod(name, resource_claims=[PodResourceClaim(name="c", resource_claim_name=claim)])


async def until_claim(client: Client, name: str, condition: Any) -> ResourceClaim:
    async with asyncio.timeout(60):
        found = await client.get(ResourceClaim, name, "default")
        if condition(found):
            return found
        version = found.metadata.resource_version or ""
        async for event in client.watch(ResourceClaim, "default", resource_version=version):
            if event.object.metadata.name == name and event.type != "DELETED" and condition(event.object):
                return event.object
    raise AssertionError("the watch ended")


async def test_claims_share_a_device_until_its_capacity_is_used_up():
    memory = {"value": "8Gi", "requestPolicy": {"default": "1Gi", "validRange": {"min": "1Gi", "step": "1Gi"}}}
    async with cluster(node("a")) as client:
        await offer(client, {"name": "0", "allowMultipleAllocations": True, "capacity": {"memory": memory}})
        for name, wanted in (("big", "4500Mi"), ("small", None), ("late", "3Gi")):
            await ask(client, name, **({"capacity": {"requests": {"memory": wanted}}} if wanted else {}))
        for name in ("big", "small"):
            await create(client, user(name, name))
            await until(client, name, lambda one: one.spec.node_name)
        rows = []
        for name in ("big", "small"):
            found = await client.get(ResourceClaim, name, "default")
            (row,) = found.status.allocation.devices.results
            rows.append((row.device, row.consumed_capacity))
            assert row.share_id
        assert rows == [("0", {"memory": "5Gi"}), ("0", {"memory": "1Gi"})]
        await create(client, user("late", "late"))
        found = await until(client, "late", is_rejected)
        assert "1 cannot allocate all claims" in condition_of(found).message
        big = await client.get(ResourceClaim, "big", "default")
        body = {"status": {"allocation": None, "reservedFor": None}}
        await client.patch(ResourceClaim, big.metadata.name, "default", body=body, subresource="status")
        await until(client, "late", lambda one: one.spec.node_name)


READY, BROKEN = "example.com/attached", "example.com/broken"
FABRIC = {"name": "0", "bindsToNode": True, "bindingConditions": [READY], "bindingFailureConditions": [BROKEN]}


async def report(client: Client, claim: str, condition: str, reason: str = "Done", message: str = "") -> None:
    """As the device's driver does."""
    row = {"type": condition, "status": "True", "reason": reason, "message": message}
    row["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    devices = [{"driver": DRIVER, "pool": "a", "device": "0", "conditions": [row]}]
    body = {"status": {"devices": devices}}
    await client.patch(ResourceClaim, claim, "default", body=body, subresource="status")


async def test_a_pod_is_bound_when_its_device_is_ready():
    async with cluster(node("a")) as client:
        await offer(client, FABRIC)
        await ask(client, "c")
        await create(client, user("p", "c"))
        event = await until_event(client, "BindingConditionsPending")
        assert event.message == "waiting for binding conditions for device on node a"
        claim = await until_claim(client, "c", lambda one: one.status.reserved_for)
        (row,) = claim.status.allocation.devices.results
        assert (row.binding_conditions, row.binding_failure_conditions) == ([READY], [BROKEN])
        assert claim.status.allocation.allocation_timestamp is not None
        assert not (await client.get(Pod, "p", "default")).spec.node_name
        await report(client, "c", READY)
        await until(client, "p", lambda one: one.spec.node_name)


async def test_a_device_that_cannot_be_made_ready_is_given_back_and_another_attempt_made():
    async with cluster(node("a")) as client:
        await offer(client, FABRIC)
        await ask(client, "c")
        await create(client, user("p", "c"))
        await until_claim(client, "c", lambda one: one.status.reserved_for)
        await report(client, "c", BROKEN, "NoCable", "there is no cable")
        found = await until(client, "p", is_rejected)
        expected = (
            'running PreBind plugin "DynamicResources": claim c binding failed: reason=NoCable,'
            ' message="there is no cable"'
        )
        assert condition_of(found).message == expected
        claim = await until_claim(client, "c", lambda one: one.status.allocation is None)
        assert not claim.status.reserved_for
        await until_claim(client, "c", lambda one: one.status.allocation is not None)
        await report(client, "c", READY)
        await until(client, "p", lambda one: one.spec.node_name)


@pytest.mark.parametrize("many", [False, True], ids=["plainly", "over arrays"])
async def test_an_extended_resource_comes_as_devices(many):
    resource = "example.com/gpu"
    others = [node(f"n{number}") for number in range(70)] if many else [node("b")]
    async with cluster(node("a"), *others) as client:
        one = asking("p", resource, 2)
        await create(client, one)
        found = await until(client, "p", is_rejected)
        assert f"Insufficient {resource}" in condition_of(found).message
        await offer(client, {"name": "0"}, {"name": "1"}, {"name": "2"}, resource=resource)
        found = await until(client, "p", lambda one: one.spec.node_name)
        assert found.spec.node_name == "a"
        (claim,) = (await client.list(ResourceClaim, "default")).items
        assert (claim.metadata.name or "").startswith("p-extended-resources-")
        assert claim.metadata.annotations == {"resource.kubernetes.io/extended-resource-claim": "true"}
        (owner,) = claim.metadata.owner_references
        assert (owner.kind, owner.uid, owner.controller) == ("Pod", found.metadata.uid, True)
        assert [row.device for row in claim.status.allocation.devices.results] == ["0", "1"]
        status = found.status.extended_resource_claim_status
        assert status.resource_claim_name == claim.metadata.name
        (use,) = status.request_mappings
        assert (use.container_name, use.resource_name) == ("app", resource)
        assert use.request_name == claim.spec.devices.requests[0].name == "container-0-request-0"
        await create(client, asking("q", resource, 2))  # one is left
        found = await until(client, "q", is_rejected)
        assert "cannot allocate all claims" in condition_of(found).message


async def test_a_device_plugin_goes_before_devices_of_a_class():
    async with cluster(node("a", **{"example.com/gpu": "1"})) as client:
        await offer(client, {"name": "0"}, resource="example.com/gpu")
        await create(client, asking("p", "example.com/gpu", 1))
        await until(client, "p", lambda one: one.spec.node_name)
        assert not (await client.list(ResourceClaim, "default")).items


async def test_a_claim_that_an_interrupted_attempt_has_left_is_replaced():
    async with cluster(node("a")) as client:
        one = asking("p", "example.com/gpu", 1, gates=["wait"])
        await create(client, one)
        made = await client.get(Pod, "p", "default")
        await offer(client, {"name": "0"}, resource="example.com/gpu")
        owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": made.metadata.uid, "controller": True}
        metadata = {"name": "left", "namespace": "default", "ownerReferences": [owner]}
        metadata["annotations"] = {"resource.kubernetes.io/extended-resource-claim": "true"}
        requests = [{"name": "container-0-request-0", "exactly": {"deviceClassName": "gpu"}}]
        left = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "metadata": metadata}
        await client.create(left | {"spec": {"devices": {"requests": requests}}})
        await client.patch(Pod, "p", "default", body={"spec": {"schedulingGates": None}})
        found = await until(client, "p", lambda one: one.spec.node_name)
        (claim,) = (await client.list(ResourceClaim, "default")).items
        assert claim.metadata.name == found.status.extended_resource_claim_status.resource_claim_name != "left"
