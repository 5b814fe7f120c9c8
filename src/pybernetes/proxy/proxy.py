"""The proxy's shell: follow Services, EndpointSlices and Nodes; bring the kernel in line with them.

An event names the service it is about and wakes the one worker. It works out the entries of the services named since
its last turn, and sends what differs from what the kernel has in one transaction: the cost is that of the change, not
of the cluster. A refused transaction means that the kernel has something else than we think: the next one makes the
table from nothing.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from ..api.core import Node, Service
from ..api.discovery import EndpointSlice
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from ..base.tasks import running
from ..client.client import Client
from ..client.informer import Informer
from ..client.informers import Informers
from .backend import Backend, BackendError
from .endpoint_numbers import EndpointNumbers
from .health import HealthCheckPorts, ProxyHealth, listen
from .model import SERVICE_NAME_LABEL, ServicePort, service_ports
from .pod_network import pod_routes
from .rules import entries, skeleton
from .ruleset import Ruleset
from .topology import ZONE_LABEL
from .udp_flows import stale_flows

log = logger(__name__)

_RETRY_SECONDS = 1.0
_ROUTE_RETRY_SECONDS = 10.0
_MIN_INTERVAL_SECONDS = 0.02
_INDEX = "proxy-service"


class ProxyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`health_port` 0 = no listener. `pod_cidr` is the cluster's: its traffic keeps its source address. `service_cidr`
    "" = unknown: what goes to addresses that no service has is left alone."""

    node_name: str
    pod_cidr: str = "10.244.0.0/16"
    service_cidr: str = ""
    table: str = "ip pybernetes"
    health_host: str = "0.0.0.0"
    health_port: int = 10256
    manage_routes: bool = True


def _service_of(one: EndpointSlice) -> Iterable[str]:
    meta = one.metadata
    name = (meta.labels or {}).get(SERVICE_NAME_LABEL) if meta else None
    return (f"{meta.namespace}/{name}",) if meta and name else ()


