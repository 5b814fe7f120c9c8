"""The contract of `CloudProvider`: what every provider must do.

A test module subclasses `LoadBalancerContract`, and the others where the provider has those interfaces, and says how to
make one; the rest is inherited.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from pybernetes.api.core import Node, NodeAddress, NodeCondition, NodeStatus, Service, ServicePort, ServiceSpec
from pybernetes.api.meta import ObjectMeta
from pybernetes.cloud.provider import CloudProvider, Instances, LoadBalancers, Route, Routes

CLUSTER = "kubernetes"


def a_node(name: str, ip: str) -> Node:
    """A ready node."""
    status = NodeStatus(
        addresses=[NodeAddress(type="InternalIP", address=ip)], conditions=[NodeCondition(type="Ready", status="True")]
    )
    return Node(metadata=ObjectMeta(name=name, uid=f"uid-{name}"), status=status)


def a_service(name: str, *ports: int) -> Service:
    """A Service of type LoadBalancer."""
    spec = ServiceSpec(
        type="LoadBalancer",
        cluster_ip="10.96.0.50",
        ports=[ServicePort(name=f"p{port}", protocol="TCP", port=port) for port in ports],
    )
    return Service(metadata=ObjectMeta(name=name, namespace="default", uid=f"uid-{name}"), spec=spec)


NODES = [a_node("n1", "10.1.0.1"), a_node("n2", "10.1.0.2")]


class ProviderContract:
    """How to make a provider whose cloud has the instances n1 and n2."""

    @asynccontextmanager
    async def provider(self) -> AsyncIterator[CloudProvider]:
        raise NotImplementedError
        yield


class LoadBalancerContract(ProviderContract):
    """Making, changing and removing may be repeated, and lead to the same."""

    @asynccontextmanager
    async def balancers(self) -> AsyncIterator[LoadBalancers]:
        async with self.provider() as found:
            assert found.load_balancers is not None
            yield found.load_balancers

    async def test_there_is_none_before_it_is_made(self) -> None:
        async with self.balancers() as balancers:
            assert await balancers.get(CLUSTER, a_service("web", 80)) is None

    async def test_made_it_has_an_address_and_is_there(self) -> None:
        async with self.balancers() as balancers:
            status = await balancers.ensure(CLUSTER, a_service("web", 80), NODES)
            assert status.ingress and all(point.ip or point.hostname for point in status.ingress)
            assert await balancers.get(CLUSTER, a_service("web", 80)) is not None

    async def test_made_twice_it_is_one(self) -> None:
        async with self.balancers() as balancers:
            first = await balancers.ensure(CLUSTER, a_service("web", 80), NODES)
            assert await balancers.ensure(CLUSTER, a_service("web", 80), NODES) == first

    async def test_it_keeps_its_address_when_ports_change(self) -> None:
        async with self.balancers() as balancers:
            first = await balancers.ensure(CLUSTER, a_service("web", 80), NODES)
            assert await balancers.ensure(CLUSTER, a_service("web", 80, 443), NODES) == first

    async def test_an_update_of_the_nodes_may_be_repeated(self) -> None:
        async with self.balancers() as balancers:
            await balancers.ensure(CLUSTER, a_service("web", 80), NODES)
            once = await balancers.update(CLUSTER, a_service("web", 80), NODES[:1])
            assert await balancers.update(CLUSTER, a_service("web", 80), NODES[:1]) in (None, once)
            assert await balancers.get(CLUSTER, a_service("web", 80)) is not None

    async def test_services_are_told_apart(self) -> None:
        async with self.balancers() as balancers:
            await balancers.ensure(CLUSTER, a_service("web", 80), NODES)
            await balancers.ensure(CLUSTER, a_service("api", 81), NODES)
            await balancers.delete(CLUSTER, a_service("web", 80))
            assert await balancers.get(CLUSTER, a_service("web", 80)) is None
            assert await balancers.get(CLUSTER, a_service("api", 81)) is not None

    async def test_removed_twice_or_never_made_is_no_error(self) -> None:
        async with self.balancers() as balancers:
            await balancers.delete(CLUSTER, a_service("web", 80))
            await balancers.ensure(CLUSTER, a_service("web", 80), NODES)
            await balancers.delete(CLUSTER, a_service("web", 80))
            await balancers.delete(CLUSTER, a_service("web", 80))
            assert await balancers.get(CLUSTER, a_service("web", 80)) is None

    async def test_nothing_of_the_cache_is_changed(self) -> None:
        async with self.balancers() as balancers:
            service, before = a_service("web", 80), msgspec.json.encode([a_service("web", 80), NODES])
            await balancers.ensure(CLUSTER, service, NODES)
            await balancers.update(CLUSTER, service, NODES)
            await balancers.delete(CLUSTER, service)
            assert msgspec.json.encode([service, NODES]) == before


class InstancesContract(ProviderContract):
    """n1 and n2 exist; nothing else does."""

    @asynccontextmanager
    async def instances(self) -> AsyncIterator[Instances]:
        async with self.provider() as found:
            assert found.instances is not None
            yield found.instances

    async def test_what_is_known_of_a_node(self) -> None:
        async with self.instances() as instances:
            assert await instances.exists(NODES[0])
            assert not await instances.is_shutdown(NODES[0])
            found = await instances.metadata(NODES[0])
            assert found is not None and "://" in found.provider_id
            assert await instances.metadata(NODES[0]) == found

    async def test_ids_tell_instances_apart(self) -> None:
        async with self.instances() as instances:
            both = [await instances.metadata(node) for node in NODES]
            assert len({found.provider_id for found in both if found}) == 2

    async def test_an_instance_that_is_not_there(self) -> None:
        async with self.instances() as instances:
            assert not await instances.exists(a_node("gone", "10.1.0.9"))


class RoutesContract(ProviderContract):
    """Routes come back as they were made."""

    @asynccontextmanager
    async def routes(self) -> AsyncIterator[Routes]:
        async with self.provider() as found:
            assert found.routes is not None
            yield found.routes

    @pytest.mark.parametrize("count", [1, 2])
    async def test_what_is_made_is_listed_and_what_is_removed_is_not(self, count: int) -> None:
        async with self.routes() as routes:
            for number in range(count):
                cidr = f"10.244.{number}.0/24"
                route = Route(destination_cidr=cidr, target_node="n1", target_addresses=tuple(_addresses(NODES[0])))
                await routes.create(CLUSTER, "uid-n1", route)
            listed = await routes.list(CLUSTER)
            assert sorted(found.destination_cidr for found in listed) == [f"10.244.{n}.0/24" for n in range(count)]
            assert all(found.target_node == "n1" and found.name for found in listed)
            for found in listed:
                await routes.delete(CLUSTER, found)
            assert await routes.list(CLUSTER) == []


def _addresses(node: Node) -> list[NodeAddress]:
    return node.status.addresses or []
