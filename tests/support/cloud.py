"""A cloud in memory that writes down what it is asked: the recording twin of real providers.

cloud = RecordingCloud()
cloud.machine("n1", zone="eu-1a")                     # an instance behind the node n1
cloud.fail["ensure"] = ProviderError("quota")         # until it is taken away
cloud.calls                                           # [("ensure", "default/web", ("n1",)), …]
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
from tests.support.clock import LoopClock
from tests.support.control_plane import World, node

from pybernetes.api.core import LoadBalancerIngress, LoadBalancerStatus, Node, NodeAddress, Service
from pybernetes.api.user import component
from pybernetes.base.http.message import Request, Response
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.in_process import InProcessTransport
from pybernetes.client.view import key_of
from pybernetes.cloud.manager import CloudConfig, CloudControllerManager
from pybernetes.cloud.provider import CloudProvider, InstanceMetadata, Route
from pybernetes.testing import ADMIN, api_server


class Balancer(msgspec.Struct):
    """A load balancer: its address, the Service it is for, and where it sends traffic."""

    ip: str
    uid: str
    ports: list[int]
    nodes: tuple[str, ...]


class RecordingCloud(CloudProvider):
    """Instances by node name, balancers by Service, routes by name."""

    name = "recording"

    def __init__(self, config: str = "") -> None:
        self.config = config
        self.instances = _Instances(self)
        self.load_balancers = _LoadBalancers(self)
        self.routes = _Routes(self)
        self.machines: dict[str, InstanceMetadata] = {}
        self.off: set[str] = set()
        self.balancers: dict[str, Balancer] = {}
        self.route_table: dict[str, Route] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.fail: dict[str, Exception] = {}
        self._made = 0

    def machine(self, name: str, **more: Any) -> InstanceMetadata:
        """An instance comes to be, or changes."""
        fields: dict[str, Any] = {
            "provider_id": f"recording://{name}",
            "instance_type": "m1.small",
            "zone": "eu-1a",
            "region": "eu-1",
            "addresses": (NodeAddress(type="InternalIP", address=f"10.1.0.{len(self.machines) + 1}"),),
        }
        self.machines[name] = InstanceMetadata(**{**fields, **more})
        return self.machines[name]

    def clear(self) -> None:
        """As new."""
        for found in (self.machines, self.off, self.balancers, self.route_table, self.calls, self.fail):
            found.clear()

    def next_ip(self) -> str:
        self._made += 1
        return f"203.0.113.{self._made}"

    async def record(self, call: str, *words: Any) -> None:
        """A call reaches the cloud, which takes its time, and fails if it was told to."""
        self.calls.append((call, *words))
        await asyncio.sleep(0)
        if call in self.fail:
            raise self.fail[call]

    def count(self, call: str) -> int:
        return sum(one[0] == call for one in self.calls)


class _Instances:
    def __init__(self, cloud: RecordingCloud) -> None:
        self._cloud = cloud

    async def exists(self, node: Node) -> bool:
        await self._cloud.record("exists", node.metadata.name)
        return node.metadata.name in self._cloud.machines

    async def is_shutdown(self, node: Node) -> bool:
        await self._cloud.record("is_shutdown", node.metadata.name)
        return node.metadata.name in self._cloud.off

    async def metadata(self, node: Node) -> InstanceMetadata | None:
        await self._cloud.record("metadata", node.metadata.name)
        return self._cloud.machines.get(node.metadata.name or "")


class _LoadBalancers:
    def __init__(self, cloud: RecordingCloud) -> None:
        self._cloud = cloud

    async def get(self, cluster: str, service: Service) -> LoadBalancerStatus | None:
        await self._cloud.record("get", key_of(service))
        found = self._cloud.balancers.get(key_of(service))
        return _status(found) if found else None

    async def ensure(self, cluster: str, service: Service, nodes: Sequence[Node]) -> LoadBalancerStatus:
        names = tuple(node.metadata.name or "" for node in nodes)
        await self._cloud.record("ensure", key_of(service), names)
        before = self._cloud.balancers.get(key_of(service))
        ports = [port.port for port in service.spec.ports or ()]
        ip = before.ip if before else self._cloud.next_ip()
        made = self._cloud.balancers[key_of(service)] = Balancer(ip, service.metadata.uid or "", ports, names)
        return _status(made)

    async def update(self, cluster: str, service: Service, nodes: Sequence[Node]) -> LoadBalancerStatus | None:
        names = tuple(node.metadata.name or "" for node in nodes)
        await self._cloud.record("update", key_of(service), names)
        self._cloud.balancers[key_of(service)].nodes = names
        return None

    async def delete(self, cluster: str, service: Service) -> None:
        await self._cloud.record("delete", key_of(service))
        self._cloud.balancers.pop(key_of(service), None)


def _status(balancer: Balancer) -> LoadBalancerStatus:
    return LoadBalancerStatus(ingress=[LoadBalancerIngress(ip=balancer.ip)])


class _Routes:
    def __init__(self, cloud: RecordingCloud) -> None:
        self._cloud = cloud

    async def list(self, cluster: str) -> "list[Route]":
        await self._cloud.record("list")
        return [*self._cloud.route_table.values()]

    async def create(self, cluster: str, name_hint: str, route: Route) -> None:
        await self._cloud.record("create", route.target_node, route.destination_cidr)
        name = f"{cluster}-{name_hint}-{route.destination_cidr}"
        self._cloud.route_table[name] = msgspec.structs.replace(route, name=name)

    async def delete(self, cluster: str, route: Route) -> None:
        await self._cloud.record("delete_route", route.destination_cidr)
        self._cloud.route_table.pop(route.name, None)


@asynccontextmanager
async def cloud_world(
    cloud: CloudProvider,
    *controllers: str,
    access: Sequence[dict[str, Any]] = (),
    before: Callable[[World], Awaitable[None]] | None = None,
    **config: Any,
) -> AsyncIterator[World]:
    """A running API server and the cloud's controllers (all by default) once `before` was done; keywords are
    fields of `CloudConfig`.

    With `access`, objects of RBAC, requests are authorized and the controllers act as
    `system:cloud-controller-manager`; what they were denied is in `world.denied`.
    """
    clock = LoopClock()
    settings = CloudConfig(leader_elect=False, controllers=controllers or ("*",), **config)
    async with AsyncExitStack() as stack:
        modes = ("RBAC",) if access else ("AlwaysAllow",)
        server = await stack.enter_async_context(api_server(clock=clock, authorization_modes=modes))
        world = World(Client(InProcessTransport(server.app, ADMIN)), clock, stack)
        for obj in access:
            await world.create(obj)
        if before is not None:
            await before(world)

        async def watched(request: Request) -> Response:
            response = await server.app(request)
            if response.status == 403:
                world.denied.append(f"{request.method} {request.path}")
            return response

        user = component("system:cloud-controller-manager") if access else ADMIN
        client = Client(InProcessTransport(watched, user))
        manager = CloudControllerManager(lambda name: client, cloud, settings, clock)
        await stack.enter_async_context(running("cloud controller manager", manager.serve))
        yield world


def balanced(name: str = "web", port: int = 80, **spec: Any) -> dict[str, Any]:
    """A Service of type LoadBalancer in wire form."""
    ports = [{"name": "http", "port": port, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"type": "LoadBalancer", "selector": {"app": name}, "ports": ports, **spec},
    }


def cloud_node(name: str, ip: str = "", *, ready: str = "True", **more: Any) -> dict[str, Any]:
    """A Node in wire form; keywords: labels, spec."""
    found = node(name, ready=ready, labels=more.get("labels"))
    found["spec"] = more.get("spec", {})
    addresses = [{"type": "InternalIP", "address": ip}] if ip else []
    found["status"]["addresses"] = [*addresses, {"type": "Hostname", "address": name}]
    return found


async def ingress(world: World, name: str = "web") -> list[str]:
    """The addresses that users are told."""
    service = await world.get(Service, name)
    return [point.ip or point.hostname or "" for point in service.status.load_balancer.ingress or ()]
