"""The proxy's shell: follow Services, EndpointSlices and Nodes; bring the kernel in line with them.

Any event marks the whole table stale and wakes the one worker. It rebuilds the table (pure, microseconds per service),
compares it with what the kernel has and sends the difference. A refused transaction means that the kernel has something
else than we think: the next one makes the table from nothing.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from ..api.core import Node, Service
from ..api.discovery import EndpointSlice
from ..base.http.server import HttpServer
from ..base.log import logger
from ..base.tasks import running
from ..client.client import Client
from ..client.informers import Informers
from . import ruleset
from .backend import Backend, BackendError
from .health import HealthCheckPorts, ProxyHealth
from .model import MANAGED_LABEL, ServicePort, service_ports
from .pod_network import pod_routes
from .rules import EndpointNumbers, build, skeleton

log = logger(__name__)

_RETRY_SECONDS = 1.0
_MIN_INTERVAL_SECONDS = 0.02


class ProxyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`health_port` 0 = no listener. `pod_cidr` is the cluster's: its traffic keeps its source address."""

    node_name: str
    pod_cidr: str = "10.244.0.0/16"
    table: str = "ip pybernetes"
    health_host: str = "127.0.0.1"
    health_port: int = 10256
    manage_routes: bool = True


def _service_of(one: EndpointSlice) -> Iterable[str]:
    meta = one.metadata
    name = (meta.labels or {}).get(MANAGED_LABEL) if meta else None
    return (f"{meta.namespace}/{name}",) if meta and name else ()


class Proxy:
    """One node's service proxy; `serve` runs it."""

    def __init__(
        self, config: ProxyConfig, client: Client, backend: Backend, informers: Informers | None = None
    ) -> None:
        self._config = config
        self._backend = backend
        self._informers = informers or Informers(client)
        self._stale = asyncio.Event()
        self._numbers = EndpointNumbers()
        self._current: ruleset.Ruleset | None = None
        self._ports: list[ServicePort] = []
        self._routes: dict[str, str] = {}
        self._health = ProxyHealth()
        self._checks = HealthCheckPorts(config.health_host)

    async def serve(self, ready: asyncio.Event) -> None:
        """Ready once the first table is in the kernel."""
        for name, value in (("net/ipv4/ip_forward", "1"), ("net/ipv4/conf/all/route_localnet", "1")):
            self._backend.switch(name, value)
        services = self._informers.of(Service)
        slices = self._informers.of(EndpointSlice)
        nodes = self._informers.of(Node) if self._config.manage_routes else None
        async with running("proxy-informers", self._informers.serve):
            services.add_handler(lambda old, new: self._mark())
            slices.add_handler(lambda old, new: self._mark())
            if nodes is not None:
                nodes.add_handler(lambda old, new: self._mark())
            self._mark()
            async with asyncio.TaskGroup() as group:
                if self._config.health_port:
                    server = HttpServer(self._health, host=self._config.health_host, port=self._config.health_port)
                    group.create_task(server.serve(asyncio.Event()), name="proxy-health")
                while True:
                    await self._stale.wait()
                    self._stale.clear()
                    try:
                        await self._sync(services.list(), slices.list(), nodes.list() if nodes else ())
                    except BackendError as error:
                        log.error("Service rules could not be applied", err=error)
                        self._current = None
                        self._stale.set()
                        await asyncio.sleep(_RETRY_SECONDS)
                        continue
                    self._health.pending_since = None
                    self._checks.update(self._ports, group)
                    ready.set()
                    await asyncio.sleep(_MIN_INTERVAL_SECONDS)

    def _mark(self) -> None:
        if self._health.pending_since is None:
            self._health.pending_since = asyncio.get_running_loop().time()
        self._stale.set()

    async def _sync(self, services: list[Service], slices: list[EndpointSlice], nodes: Iterable[Node]) -> None:
        slices_of: dict[tuple[str, str], list[EndpointSlice]] = {}
        for one in slices:
            for key in _service_of(one):
                namespace, _, name = key.partition("/")
                slices_of.setdefault((namespace, name), []).append(one)
        ports = service_ports(services, slices_of, self._config.node_name)
        wanted = build(ports, self._numbers)
        table = self._config.table
        if self._current is None:
            await self._backend.nft(ruleset.text(ruleset.whole(table, skeleton(self._config.pod_cidr), wanted)))
            log.info("Service rules made", services=len(ports))
        else:
            lines = list(ruleset.commands(table, self._current, wanted))
            if lines:
                await self._backend.nft(ruleset.text(lines))
        previous, self._ports, self._current = self._ports, ports, wanted
        await self._forget_stale_flows(previous, ports)
        await self._sync_routes(nodes)

    async def _forget_stale_flows(self, before: list[ServicePort], after: list[ServicePort]) -> None:
        """UDP has no end of connection: flows to an endpoint that is gone would go on to nowhere."""
        now = {port.key: {e.ip for e in (*port.internal, *port.external)} for port in after}
        for port in before:
            if port.protocol != "udp":
                continue
            gone = {e.ip for e in (*port.internal, *port.external)} - now.get(port.key, set())
            for ip in sorted(gone):
                await self._backend.forget_udp(port.cluster_ip, port.port, ip)

    async def _sync_routes(self, nodes: Iterable[Node]) -> None:
        if not self._config.manage_routes:
            return
        wanted = pod_routes(nodes, self._config.node_name)
        if wanted != self._routes:
            fresh = {cidr: ip for cidr, ip in wanted.items() if self._routes.get(cidr) != ip}
            await self._backend.routes(fresh, set(self._routes) - set(wanted))
            self._routes = wanted
