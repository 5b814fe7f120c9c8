"""The cloud controllers killed after each write, refused at each write: nothing is left in the cloud, nothing lost."""

from typing import Any

import pytest
from tests.controllers.faults.harness import Scenario, crashes, lost_answers, refusals
from tests.support.clock import LoopClock
from tests.support.cloud import RecordingCloud, balanced, cloud_node, ingress
from tests.support.control_plane import World

from pybernetes.api.core import Node, Service
from pybernetes.client.client import Client
from pybernetes.cloud.local import LocalProvider
from pybernetes.cloud.manager import CloudConfig, CloudControllerManager
from pybernetes.cloud.provider import CloudProvider

CIDRS = ("10.244.0.0/16",)


def manager(cloud: CloudProvider) -> Any:
    def make(client: Client, clock: LoopClock) -> CloudControllerManager:
        config = CloudConfig(leader_elect=False, cluster_cidrs=CIDRS)
        return CloudControllerManager(lambda name: client, cloud, config, clock)

    return make


def in_a_cloud() -> Scenario:
    """Two nodes and a Service; then an instance goes, one Service goes, and one is no load balancer any more."""
    cloud = RecordingCloud()

    async def setup(world: World) -> None:
        cloud.clear()
        taint = {"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"}
        for number in (1, 2):
            cloud.machine(f"n{number}")
            cidr = f"10.244.{number}.0/24"
            spec = {"taints": [taint], "podCIDR": cidr, "podCIDRs": [cidr]}
            await world.create(cloud_node(f"n{number}", spec=spec))
        for name in ("web", "former"):
            await world.create(balanced(name))

    async def done(world: World) -> bool:
        nodes = await world.list(Node)
        is_initialised = all(
            node.spec.provider_id
            and not any("cloudprovider" in (taint.key or "") for taint in node.spec.taints or ())
            and any(a.type == "InternalIP" for a in node.status.addresses or ())
            and any(c.type == "NetworkUnavailable" and c.status == "False" for c in node.status.conditions or ())
            for node in nodes
        )
        given = {name: await ingress(world, name) for name in ("web", "former")}
        there = {key.removeprefix("default/"): [found.ip] for key, found in cloud.balancers.items()}
        return is_initialised and len(nodes) == 2 and given == there and len(cloud.route_table) == 2

    async def change(world: World) -> None:
        await world.client.delete(Service, "web", "default")
        await world.client.patch(Service, "former", "default", body={"spec": {"type": "ClusterIP"}})
        del cloud.machines["n2"]
        unknown = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
        await world.client.patch(Node, "n2", body=unknown, subresource="status")

    async def changed(world: World) -> bool:
        services = {found.metadata.name: found for found in await world.list(Service, "default")}
        nodes = {found.metadata.name for found in await world.list(Node)}
        is_plain = not services["former"].metadata.finalizers and not await ingress(world, "former")
        return is_plain and "web" not in services and nodes == {"n1"} and not cloud.balancers and len(
            cloud.route_table
        ) == 1  # fmt: skip

    return Scenario((), setup, done, change, changed, manager=manager(cloud))


def of_its_own() -> Scenario:
    """Two Services that want one port of the nodes; then the one that has it goes."""

    async def setup(world: World) -> None:
        await world.create(cloud_node("n1", "10.1.0.1"))
        for name in ("first", "second"):
            await world.create(balanced(name))

    async def holders(world: World) -> list[str]:
        found = await world.list(Service, "default")
        return [one.metadata.name or "" for one in found if one.status.load_balancer.ingress]

    async def done(world: World) -> bool:
        return len(await holders(world)) == 1

    async def change(world: World) -> None:
        (name,) = await holders(world)
        await world.client.delete(Service, name, "default")

    async def changed(world: World) -> bool:
        left = [one for one in await world.list(Service, "default") if one.metadata.name in ("first", "second")]
        return len(left) == 1 and await holders(world) == [left[0].metadata.name]

    return Scenario((), setup, done, change, changed, manager=manager(LocalProvider()))


EVERY = pytest.mark.parametrize("make", [in_a_cloud, of_its_own], ids=lambda make: make.__name__)


@EVERY
async def test_killed_after_each_write(make: Any) -> None:
    assert await crashes(make()) > 4


@EVERY
async def test_each_write_is_a_conflict(make: Any) -> None:
    await refusals(make(), 409, "Conflict")


@EVERY
async def test_each_write_meets_a_broken_server(make: Any) -> None:
    await refusals(make(), 500, "InternalError")


@EVERY
async def test_each_answer_is_lost(make: Any) -> None:
    await lost_answers(make())
