"""Nodes and their instances: initialised, refreshed, tainted, removed."""

from typing import Any

import pytest
from tests.support.cloud import RecordingCloud, cloud_node, cloud_world
from tests.support.control_plane import World

from pybernetes.api.core import Node, NodeAddress
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.cloud.nodes.plan import (
    PROVIDED_IP,
    SHUTDOWN,
    UNINITIALIZED,
    addresses_of,
    instance_labels,
    refreshed_labels,
)
from pybernetes.cloud.provider import InstanceMetadata, ProviderError

NODE, LIFECYCLE = "cloud-node-controller", "cloud-node-lifecycle-controller"


def fresh(name: str = "n1", **more: Any) -> dict[str, Any]:
    """A node as a kubelet with --cloud-provider=external registers it."""
    taint = {"key": UNINITIALIZED, "value": "true", "effect": "NoSchedule"}
    other = {"key": "example.com/gpu", "effect": "NoSchedule"}
    return cloud_node(name, spec={"taints": [taint, other]}, **more)


async def get(world: World, name: str = "n1") -> Node:
    return await world.client.get(Node, name)


async def taints(world: World, name: str = "n1") -> set[str]:
    """All but the one that the API server gives to every new node."""
    return {taint.key for taint in (await get(world, name)).spec.taints or ()} - {"node.kubernetes.io/not-ready"}


async def is_initialised(world: World, name: str = "n1") -> bool:
    return UNINITIALIZED not in await taints(world, name)


async def is_gone(world: World, name: str = "n1") -> bool:
    try:
        await get(world, name)
    except StatusError as error:
        return is_not_found(error)
    return False


async def readiness(world: World, status: str, name: str = "n1") -> None:
    body = {"status": {"conditions": [{"type": "Ready", "status": status}]}}
    await world.client.patch(Node, name, body=body, subresource="status")


async def test_a_new_node_is_told_what_the_cloud_knows() -> None:
    cloud = RecordingCloud()
    cloud.machine("n1", additional_labels={"example.com/rack": "r7", "node.kubernetes.io/evil": "x"})
    async with cloud_world(cloud, NODE) as world:
        await world.create(fresh())
        await world.until(lambda: is_initialised(world))
        found = await get(world)
        assert found.spec.provider_id == "recording://n1"
        labels = found.metadata.labels or {}
        assert labels["node.kubernetes.io/instance-type"] == labels["beta.kubernetes.io/instance-type"] == "m1.small"
        assert labels["topology.kubernetes.io/zone"] == labels["failure-domain.beta.kubernetes.io/zone"] == "eu-1a"
        assert labels["topology.kubernetes.io/region"] == labels["failure-domain.beta.kubernetes.io/region"] == "eu-1"
        assert labels["example.com/rack"] == "r7" and "node.kubernetes.io/evil" not in labels
        assert [(a.type, a.address) for a in found.status.addresses or ()] == [
            ("InternalIP", "10.1.0.1"), ("Hostname", "n1"),
        ]  # fmt: skip
        assert await taints(world) == {"example.com/gpu"}
        await world.until(lambda: world.messages("Synced"))
        assert await world.messages("Synced") == {"Node synced successfully"}


async def test_a_node_waits_until_the_cloud_knows_it() -> None:
    cloud = RecordingCloud()
    cloud.fail["metadata"] = ProviderError("the API is down")
    async with cloud_world(cloud, NODE) as world:
        await world.create(fresh())
        await world.until(lambda: cloud.count("metadata") == 3)
        assert not await is_initialised(world)
        assert world.clock.monotonic() < 20
        cloud.fail.clear()
        cloud.machine("n1")
        await world.until(lambda: is_initialised(world))


async def test_an_instance_without_an_id_leaves_the_node_uninitialised() -> None:
    cloud = RecordingCloud()
    cloud.machine("n1", provider_id="")
    async with cloud_world(cloud, NODE) as world:
        await world.create(fresh())
        await world.until(lambda: cloud.count("metadata") == 3)
        assert not await is_initialised(world)
        await world.client.patch(Node, "n1", body={"spec": {"providerID": "kubelet://n1"}})
        await world.until(lambda: is_initialised(world))
        assert (await get(world)).spec.provider_id == "kubelet://n1"


async def test_a_nodes_addresses_and_labels_are_asked_for_again() -> None:
    cloud = RecordingCloud()
    cloud.machine("n1")
    async with cloud_world(cloud, NODE) as world:
        await world.create(fresh())
        await world.until(lambda: is_initialised(world))
        moved = (NodeAddress(type="InternalIP", address="10.1.0.99"),)
        cloud.machine("n1", addresses=moved, additional_labels={"example.com/rack": "r8"})

        async def has_moved() -> bool:
            found = await get(world)
            rack = (found.metadata.labels or {}).get("example.com/rack")
            return (found.status.addresses or [])[0].address == "10.1.0.99" and rack == "r8"

        await world.until(has_moved)
        assert 295 <= world.clock.monotonic() <= 310


async def test_a_heartbeat_asks_the_cloud_nothing() -> None:
    cloud = RecordingCloud()
    cloud.machine("n1")
    async with cloud_world(cloud, NODE, LIFECYCLE) as world:
        await world.create(fresh())
        await world.until(lambda: is_initialised(world))
        asked = len(cloud.calls)
        for _ in range(3):
            await readiness(world, "True")
        cloud.machine("n2")
        await world.create(fresh("n2"))
        await world.until(lambda: is_initialised(world, "n2"))
        assert [call for call in cloud.calls[asked:] if call[1] == "n1"] == []


