"""Routes to the pods of nodes."""

from typing import Any

import pytest
from tests.support.cloud import RecordingCloud, cloud_node, cloud_world
from tests.support.control_plane import World

from pybernetes.api.core import Node, NodeAddress, NodeSpec
from pybernetes.api.meta import ObjectMeta
from pybernetes.cloud.provider import ProviderError, Route
from pybernetes.cloud.routes.plan import plan

ROUTE = "node-route-controller"
CIDRS = ("10.244.0.0/16",)


def ranged(name: str, cidr: str, ip: str = "10.1.0.1") -> dict[str, Any]:
    return cloud_node(name, ip, spec={"podCIDR": cidr, "podCIDRs": [cidr]})


async def network(world: World, name: str) -> tuple[str, str, str] | None:
    for c in (await world.client.get(Node, name)).status.conditions or ():
        if c.type == "NetworkUnavailable":
            return c.status or "", c.reason or "", c.message or ""
    return None


async def test_every_range_gets_a_route_and_the_node_is_told() -> None:
    cloud = RecordingCloud()
    async with cloud_world(cloud, ROUTE, cluster_cidrs=CIDRS) as world:
        await world.create(ranged("n1", "10.244.1.0/24"))
        await world.create(ranged("n2", "10.244.2.0/24"))
        await world.create(cloud_node("none"))

        async def is_told() -> bool:
            wanted = ("False", "RouteCreated", "RouteController created a route")
            return [await network(world, name) for name in ("n1", "n2")] == [wanted, wanted]

        await world.until(is_told)
        targets = {route.destination_cidr: route.target_node for route in cloud.route_table.values()}
        assert targets == {"10.244.1.0/24": "n1", "10.244.2.0/24": "n2"}
        assert await network(world, "none") is None
        conditions = (await world.client.get(Node, "n1")).status.conditions or ()
        assert {c.type for c in conditions} == {"Ready", "NetworkUnavailable"}


async def test_the_route_of_a_node_that_is_gone_goes() -> None:
    cloud = RecordingCloud()
    async with cloud_world(cloud, ROUTE, cluster_cidrs=CIDRS) as world:
        await world.create(ranged("n1", "10.244.1.0/24"))
        await world.until(lambda: cloud.route_table)
        await world.client.delete(Node, "n1")
        await world.until(lambda: not cloud.route_table, within_seconds=5)


async def test_a_route_that_somebody_removed_is_made_again() -> None:
    cloud = RecordingCloud()
    async with cloud_world(cloud, ROUTE, cluster_cidrs=CIDRS) as world:
        await world.create(ranged("n1", "10.244.1.0/24"))
        await world.until(lambda: cloud.route_table)
        cloud.route_table.clear()
        await world.until(lambda: cloud.route_table, within_seconds=15)


async def test_a_route_that_cannot_be_made_is_told() -> None:
    cloud = RecordingCloud()
    cloud.fail["create"] = ProviderError("table full")
    async with cloud_world(cloud, ROUTE, cluster_cidrs=CIDRS) as world:
        await world.create(ranged("n1", "10.244.1.0/24"))

        async def is_told() -> bool:
            return await network(world, "n1") == (
                "True", "NoRouteCreated", "RouteController failed to create a route",
            )  # fmt: skip

        await world.until(is_told)
        await world.until(lambda: world.messages("FailedToCreateRoute"))
        (message,) = await world.messages("FailedToCreateRoute")
        assert message.startswith("Could not create route ") and message.endswith(": table full")
        cloud.fail.clear()
        await world.until(lambda: cloud.route_table)

        async def is_fine() -> bool:
            return (await network(world, "n1") or ("",))[0] == "False"

        await world.until(is_fine)


def node(name: str, *cidrs: str, ip: str = "10.1.0.1") -> Node:
    found = Node(metadata=ObjectMeta(name=name, uid=f"uid-{name}"), spec=NodeSpec(pod_cidrs=list(cidrs)))
    found.status.addresses = [NodeAddress(type="InternalIP", address=ip)]
    return found


def route(cidr: str, target: str, ip: str = "", **more: Any) -> Route:
    addresses = (NodeAddress(type="InternalIP", address=ip),) if ip else ()
    return Route(destination_cidr=cidr, target_node=target, target_addresses=addresses, name=f"r-{cidr}", **more)


A, B = "10.244.1.0/24", "10.244.2.0/24"


@pytest.mark.parametrize(
    ("nodes", "routes", "deleted", "created"),
    [
        ([node("n1", A)], [], [], [A]),
        ([node("n1", A)], [route(A, "n1")], [], []),
        ([node("n1", A)], [route(A, "n1", "10.1.0.1")], [], []),
        ([node("n1", A)], [route(A, "n1", "10.1.0.9")], [A], [A]),
        ([node("n1", A)], [route(A, "n1", blackhole=True)], [A], [A]),
        ([node("n1", A)], [route(B, "n1")], [B], [A]),
        ([node("n1", A)], [route(A, "gone")], [A], [A]),
        ([], [route("192.168.0.0/24", "n1")], [], []),
        ([], [route("fd00::/64", "n1")], [], []),
        ([node("n1", A, B)], [route(A, "n1")], [], [B]),
    ],
    ids=["new", "there", "to its address", "to another address", "blackhole", "of another range", "of another node",
         "not the cluster's", "other family", "two ranges"],
)  # fmt: skip
def test_what_differs(nodes: list[Node], routes: list[Route], deleted: list[str], created: list[str]) -> None:
    found = plan(nodes, routes, CIDRS)
    assert [one.destination_cidr for one in found.delete] == deleted
    assert [(hint, one.destination_cidr) for hint, one in found.create] == [("uid-n1", cidr) for cidr in created]
