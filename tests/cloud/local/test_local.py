"""The nodes themselves as load balancers."""

import asyncio
from typing import Any

import msgspec
from tests.support.cloud import balanced, cloud_node, cloud_world, ingress
from tests.support.control_plane import World, pod

from pybernetes.api.core import Node, Pod, Service
from pybernetes.api.discovery import EndpointSlice
from pybernetes.cloud.local import LocalProvider
from pybernetes.cloud.local.addresses import status_of
from pybernetes.cloud.service.plan import EXCLUDE_LABEL


def local() -> LocalProvider:
    return LocalProvider(reserved={10250: "the kubelet"})


def endpoints(name: str, *nodes: str, port: int = 8080, address: str = "10.244.0.9", **more: Any) -> dict[str, Any]:
    """A slice of one endpoint per node."""
    reference = more.get("target", {"kind": "Pod", "name": "p", "namespace": "default"})
    conditions = more.get("conditions", {"ready": True})
    entries = [
        {"addresses": [address], "nodeName": node, "conditions": conditions}
        | ({"targetRef": reference} if reference else {})
        for node in nodes
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-1", "namespace": "default", "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
        "endpoints": entries,
    }  # fmt: skip


async def has(world: World, *addresses: str, name: str = "web") -> bool:
    return await ingress(world, name) == list(addresses)


async def set_ready(world: World, name: str, status: str) -> None:
    body = {"status": {"conditions": [{"type": "Ready", "status": status}]}}
    await world.client.patch(Node, name, body=body, subresource="status")


async def refusal(world: World) -> str:
    """Why a load balancer is pending, once that is told."""
    (found,) = await world.until(lambda: world.messages("SyncLoadBalancerFailed"))
    return str(found.removeprefix("Error syncing load balancer: failed to ensure load balancer: "))


async def two_nodes(world: World) -> None:
    await world.create(cloud_node("n1", "10.1.0.1"))
    await world.create(cloud_node("n2", "10.1.0.2"))


def test_a_service_gets_addresses_of_the_families_that_it_has() -> None:
    addresses = [{"type": "InternalIP", "address": ip} for ip in ("10.1.0.1", "fd30::1")]
    node = msgspec.convert({"metadata": {"name": "n1"}, "status": {"addresses": addresses}}, Node)
    for cluster_ips, expected in (
        (["10.96.0.9"], ["10.1.0.1"]),
        (["fd00::9"], ["fd30::1"]),
        (["10.96.0.9", "fd00::9"], ["10.1.0.1", "fd30::1"]),
        (["fd00::9", "10.96.0.9"], ["fd30::1", "10.1.0.1"]),
    ):
        spec = {"clusterIP": cluster_ips[0], "clusterIPs": cluster_ips}
        for wanted in (None, *expected):
            service = msgspec.convert(
                {"metadata": {"name": "web"}, "spec": {**spec, "loadBalancerIP": wanted}}, Service
            )
            points = status_of(service, [node], []).ingress or ()
            assert [point.ip for point in points] == ([wanted] if wanted else expected)


async def test_a_service_gets_the_nodes_addresses() -> None:
    async with cloud_world(local()) as world:
        await two_nodes(world)
        await world.create(balanced())
        await world.until(lambda: has(world, "10.1.0.1", "10.1.0.2"))
        await world.client.delete(Service, "web", "default")

        async def is_gone() -> bool:
            return "web" not in {found.metadata.name for found in await world.list(Service, "default")}

        await world.until(is_gone)


async def test_addresses_follow_the_nodes() -> None:
    async with cloud_world(local()) as world:
        await two_nodes(world)
        await world.create(balanced())
        await world.until(lambda: has(world, "10.1.0.1", "10.1.0.2"))
        await set_ready(world, "n1", "False")
        await world.until(lambda: has(world, "10.1.0.2"))
        await set_ready(world, "n1", "True")
        await world.until(lambda: has(world, "10.1.0.1", "10.1.0.2"))
        await world.client.patch(Node, "n2", body={"metadata": {"labels": {EXCLUDE_LABEL: "true"}}})
        await world.until(lambda: has(world, "10.1.0.1"))
        await world.create(cloud_node("n3", "10.1.0.3"))
        await world.until(lambda: has(world, "10.1.0.1", "10.1.0.3"))
        await world.client.delete(Node, "n1")
        await world.until(lambda: has(world, "10.1.0.3"))


async def test_while_no_node_is_ready_addresses_stay() -> None:
    async with cloud_world(local()) as world:
        await world.create(cloud_node("n1", "10.1.0.1"))
        await world.create(balanced())
        await world.until(lambda: has(world, "10.1.0.1"))
        before = await world.get(Service, "web")
        await set_ready(world, "n1", "Unknown")
        await world.create(balanced("later", 81))
        await world.until(lambda: has(world, "10.1.0.1", name="later"))
        assert (await world.get(Service, "web")).metadata.resource_version == before.metadata.resource_version


async def test_a_local_policy_means_the_nodes_with_endpoints() -> None:
    async with cloud_world(local()) as world:
        await two_nodes(world)
        await world.create(endpoints("web", "n2"))
        await world.create(balanced(externalTrafficPolicy="Local"))
        await world.until(lambda: has(world, "10.1.0.2"))
        body = endpoints("web", "n1", "n2")
        await world.client.patch(EndpointSlice, "web-1", "default", body={"endpoints": body["endpoints"]})
        await world.until(lambda: has(world, "10.1.0.1", "10.1.0.2"))
        gone = endpoints("web", "n1", conditions={"ready": False, "serving": False})
        await world.client.patch(EndpointSlice, "web-1", "default", body={"endpoints": gone["endpoints"]})
        await world.until(lambda: has(world))
        await world.client.patch(Service, "web", "default", body={"spec": {"externalTrafficPolicy": "Cluster"}})
        await world.until(lambda: has(world, "10.1.0.1", "10.1.0.2"))


