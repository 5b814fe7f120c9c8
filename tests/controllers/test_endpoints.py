"""Endpoint slices and Endpoints of a Service follow its pods."""

from typing import Any

from tests.support.control_plane import World, control_plane, node, pod, replica_set

from pybernetes.api.core import Endpoints, Pod, Service
from pybernetes.api.discovery import Endpoint, EndpointSlice
from pybernetes.controllers.endpoint_slice.plan import pack

ONLY = ("endpointslice-controller", "endpoints-controller", "replicaset-controller")


def service(name: str = "web", **spec: Any) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": "web"}, "ports": ports, **spec},
    }


async def slices(world: World) -> list[EndpointSlice]:
    found = await world.client.list(EndpointSlice, "default", label_selector="kubernetes.io/service-name=web")
    return found.items or []


async def ready_count(world: World) -> int:
    return sum(bool(e.conditions.ready) for found in await slices(world) for e in found.endpoints or ())


async def test_ready_pods_become_endpoints() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(node("n1", labels={"topology.kubernetes.io/zone": "east"}))
        await world.create(service())
        await world.create(pod("web-1", labels={"app": "web"}, node="n1"))

        async def done() -> bool:
            return await ready_count(world) == 1

        await world.until(done)
        (found,) = await slices(world)
        (endpoint,) = found.endpoints or ()
        assert (found.address_type, [(p.name, p.port, p.protocol) for p in found.ports or ()]) == (
            "IPv4",
            [("http", 8080, "TCP")],
        )
        assert (endpoint.node_name, endpoint.zone) == ("n1", "east")
        assert endpoint.target_ref is not None and endpoint.target_ref.name == "web-1"
        labels = found.metadata.labels or {}
        assert labels["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
        (older,) = [e for e in await world.list(Endpoints) if e.metadata.name == "web"]
        assert [(a.ip, a.node_name) for a in (older.subsets or [])[0].addresses or ()] == [
            ((endpoint.addresses or [""])[0], "n1")
        ]


async def test_service_without_pods_has_one_empty_slice() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(service())

        async def done() -> bool:
            return [found.endpoints for found in await slices(world)] == [[]]

        await world.until(done)


async def test_at_most_a_hundred_endpoints_a_slice() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        await world.create(replica_set("web", 250))
        await world.create(service())

        async def done() -> bool:
            return await ready_count(world) == 250

        await world.until(done)
        sizes = sorted(len(found.endpoints or ()) for found in await slices(world))
        assert max(sizes) <= 100
        uids = [e.target_ref.uid for found in await slices(world) for e in found.endpoints or () if e.target_ref]
        assert len(uids) == len(set(uids)) == 250


async def test_terminating_pod_is_serving_but_not_ready() -> None:
    async with control_plane(*ONLY) as world:
        created = await world.create(pod("web-1", labels={"app": "web"}, node="n1"))
        await world.create(service())
        await world.report(await world.get(Pod, "web-1"), "Running", ready=True, pod_ip="10.0.0.9")

        async def is_ready() -> bool:
            return await ready_count(world) == 1

        await world.until(is_ready)
        await world.client.delete(Pod, created["metadata"]["name"], "default")

        async def done() -> bool:
            conditions = [e.conditions for found in await slices(world) for e in found.endpoints or ()]
            return [(c.ready, c.serving, c.terminating) for c in conditions] == [(False, True, True)]

        await world.until(done)


async def test_not_ready_pod_is_published_on_request() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(pod("web-1", labels={"app": "web"}, node="n1"))
        await world.create(service(publishNotReadyAddresses=True, clusterIP="None"))
        await world.report(await world.get(Pod, "web-1"), "Running", ready=False, pod_ip="10.0.0.9")

        async def done() -> bool:
            return await ready_count(world) == 1

        await world.until(done)
        assert "service.kubernetes.io/headless" in ((await slices(world))[0].metadata.labels or {})


async def test_named_port_is_looked_up_in_each_pod() -> None:
    async with control_plane(*ONLY) as world:
        await world.run_pods()
        for name, port in (("web-1", 9090), ("web-2", 9091)):
            body = pod(name, labels={"app": "web"}, node="n1")
            body["spec"]["containers"][0]["ports"] = [{"name": "web", "containerPort": port}]
            await world.create(body)
        await world.create(service(ports=[{"port": 80, "targetPort": "web"}]))
        wanted = {9090: ["web-1"], 9091: ["web-2"]}

        async def done() -> bool:
            """A slice for each number, and a subset."""
            found = {
                port.port: [one.target_ref.name for one in each.endpoints or () if one.target_ref is not None]
                for each in await slices(world)
                for port in each.ports or ()
            }
            (older,) = [e for e in await world.list(Endpoints) if e.metadata.name == "web"] or [Endpoints()]
            subsets = {
                port.port: [one.target_ref.name for one in each.addresses or () if one.target_ref is not None]
                for each in older.subsets or ()
                for port in each.ports or ()
            }
            return found == wanted == subsets and len(await slices(world)) == 2

        await world.until(done)


async def test_slice_that_somebody_deletes_comes_back() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(service())

        async def has_one() -> bool:
            return len(await slices(world)) == 1

        await world.until(has_one)
        first = (await slices(world))[0].metadata.name or ""
        await world.client.delete(EndpointSlice, first, "default")

        async def done() -> bool:
            return [found.metadata.name for found in await slices(world)] not in ([], [first])

        await world.until(done)


async def test_deleted_service_takes_its_slices_and_endpoints() -> None:
    async with control_plane(*ONLY) as world:
        await world.create(service())

        async def has_one() -> bool:
            return len(await slices(world)) == 1

        await world.until(has_one)
        await world.client.delete(Service, "web", "default")

        async def done() -> bool:
            return not await slices(world) and "web" not in {e.metadata.name for e in await world.list(Endpoints)}

        await world.until(done)


def test_unchanged_endpoints_change_nothing() -> None:
    from pybernetes.api.codec import from_wire

    owner = from_wire(Service, service())
    endpoints = [Endpoint(addresses=[f"10.0.0.{n}"]) for n in range(3)]
    ports = (("http", "TCP", 8080, None),)
    created = pack(owner, "IPv4", {ports: endpoints}, [], 100, "").create
    again = pack(owner, "IPv4", {ports: endpoints}, created, 100, "")
    assert not (again.create or again.update or again.delete)


def test_new_endpoints_fill_existing_slices_first() -> None:
    from pybernetes.api.codec import from_wire

    owner = from_wire(Service, service())
    ports = (("http", "TCP", 8080, None),)
    some = [Endpoint(addresses=[f"10.0.0.{n}"]) for n in range(3)]
    existing = pack(owner, "IPv4", {ports: some}, [], 4, "").create
    more = [*some, Endpoint(addresses=["10.0.1.1"])]
    changes = pack(owner, "IPv4", {ports: more}, existing, 4, "")
    assert (len(changes.create), len(changes.update)) == (0, 1)
    evenmore = [*more, Endpoint(addresses=["10.0.1.2"])]
    changes = pack(owner, "IPv4", {ports: evenmore}, changes.update, 4, "")
    assert (len(changes.create), len(changes.update)) == (1, 0)


async def test_each_family_of_a_service_has_slices_of_its_own() -> None:
    async with control_plane(*ONLY, service_cidrs=("10.96.0.0/16", "fd00:10:96::/112")) as world:
        await world.create(service(ipFamilyPolicy="PreferDualStack"))
        for number, addresses in enumerate((("10.0.0.1", "fd00::1"), ("10.0.0.2",), ("fd00::3",)), 1):
            await world.create(pod(f"web-{number}", labels={"app": "web"}, node="n1"))
            ips = [{"ip": ip} for ip in addresses]
            ready = {"type": "Ready", "status": "True"}
            body = {"status": {"phase": "Running", "podIP": addresses[0], "podIPs": ips, "conditions": [ready]}}
            await world.client.patch(Pod, f"web-{number}", "default", body=body, subresource="status")

        async def found() -> dict[str, list[str]]:
            known: dict[str, list[str]] = {}
            for one in await slices(world):
                ips = [ip for endpoint in one.endpoints or () for ip in endpoint.addresses or ()]
                known.setdefault(one.address_type or "", []).extend(sorted(ips))
            return known

        async def has(expected: dict[str, list[str]]) -> bool:
            return await found() == expected

        four, six = ["10.0.0.1", "10.0.0.2"], ["fd00::1", "fd00::3"]
        await world.until(lambda: has({"IPv4": four, "IPv6": six}))
        await world.client.patch(Service, "web", "default", body={"spec": {"ipFamilyPolicy": "SingleStack"}})
        await world.until(lambda: has({"IPv4": four}))
        (older,) = [e for e in await world.list(Endpoints) if e.metadata.name == "web"]
        assert sorted(a.ip or "" for a in (older.subsets or [])[0].addresses or ()) == four
        # The older form shows the first family only.
        await world.create(service("six", ipFamilies=["IPv6"]))

        async def shown() -> bool:
            known = [e for e in await world.list(Endpoints) if e.metadata.name == "six" and e.subsets]
            return bool(known) and sorted(a.ip or "" for a in (known[0].subsets or [])[0].addresses or ()) == six

        await world.until(shown)
