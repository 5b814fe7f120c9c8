"""The enforcer follows the API server: when it looks at pods, what it sends, and what it does about failures."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.proxy.network_policy.builders import app

from pybernetes.api.resource import resource
from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.proxy.backend import BackendError, RecordingBackend
from pybernetes.proxy.network_policy import NetworkPolicyEnforcer
from pybernetes.testing import ADMIN, api_server

NAMESPACES, PODS, SERVICES = resource("namespaces"), resource("pods"), resource("services")
SLICES = resource("endpointslices", "discovery.k8s.io")
POLICIES = resource("networkpolicies", "networking.k8s.io")


class Kernel(RecordingBackend):
    """Tells when a transaction came."""

    def __init__(self) -> None:
        super().__init__()
        self.came = asyncio.Condition()

    async def nft(self, commands: str) -> None:
        async with self.came:
            self.came.notify_all()
            await super().nft(commands)

    async def until(self, holds: Callable[[str], bool]) -> str:
        """The first transaction that is as wanted."""
        async with asyncio.timeout(120), self.came:
            await self.came.wait_for(lambda: any(map(holds, self.transactions)))
        return next(filter(holds, self.transactions))


def pod(name: str, labels: dict[str, str], node: str = "n1") -> dict[str, Any]:
    spec = {"nodeName": node, "containers": [{"name": "c", "image": "i"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": _meta(name, labels=labels), "spec": spec}


def policy(name: str, **spec: Any) -> dict[str, Any]:
    wire = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": _meta(name)}
    return {**wire, "spec": {"podSelector": {"matchLabels": {"app": "web"}}, **spec}}


def _meta(name: str, namespace: str = "default", **more: Any) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, **more}


async def run_pod(client: Client, name: str, app: str, ip: str) -> None:
    made = await client.create(pod(name, {"app": app}))
    made["status"] = {**made["status"], "phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}
    await client.update_status(made)


@pytest.fixture
async def asked() -> list[str]:
    """The paths of the enforcer's requests."""
    return []


@pytest.fixture
async def world(asked: list[str]) -> Any:
    async with api_server() as server:
        admin = Client(InProcessTransport(server.app, ADMIN))

        async def listening(request: Request) -> Response:
            asked.append(request.path)
            return await server.app(request)

        kernel = Kernel()
        client = Client(InProcessTransport(listening, ADMIN))
        enforcer = NetworkPolicyEnforcer(client, kernel, node_name="n1", table="t")
        yield admin, kernel, enforcer


async def test_pods_are_followed_only_while_there_are_policies(world: Any, asked: list[str]) -> None:
    admin, kernel, enforcer = world
    async with running("enforcer", enforcer.serve):
        assert kernel.transactions == ["add table ip t\ndelete table ip t\n"]  # nothing from an earlier life
        assert not any("pods" in path for path in asked)
        await run_pod(admin, "web", "web", "10.244.0.9")
        await admin.create(policy("p", ingress=[{"from": [app("client")]}]))
        made = await kernel.until(lambda text: "10.244.0.9 : goto in_" in text)
        assert "add set ip t pods_" in made and any("pods" in path for path in asked)
        await run_pod(admin, "client", "client", "10.244.0.10")
        came = await kernel.until(lambda text: "10.244.0.10" in text)
        assert came.startswith("add element ip t pods_") and came.count("\n") == 1
        await admin.delete(POLICIES, "p", "default")
        await kernel.until(lambda text: kernel.transactions[-1] == "add table ip t\ndelete table ip t\n")
        asked.clear()
        await run_pod(admin, "late", "web", "10.244.0.11")
        await admin.create(policy("again"))
        await kernel.until(lambda text: "10.244.0.11 : goto in_" in text)
        assert any("pods" in path for path in asked)


async def test_ready_means_in_force(world: Any) -> None:
    admin, kernel, enforcer = world
    await run_pod(admin, "web", "web", "10.244.0.9")
    await admin.create(policy("p"))
    async with running("enforcer", enforcer.serve):
        assert "10.244.0.9 : goto in_" in kernel.transactions[0]


async def test_a_refused_transaction_is_followed_by_the_whole_table(world: Any) -> None:
    admin, kernel, enforcer = world
    await run_pod(admin, "web", "web", "10.244.0.9")
    await admin.create(policy("p", ingress=[{"from": [app("client")]}]))
    async with running("enforcer", enforcer.serve):
        kernel.fail_next = BackendError("no")
        await run_pod(admin, "client", "client", "10.244.0.10")
        whole = await kernel.until(lambda text: "10.244.0.10" in text)
        assert whole.startswith("add table ip t\ndelete table ip t\ntable ip t {")


async def test_the_dns_service_stands_for_its_pods(world: Any) -> None:
    admin, kernel, enforcer = world
    labels = {"k8s-app": "kube-dns"}
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": _meta("kube-dns", "kube-system", labels=labels)}
    await admin.create({**service, "spec": {"ports": ports}})
    named = _meta("kube-dns", "kube-system", labels={"kubernetes.io/service-name": "kube-dns"})
    one = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": named, "addressType": "IPv4"}
    await admin.create({**one, "endpoints": [{"addresses": ["192.0.2.1"]}], "ports": ports})
    await run_pod(admin, "web", "web", "10.244.0.9")
    to = [{"namespaceSelector": {}, "podSelector": {"matchLabels": labels}}]
    await admin.create(policy("p", policyTypes=["Egress"], egress=[{"to": to}]))
    async with running("enforcer", enforcer.serve):
        assert "192.0.2.1" in kernel.transactions[0]
