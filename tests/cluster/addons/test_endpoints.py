"""The parts of the control planes are found where the API servers that live are, and say which pods they are."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from tests.support.clock import eventually

from pybernetes.api.resource import resource
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.cluster.addons.apply import apply
from pybernetes.cluster.addons.endpoints import FollowControlPlanes
from pybernetes.cluster.addons.objects import endpoint_slice
from pybernetes.cluster.config import ClusterConfig
from pybernetes.testing import ADMIN, api_server

SLICES = resource("endpointslices", "discovery.k8s.io")
ENDPOINTS, PODS = resource("endpoints"), resource("pods")


def config(**settings: Any) -> ClusterConfig:
    return ClusterConfig(node_ip="10.0.0.1", node_name="cp1", data_dir=Path("/nowhere"), **settings)


def component_pod(name: str, node: str) -> dict[str, Any]:
    """The mirror pod of a component, as its node makes it."""
    labels = {"k8s-app": "kube-dns" if name == "coredns" else name}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-{node}", "namespace": "kube-system", "labels": labels},
        "spec": {"nodeName": node, "hostNetwork": True, "containers": [{"name": name, "image": "x"}]},
    }


async def shows(client: Client, name: str, node: str, address: str) -> dict[str, Any]:
    """Make the pod and tell its address; what its uid is."""
    made = await client.create(component_pod(name, node))
    status = {"status": {"podIP": address, "podIPs": [{"ip": address}], "phase": "Running"}}
    await client.patch(PODS, f"{name}-{node}", "kube-system", body=status, subresource="status")
    return {
        "kind": "Pod",
        "namespace": "kube-system",
        "name": f"{name}-{node}",
        "uid": made["metadata"]["uid"],
    }


async def slice_and_endpoints(client: Client, name: str) -> tuple[list[Any], list[Any]]:
    """(address, node, pod) of each address, as the EndpointSlice and as the Endpoints have them; [] for none."""

    def told(of: dict[str, Any], address: str) -> tuple[Any, ...]:
        return address, of.get("nodeName"), of.get("targetRef")

    slices = {item["metadata"]["name"]: item for item in (await client.list(SLICES, "kube-system")).items}
    legacy = {item["metadata"]["name"]: item for item in (await client.list(ENDPOINTS, "kube-system")).items}
    return (
        [told(endpoint, endpoint["addresses"][0]) for endpoint in slices.get(name, {}).get("endpoints", ())],
        [
            told(address, address["ip"])
            for subset in legacy.get(name, {}).get("subsets", ())
            for address in subset["addresses"]
        ],
    )


def is_told(client: Client, name: str, wanted: list[Any]) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return await slice_and_endpoints(client, name) == (wanted, wanted)

    return check


async def test_the_slices_follow_the_api_servers() -> None:
    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        async with running("endpoints", FollowControlPlanes(config(etcd=True), client).serve):
            for alive in (["10.0.0.2", "10.0.0.1"], ["10.0.0.2"], ["10.0.0.1", "10.0.0.2", "10.0.0.3"]):
                kubernetes = endpoint_slice("kubernetes", alive, [("https", 6443, "TCP")])
                kubernetes["metadata"]["namespace"] = "default"
                await apply(client, [kubernetes])
                for name in ("kube-dns", "metrics-server"):
                    await eventually(is_told(client, name, [(address, None, None) for address in sorted(alive)]))


async def test_an_address_names_its_pod_while_there_is_one() -> None:
    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        async with running("endpoints", FollowControlPlanes(config(), client).serve):
            for name in ("kube-dns", "metrics-server"):
                await eventually(is_told(client, name, [("10.0.0.1", None, None)]))
            await shows(client, "coredns", "other", "10.0.0.9")  # of a machine that is no living control plane
            dns = await shows(client, "coredns", "cp1", "10.0.0.1")
            metrics = await shows(client, "metrics-server", "cp1", "10.0.0.1")
            await eventually(is_told(client, "kube-dns", [("10.0.0.1", "cp1", dns)]))
            await eventually(is_told(client, "metrics-server", [("10.0.0.1", "cp1", metrics)]))
            await client.delete(PODS, "coredns-cp1", "kube-system", grace_period_seconds=0)
            await eventually(is_told(client, "kube-dns", [("10.0.0.1", None, None)]))


async def test_the_endpoints_are_not_mirrored_into_another_slice() -> None:
    async with api_server() as server:
        client = Client(InProcessTransport(server.app, ADMIN))
        async with running("endpoints", FollowControlPlanes(config(), client).serve):
            await eventually(is_told(client, "kube-dns", [("10.0.0.1", None, None)]))
        found = await client.get(ENDPOINTS, "kube-dns", "kube-system")
        assert found["metadata"]["labels"]["endpointslice.kubernetes.io/skip-mirror"] == "true"
