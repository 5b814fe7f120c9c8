"""Endpoints that users write, mirrored to slices: created, updated, deleted, left out."""

import asyncio
from typing import Any

from tests.support.control_plane import World, control_plane

from pybernetes.api.core import EndpointAddress, EndpointPort, Endpoints, EndpointSubset, Service
from pybernetes.api.discovery import EndpointSlice
from pybernetes.api.meta import ObjectMeta
from pybernetes.controllers.endpoint_slice_mirroring import MAX_ADDRESSES, mirror

ONLY = ("endpointslice-mirroring-controller",)


def service(selector: dict[str, str] | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"ports": [{"port": 80}]}
    if selector:
        spec["selector"] = selector
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "custom", "namespace": "default"},
        "spec": spec,
    }


def endpoints(*addresses: str, not_ready: tuple[str, ...] = (), port: int = 80, **metadata: Any) -> Endpoints:
    return Endpoints(
        metadata=ObjectMeta(name="custom", namespace="default", **metadata),
        subsets=[
            EndpointSubset(
                addresses=[EndpointAddress(ip=ip) for ip in addresses] or None,
                not_ready_addresses=[EndpointAddress(ip=ip) for ip in not_ready] or None,
                ports=[EndpointPort(name="http", port=port)],
            )
        ],
    )


async def slices(world: World) -> list[EndpointSlice]:
    return await world.list(EndpointSlice, "default")


async def mirrored(world: World) -> list[tuple[str, bool | None]]:
    found = [
        ((endpoint.addresses or [""])[0], endpoint.conditions.ready)
        for one in await slices(world)
        for endpoint in one.endpoints or ()
        if one.metadata.labels and one.metadata.labels.get("kubernetes.io/service-name") == "custom"
    ]
    return sorted(found)


async def until(world: World, *expected: tuple[str, bool]) -> None:
    async def is_so() -> bool:
        return await mirrored(world) == sorted(expected)

    await world.until(is_so)


async def test_custom_endpoints_are_mirrored_through_create_update_and_delete() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(service())
        await world.create(endpoints("10.1.2.3", labels={"team": "a"}, annotations={"note": "x"}))
        await until(world, ("10.1.2.3", True))
        (found,) = [one for one in await slices(world) if (one.metadata.name or "").startswith("custom-")]
        labels = found.metadata.labels or {}
        assert labels["endpointslice.kubernetes.io/managed-by"] == "endpointslicemirroring-controller.k8s.io"
        assert (labels["team"], (found.metadata.annotations or {})["note"]) == ("a", "x")
        assert [(port.name, port.port) for port in found.ports or ()] == [("http", 80)]
        assert [reference.kind for reference in found.metadata.owner_references or ()] == ["Endpoints"]
        changed = endpoints("10.1.2.4", not_ready=("fd00::1",))
        await world.client.update(changed)
        await until(world, ("10.1.2.4", True), ("fd00::1", False))
        types = sorted(one.address_type for one in await slices(world) if (one.metadata.name or "").startswith("cus"))
        assert types == ["IPv4", "IPv6"]
        await world.client.delete(Endpoints, "custom", "default")
        await until(world)


async def test_changed_port_replaces_the_slice() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(service())
        await world.create(endpoints("10.1.2.3"))
        await until(world, ("10.1.2.3", True))
        await world.client.update(endpoints("10.1.2.3", port=8080))

        async def moved() -> bool:
            found = [one for one in await slices(world) if (one.metadata.name or "").startswith("custom-")]
            return [[port.port for port in one.ports or ()] for one in found] == [[8080]]

        await world.until(moved)


async def test_endpoints_of_a_selecting_service_are_not_mirrored() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(service())
        await world.create(endpoints("10.1.2.3"))
        await until(world, ("10.1.2.3", True))
        await world.client.patch(Service, "custom", "default", body={"spec": {"selector": {"app": "web"}}})
        await until(world)


async def test_marked_endpoints_are_left_out() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(service())
        await world.create(endpoints("10.1.2.3", labels={"endpointslice.kubernetes.io/skip-mirror": "true"}))
        await asyncio.sleep(10)
        await until(world)


async def test_one_address_in_two_subsets_has_a_slice_for_each_port() -> None:
    """should mirror a custom Endpoint with multiple subsets and same IP address"""
    async with control_plane(*ONLY) as world:
        await world.create(service())
        both = endpoints("10.1.2.3", port=8090)
        second = endpoints("10.1.2.3", port=9090).subsets or []
        both.subsets = [*(both.subsets or []), *second]
        await world.create(both)
        await until(world, ("10.1.2.3", True), ("10.1.2.3", True))
        ports = [port.port for one in await slices(world) for port in one.ports or () if port.name == "http"]
        assert sorted(port or 0 for port in ports) == [8090, 9090]
        await world.client.delete(Endpoints, "custom", "default")
        await until(world)


def test_too_many_and_malformed_addresses_are_counted() -> None:
    found = mirror(endpoints(*(f"10.0.{n // 250}.{n % 250}" for n in range(MAX_ADDRESSES + 5)), "nonsense"))
    (members,) = found.groups.values()
    assert (len(members), found.skipped) == (MAX_ADDRESSES, 6)
    assert mirror(endpoints("nonsense", "10.0.0.1")).invalid == 1