class Proxy:
    """One node's service proxy; `serve` runs it."""

    def __init__(
        self,
        config: ProxyConfig,
        client: Client,
        backend: Backend,
        informers: Informers | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._config = config
        self._backend = backend
        self._informers = informers or Informers(client)
        self._wake = asyncio.Event()
        self._touched: set[str] = set()
        self._nodes_touched = False
        self._zone = ""
        self._zone_touched = False
        self._numbers = EndpointNumbers()
        self._ruleset = Ruleset(config.table, skeleton(config.pod_cidr, config.service_cidr))
        self._ports: dict[str, list[ServicePort]] = {}
        self._before: dict[str, list[ServicePort]] = {}
        self._routes: dict[str, str] | None = None
        self._health = ProxyHealth(clock)
        self._checks = HealthCheckPorts(config.health_host, self._health)

    async def serve(self, ready: asyncio.Event) -> None:
        """Ready once the first table is in the kernel."""
        for name, value in (("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/route_localnet", "1")):
            self._backend.switch(name, value)
        services = self._informers.of(Service)
        slices = self._informers.of(EndpointSlice)
        slices.add_index(_INDEX, _service_of)
        nodes = self._informers.of(Node) if self._config.manage_routes else None
        async with running("proxy-informers", self._informers.serve):
            services.add_handler(self._service_changed)
            slices.add_handler(self._slice_changed)
            if nodes is not None:
                nodes.add_handler(self._node_changed)
            self._wake.set()
            try:
                async with asyncio.TaskGroup() as group:
                    if self._config.health_port:
                        serving = listen(self._health, self._config.health_host, self._config.health_port)
                        group.create_task(serving, name="proxy-health")
                    await self._work(services, slices, nodes, ready, group)
            finally:
                services.remove_handler(self._service_changed)
                slices.remove_handler(self._slice_changed)
                if nodes is not None:
                    nodes.remove_handler(self._node_changed)

    async def _work(
        self,
        services: Informer[Service],
        slices: Informer[EndpointSlice],
        nodes: Informer[Node] | None,
        ready: asyncio.Event,
        group: asyncio.TaskGroup,
    ) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                self._collect(services, slices)
                await self._apply()
            except BackendError as error:
                log.error("Service rules could not be applied", err=error)
                self._wake.set()
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._health.done()
            ready.set()
            await self._follow_up(group)
            if nodes is not None and self._nodes_touched:
                await self._sync_routes(nodes.list())
            await asyncio.sleep(_MIN_INTERVAL_SECONDS)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        found = new or old
        if found is not None and found.metadata is not None:
            self._touch((f"{found.metadata.namespace}/{found.metadata.name}",))

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for one in (old, new):
            if one is not None:
                self._touch(_service_of(one))

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """Most changes of nodes are heartbeats, which concern neither routes nor this node's zone."""
        if new is not None and new.metadata.name == self._config.node_name:
            zone = (new.metadata.labels or {}).get(ZONE_LABEL, "")
            if zone != self._zone:
                self._zone, self._zone_touched = zone, True
                self._wake.set()
        if pod_routes([old] if old else [], "") != pod_routes([new] if new else [], ""):
            self._nodes_touched = True
            self._wake.set()

    def _touch(self, keys: Iterable[str]) -> None:
        self._touched.update(keys)
        self._health.pending()
        self._wake.set()

    def _collect(self, services: Informer[Service], slices: Informer[EndpointSlice]) -> None:
        """Work out the entries of the touched services."""
        touched, self._touched = self._touched, set()
        if self._zone_touched:
            self._zone_touched = False
            touched.update(f"{one.metadata.namespace}/{one.metadata.name}" for one in services.list())
        for key in touched:
            namespace, _, name = key.partition("/")
            service = services.get(name, namespace)
            found = slices.by_index(_INDEX, key)
            ports = service_ports(service, found, self._config.node_name, self._zone) if service else []
            old = self._ports.pop(key, [])
            if ports:
                self._ports[key] = ports
            if ports != old:
                self._before.setdefault(key, old)
                self._ruleset.replace(key, entries(key, ports, self._numbers))

    async def _follow_up(self, group: asyncio.TaskGroup) -> None:
        """What a change of services brings with it once the rules stand."""
        before, self._before = self._before, {}
        changed = (port for key, ports in before.items() for port in (*ports, *self._ports.get(key, ())))
        if any(port.health_check_port for port in changed):
            self._checks.update((port for ports in self._ports.values() for port in ports), group)
        for address, number, endpoint in stale_flows(before, self._ports):
            await self._backend.forget_udp(address, number, endpoint)

    async def _apply(self) -> None:
        is_first = not self._ruleset.is_known
        commands = self._ruleset.commands()
        if not commands:
            return
        try:
            await self._backend.nft(commands)
        except BaseException:
            self._ruleset.lost()
            raise
        self._ruleset.applied()
        if is_first:
            log.info("Service rules made", services=len(self._ports))

    async def _sync_routes(self, nodes: Iterable[Node]) -> None:
        """Routes that fail (a node of another subnet) disturb nothing else and are tried again later."""
        self._nodes_touched = False
        try:
            if self._routes is None:
                self._routes = await self._backend.known_routes()
            wanted = pod_routes(nodes, self._config.node_name)
            fresh = {cidr: gateway for cidr, gateway in wanted.items() if self._routes.get(cidr) != gateway}
            stale = set(self._routes) - set(wanted)
            if fresh or stale:
                await self._backend.routes(fresh, stale)
                self._routes = wanted
        except BackendError as error:
            log.error("Routes to other nodes' pods could not be set", err=error)
            self._routes = None
            asyncio.get_running_loop().call_later(_ROUTE_RETRY_SECONDS, self._retry_routes)

    def _retry_routes(self) -> None:
        self._nodes_touched = True
        self._wake.set()