async def test_a_node_whose_instance_is_gone_is_deleted() -> None:
    cloud = RecordingCloud()
    cloud.machine("n1")
    async with cloud_world(cloud) as world:
        await world.create(fresh())
        await world.until(lambda: is_initialised(world))
        cloud.machines.clear()
        await world.create(cloud_node("n2"))
        await world.until(lambda: world.client.get(Node, "n2"))
        assert not await is_gone(world)
        await readiness(world, "Unknown")
        await world.until(lambda: is_gone(world), within_seconds=10)
        await world.until(lambda: world.messages("DeletingNode"))
        wanted = "Deleting node n1 because it does not exist in the cloud provider"
        assert await world.messages("DeletingNode") == {wanted}


async def test_an_instance_that_vanishes_later_is_noticed_within_seconds() -> None:
    cloud = RecordingCloud()
    cloud.machine("n1")
    async with cloud_world(cloud, LIFECYCLE) as world:
        await world.create(cloud_node("n1", ready="Unknown"))
        await world.until(lambda: cloud.count("exists") == 3)
        cloud.machines.clear()
        await world.until(lambda: is_gone(world), within_seconds=10)


async def test_a_new_node_is_given_a_minute() -> None:
    cloud = RecordingCloud()
    async with cloud_world(cloud, LIFECYCLE) as world:
        await world.create(fresh(ready="False"))
        await world.until(lambda: is_gone(world))
        assert 60 <= world.clock.monotonic() <= 70


async def test_a_cloud_that_cannot_tell_costs_no_node() -> None:
    cloud = RecordingCloud()
    cloud.fail["exists"] = ProviderError("timeout")
    async with cloud_world(cloud, LIFECYCLE) as world:
        await world.create(cloud_node("n1", ready="Unknown"))
        await world.until(lambda: cloud.count("exists") == 3)
        assert not await is_gone(world)


async def test_a_node_that_is_shut_down_is_tainted_until_it_is_back() -> None:
    cloud = RecordingCloud()
    cloud.machine("n1")
    cloud.off.add("n1")
    async with cloud_world(cloud, LIFECYCLE) as world:
        await world.create(cloud_node("n1", ready="Unknown", spec={"taints": [{"key": "a", "effect": "NoSchedule"}]}))

        async def has(*keys: str) -> bool:
            return await taints(world) == set(keys)

        await world.until(lambda: has("a", SHUTDOWN))
        found = await get(world)
        assert {t.effect for t in found.spec.taints or () if t.key == SHUTDOWN} == {"NoSchedule"}
        await readiness(world, "True")
        await world.until(lambda: has("a"))


def with_addresses(*pairs: tuple[str, str], provided: str = "") -> Node:
    found = Node(metadata=ObjectMeta(name="n1", annotations={PROVIDED_IP: provided} if provided else None))
    found.status.addresses = [NodeAddress(type=type_, address=address) for type_, address in pairs]
    return found


def instance(*pairs: tuple[str, str], **more: Any) -> InstanceMetadata:
    addresses = tuple(NodeAddress(type=type_, address=address) for type_, address in pairs)
    return InstanceMetadata(provider_id="x://1", addresses=addresses, **more)


CLOUD = (("InternalIP", "10.0.0.1"), ("InternalIP", "10.0.1.1"), ("ExternalIP", "192.0.2.1"))


@pytest.mark.parametrize(
    ("node", "found", "expected"),
    [
        (with_addresses(), instance(), None),
        (with_addresses(("Hostname", "n1")), instance(*CLOUD), [*CLOUD, ("Hostname", "n1")]),
        (with_addresses(*CLOUD, ("Hostname", "n1")), instance(*CLOUD), None),
        (with_addresses(("Hostname", "n1")), instance(("Hostname", "vm")), [("Hostname", "vm")]),
        (
            with_addresses(provided="10.0.1.1"),
            instance(*CLOUD),
            [("InternalIP", "10.0.1.1"), ("ExternalIP", "192.0.2.1")],
        ),
    ],
    ids=["nothing known", "the kubelet's name stays", "no change", "the cloud's name wins", "an address insisted on"],
)
def test_addresses(node: Node, found: InstanceMetadata, expected: list[tuple[str, str]] | None) -> None:
    result = addresses_of(node, found)
    assert (None if result is None else [(a.type, a.address) for a in result]) == expected


def test_an_address_that_is_not_the_instances_is_refused() -> None:
    with pytest.raises(ProviderError, match=r"from cloud provider that matches ip: 10\.9\.9\.9$"):
        addresses_of(with_addresses(provided="10.9.9.9"), instance(*CLOUD))


def test_labels_that_are_there_stay() -> None:
    found = instance(additional_labels={"example.com/a": "new", "example.com/b": "new"})
    assert instance_labels(found, {"example.com/a": "old"}) == {"example.com/b": "new"}
    assert refreshed_labels(found, {"example.com/a": "old", "example.com/b": "new"}) == {"example.com/a": "new"}


def test_todays_labels_follow_the_former_ones() -> None:
    present = {"failure-domain.beta.kubernetes.io/zone": "z1", "topology.kubernetes.io/zone": "z2"}
    assert refreshed_labels(None, present) == {"topology.kubernetes.io/zone": "z1"}