async def test_a_port_belongs_to_whom_had_it_first() -> None:
    async with cloud_world(local()) as world:
        await two_nodes(world)
        await world.create(balanced("first"))
        await world.until(lambda: has(world, "10.1.0.1", "10.1.0.2", name="first"))
        await world.create(balanced("web"))
        assert await refusal(world) == "port 80/TCP of the nodes is held by Service default/first"
        assert await ingress(world) == []
        await world.client.delete(Service, "first", "default")
        await world.until(lambda: has(world, "10.1.0.1", "10.1.0.2"), within_seconds=2)


async def test_protocols_have_ports_of_their_own() -> None:
    async with cloud_world(local()) as world:
        await world.create(cloud_node("n1", "10.1.0.1"))
        await world.create(balanced("tcp", 53))
        await world.create(balanced("udp", ports=[{"port": 53, "protocol": "UDP"}]))
        for name in ("tcp", "udp"):
            await world.until(lambda name=name: has(world, "10.1.0.1", name=name))  # type: ignore[misc]


async def test_a_service_that_moves_to_a_taken_port_loses_its_address() -> None:
    async with cloud_world(local()) as world:
        await world.create(cloud_node("n1", "10.1.0.1"))
        await world.create(balanced("first", 81))
        await world.create(balanced("web", 80))
        await world.create(balanced("waits", 80))
        for name in ("first", "web"):
            await world.until(lambda name=name: has(world, "10.1.0.1", name=name))  # type: ignore[misc]
        await world.client.patch(Service, "web", "default", body={"spec": {"ports": [{"name": "http", "port": 81}]}})
        await world.until(lambda: has(world))
        await world.until(lambda: has(world, "10.1.0.1", name="waits"), within_seconds=2)


async def test_what_else_holds_a_port() -> None:
    async with cloud_world(local()) as world:
        await world.create(cloud_node("n1", "10.1.0.1"))
        ports = [{"containerPort": 80, "hostPort": 8443}]
        await world.create(pod("edge", containers=[{"name": "main", "image": "x", "ports": ports}]))
        await world.create(endpoints("api", "n1", port=6443, address="10.1.0.1", target=None))
        for port, holder in (
            (8443, "Pod default/edge"),
            (6443, "what serves default/api"),
            (30080, "the node port range 30000-32767"),
            (10250, "the kubelet"),
        ):
            await world.create(balanced(f"web-{port}", port))
            wanted = f"port {port}/TCP of the nodes is held by {holder}"

            async def is_told(wanted: str = wanted) -> bool:
                return any(found.endswith(wanted) for found in await world.messages("SyncLoadBalancerFailed"))

            await world.until(is_told)
        await world.client.delete(Pod, "edge", "default", grace_period_seconds=0)
        await world.until(lambda: has(world, "10.1.0.1", name="web-8443"), within_seconds=2)


async def test_another_services_external_address_may_be_a_nodes() -> None:
    async with cloud_world(local()) as world:
        await world.create(cloud_node("n1", "10.1.0.1"))
        await world.create(balanced("far", type="ClusterIP", externalIPs=["198.51.100.1"]))
        await world.create(balanced("other", type="ClusterIP", externalIPs=["198.51.100.2", "10.1.0.1"]))
        await world.create(balanced())
        assert await refusal(world) == "port 80/TCP of the nodes is held by Service default/other"
        await world.client.patch(Service, "other", "default", body={"spec": {"externalIPs": None}})
        await world.until(lambda: has(world, "10.1.0.1"), within_seconds=2)


async def test_a_service_of_pods_on_that_very_host_port_is_fine() -> None:
    async with cloud_world(local()) as world:
        await world.create(cloud_node("n1", "10.1.0.1"))
        ports = [{"containerPort": 80, "hostPort": 80}]
        found = pod("edge", labels={"app": "web"}, containers=[{"name": "main", "image": "x", "ports": ports}])
        await world.create(found)
        await world.create(balanced())
        await world.until(lambda: has(world, "10.1.0.1"))


async def test_a_certain_address() -> None:
    async with cloud_world(local()) as world:
        await two_nodes(world)
        await world.create(balanced(loadBalancerIP="10.1.0.2"))
        await world.until(lambda: has(world, "10.1.0.2"))
        await world.create(balanced("other", 81, loadBalancerIP="10.9.9.9"))
        assert await refusal(world) == "loadBalancerIP 10.9.9.9 is not the address of a node"


async def test_a_new_process_gives_everybody_what_he_had() -> None:
    """Where two claim to have the same, the older one has it; who has nothing waits for both."""

    async def earlier(world: World) -> None:
        await world.create(cloud_node("n1", "10.1.0.1"))
        for name in ("x-older", "web", "a-waits"):
            await world.create(balanced(name))
            await asyncio.sleep(2)
        status = {"loadBalancer": {"ingress": [{"ip": "10.1.0.1"}]}}
        for name in ("x-older", "web"):
            await world.client.patch(Service, name, "default", body={"status": status}, subresource="status")

    async with cloud_world(local(), before=earlier) as world:
        await world.until(lambda: has(world))
        assert await ingress(world, "x-older") == ["10.1.0.1"]
        assert await ingress(world, "a-waits") == []
        await world.client.delete(Service, "x-older", "default")

        async def is_given_on() -> bool:
            return sorted([*await ingress(world, "web"), *await ingress(world, "a-waits")]) == ["10.1.0.1"]

        await world.until(is_given_on, within_seconds=2)
