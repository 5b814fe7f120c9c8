"""Services of type LoadBalancer and a cloud that writes down what it is asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.support.cloud import RecordingCloud, balanced, cloud_node, cloud_world, ingress
from tests.support.control_plane import World

from pybernetes.api.core import Event, Node, Service
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.cloud.provider import ImplementedElsewhere, ProviderError, RetryLater
from pybernetes.cloud.service.plan import EXCLUDE_LABEL, FINALIZER

SERVICE = "service-lb-controller"


@asynccontextmanager
async def served(cloud: RecordingCloud, *objects: dict[str, Any]) -> AsyncIterator[World]:
    """A cluster with these objects and a Service `web` whose load balancer is there."""
    async with cloud_world(cloud, SERVICE) as world:
        for obj in (*objects, balanced()):
            await world.create(obj)
        await world.until(lambda: has_address(world))
        yield world


async def finalizers(world: World, name: str = "web") -> list[str]:
    return list((await world.get(Service, name)).metadata.finalizers or ())


async def has_address(world: World) -> bool:
    return bool(await ingress(world))


async def is_gone(world: World, name: str = "web") -> bool:
    try:
        await world.get(Service, name)
    except StatusError as error:
        return is_not_found(error)
    return False


async def events(world: World) -> list[tuple[str, str, str]]:
    """(type, reason, message) in the order they were first seen."""
    found = [event for event in await world.list(Event) if event.involved_object.kind == "Service"]
    found.sort(key=lambda event: int((event.metadata.name or "").rpartition(".")[2], 16))
    return [(event.type or "", event.reason or "", event.message or "") for event in found]


async def change(world: World, **spec: Any) -> None:
    await world.client.patch(Service, "web", "default", body={"spec": spec})


async def test_a_load_balancer_is_made_and_its_address_told() -> None:
    cloud = RecordingCloud()
    async with served(cloud, cloud_node("n1")) as world:
        assert await ingress(world) == ["203.0.113.1"]
        assert await finalizers(world) == [FINALIZER]
        found = await world.get(Service, "web")
        assert [point.ip_mode for point in found.status.load_balancer.ingress or ()] == ["VIP"]
        assert cloud.calls == [("ensure", "default/web", ("n1",))]

        async def told() -> bool:
            return len(await events(world)) == 2

        await world.until(told)
        assert await events(world) == [
            ("Normal", "EnsuringLoadBalancer", "Ensuring load balancer"),
            ("Normal", "EnsuredLoadBalancer", "Ensured load balancer"),
        ]


async def test_other_services_do_not_concern_the_cloud() -> None:
    cloud = RecordingCloud()
    async with cloud_world(cloud, SERVICE) as world:
        await world.create(balanced("plain", type="ClusterIP"))
        await world.create(balanced("classy", loadBalancerClass="example.com/own"))
        await world.create(balanced("web"))
        await world.until(lambda: has_address(world))
        await world.client.delete(Service, "classy", "default")
        await world.client.delete(Service, "plain", "default")
        await world.until(lambda: is_gone(world, "classy"))
        assert {call[1] for call in cloud.calls} == {"default/web"}


async def test_the_finalizer_of_a_classs_own_controller_is_left_alone() -> None:
    cloud = RecordingCloud()
    async with cloud_world(cloud, SERVICE) as world:
        classy = balanced("classy", loadBalancerClass="example.com/own")
        classy["metadata"]["finalizers"] = [FINALIZER]
        await world.create(classy)
        await world.client.delete(Service, "classy", "default")
        await world.create(balanced("web"))
        await world.until(lambda: has_address(world))
        assert await finalizers(world, "classy") == [FINALIZER]


async def test_a_deleted_service_goes_after_its_load_balancer() -> None:
    cloud = RecordingCloud()
    async with served(cloud) as world:
        cloud.fail["delete"] = ProviderError("still draining")
        await world.client.delete(Service, "web", "default")
        await world.until(lambda: cloud.count("delete") == 3)
        assert not await is_gone(world)
        wanted = "Error syncing load balancer: failed to delete load balancer: still draining"
        assert wanted in await world.messages("SyncLoadBalancerFailed")
        cloud.fail.clear()
        await world.until(lambda: is_gone(world))
        assert cloud.balancers == {}
        reasons = [reason for _, reason, _ in await events(world)]
        assert reasons[-1] == "DeletedLoadBalancer" and "DeletingLoadBalancer" in reasons


@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort"])
async def test_a_service_that_wants_none_any_more_loses_it(kind: str) -> None:
    cloud = RecordingCloud()
    async with served(cloud) as world:
        await change(world, type=kind)

        async def is_plain() -> bool:
            return not await finalizers(world) and not await ingress(world) and not cloud.balancers

        await world.until(is_plain)
        await change(world, type="LoadBalancer")
        await world.until(lambda: has_address(world))


@pytest.mark.parametrize(
    ("spec", "calls"),
    [
        ({"ports": [{"name": "http", "port": 81}]}, 2),
        ({"loadBalancerSourceRanges": ["10.0.0.0/8"]}, 2),
        ({"externalTrafficPolicy": "Local"}, 2),
        ({"sessionAffinity": "ClientIP"}, 2),
        ({"selector": {"app": "other"}}, 1),
        ({"internalTrafficPolicy": "Local"}, 1),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_which_changes_reach_the_cloud(spec: dict[str, Any], calls: int) -> None:
    cloud = RecordingCloud()
    async with served(cloud) as world:
        await change(world, **spec)
        await world.create(balanced("later"))
        await world.until(lambda: "default/later" in cloud.balancers)
        assert sum(call[1] == "default/web" for call in cloud.calls) == calls


async def test_failures_are_told_and_repeated_with_growing_waits() -> None:
    cloud = RecordingCloud()
    cloud.fail["ensure"] = ProviderError("quota exceeded")
    async with cloud_world(cloud, SERVICE) as world:
        await world.create(balanced())
        began = world.clock.monotonic()
        await world.until(lambda: cloud.count("ensure") == 4)
        assert 34 <= world.clock.monotonic() - began <= 37
        wanted = "Error syncing load balancer: failed to ensure load balancer: quota exceeded"
        assert await world.messages("SyncLoadBalancerFailed") == {wanted}
        cloud.fail.clear()
        await world.until(lambda: has_address(world))


async def test_a_cloud_says_when_to_ask_again() -> None:
    cloud = RecordingCloud()
    cloud.fail["ensure"] = RetryLater("being made", 42.0)
    async with cloud_world(cloud, SERVICE) as world:
        await world.create(balanced())
        await world.until(lambda: cloud.count("ensure") == 1)
        began = world.clock.monotonic()
        cloud.fail.clear()
        await world.until(lambda: has_address(world))
        assert 40 <= world.clock.monotonic() - began <= 44


async def test_an_address_that_is_lost_is_not_told_any_more() -> None:
    cloud = RecordingCloud()
    async with served(cloud) as world:
        cloud.fail["ensure"] = ProviderError("no such address")
        cloud.balancers.clear()
        await change(world, ports=[{"name": "http", "port": 81}])

        async def is_pending() -> bool:
            return not await ingress(world)

        await world.until(is_pending)


async def test_what_somebody_else_implements_is_left_to_him() -> None:
    cloud = RecordingCloud()
    cloud.fail["ensure"] = ImplementedElsewhere("by another controller")
    async with cloud_world(cloud, SERVICE) as world:
        await world.create(balanced())
        await world.until(lambda: cloud.count("ensure") == 1)
        await world.create(balanced("later"))
        await world.until(lambda: cloud.count("ensure") == 2)
        assert await world.messages("SyncLoadBalancerFailed") == set()
        assert await ingress(world) == []


async def test_load_balancers_follow_the_nodes() -> None:
    cloud = RecordingCloud()
    async with served(cloud, cloud_node("n1")) as world:

        def sends_to(*names: str) -> Any:
            return lambda: cloud.balancers["default/web"].nodes == names

        await world.create(cloud_node("n2", ready="False"))
        await world.until(sends_to("n1", "n2"))
        assert await world.messages("UpdatedLoadBalancer") == {"Updated load balancer with new hosts"}
        await world.client.patch(Node, "n1", body={"metadata": {"labels": {EXCLUDE_LABEL: ""}}})
        await world.until(sends_to("n2"))
        await world.client.patch(Node, "n1", body={"metadata": {"labels": {EXCLUDE_LABEL: "false"}}})
        await world.until(sends_to("n1", "n2"))
        await world.client.delete(Node, "n1")
        await world.until(sends_to("n2"))
        await world.client.delete(Node, "n2")
        await world.until(sends_to())
        await world.until(lambda: world.messages("UnAvailableLoadBalancer"))
        assert cloud.count("ensure") == 1
        assert await world.messages("UnAvailableLoadBalancer") == {"There are no available nodes for LoadBalancer"}


async def test_an_update_that_fails_is_told_and_repeated() -> None:
    cloud = RecordingCloud()
    async with served(cloud) as world:
        cloud.fail["update"] = ProviderError("busy")
        await world.create(cloud_node("n1"))
        await world.until(lambda: cloud.count("update") == 2)
        wanted = "with new hosts [n1] [node names limited, total number of nodes: 1], error: busy"
        assert await world.messages("UpdateLoadBalancerFailed") == {f"Error updating load balancer {wanted}"}
        assert await world.messages("SyncLoadBalancerFailed") == set()
        cloud.fail.clear()
        await world.until(lambda: cloud.balancers["default/web"].nodes == ("n1",))


async def test_made_again_under_its_name_a_service_gets_a_load_balancer_of_its_own() -> None:
    cloud = RecordingCloud()
    async with served(cloud) as world:
        await world.client.delete(Service, "web", "default")
        await world.until(lambda: is_gone(world))
        created = await world.create(balanced())
        await world.until(lambda: has_address(world))
        uid = created["metadata"]["uid"] if isinstance(created, dict) else created.metadata.uid
        assert cloud.balancers["default/web"].uid == uid
        assert await ingress(world) == ["203.0.113.2"]


async def test_without_its_finalizer_a_deleted_services_load_balancer_goes_too() -> None:
    cloud = RecordingCloud()
    async with served(cloud) as world:
        body = {"metadata": {"finalizers": None}}
        await world.client.patch(Service, "web", "default", body=body)
        await world.client.delete(Service, "web", "default")
        await world.until(lambda: not cloud.balancers)
        await world.until(lambda: world.messages("DeletedLoadBalancer"))


async def test_a_load_balancer_of_another_life_is_cleaned_up() -> None:
    cloud = RecordingCloud()
    async with cloud_world(cloud, SERVICE) as world:
        left = balanced(type="ClusterIP")
        left["metadata"]["finalizers"] = [FINALIZER, "example.com/other"]
        await world.create(left)

        async def is_clean() -> bool:
            return await finalizers(world) == ["example.com/other"]

        await world.until(is_clean)
        assert cloud.count("delete") == 0
