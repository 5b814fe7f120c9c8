"""The proxy's shell: follow Services, EndpointSlices and Nodes; bring the kernel in line with them.

An event names the service it is about and wakes the one worker. It works out the entries of the services named since
its last turn, and sends what differs from what the kernel has in one transaction: the cost is that of the change, not
of the cluster. Each address family has a table (`family_table.py`); one transaction is for all. A refused one means
that the kernel has something else than we think: the next one makes the tables from nothing.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime

from ..api.core import Node, Service
from ..api.discovery import EndpointSlice
from ..api.instants import parse_time
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from ..base.tasks import running
from ..client.client import Client
from ..client.informer import Informer
from ..client.informers import Informers
from ..reconcile.services import LAST_CHANGE
from .backend import Backend, BackendError
from .config import MIN_INTERVAL_SECONDS, ProxyConfig
from .families import families_of
from .family_table import FamilyTable
from .health import HealthCheckPorts, ProxyHealth, listen
from .metrics import ProxyMetrics
from .model import SERVICE_NAME_LABEL, ServicePort
from .pages import proxy_pages
from .pod_network import pod_routes
from .topology import ZONE_LABEL

log = logger(__name__)

_RETRY_SECONDS = 1.0
_ROUTE_RETRY_SECONDS = 10.0
_INDEX = "proxy-service"


def _service_of(one: EndpointSlice) -> Iterable[str]:
    meta = one.metadata
    name = (meta.labels or {}).get(SERVICE_NAME_LABEL) if meta else None
    return (f"{meta.namespace}/{name}",) if meta and name else ()


def _triggered_at(one: EndpointSlice | None) -> datetime | None:
    """When that changed which a slice follows, as its controller tells it."""
    told = (one.metadata.annotations or {}).get(LAST_CHANGE, "") if one is not None else ""
    with suppress(ValueError):
        return parse_time(told)
    return None


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
        self._clock = clock
        self._informers = informers or Informers(client)
        self._wake = asyncio.Event()
        self._touched: set[str] = set()
        self._nodes_touched = False
        self._zone = ""
        self._zone_touched = False
        pods, services = (text.split(",") if text else [] for text in (config.pod_cidr, config.service_cidr))
        self._tables = [FamilyTable(family, config.table, pods, services) for family in families_of(config.pod_cidr)]
        self._families = [one.family for one in self._tables]
        self._routes: dict[str, str] | None = None
        names = [one.type for one in self._families]
        self._metrics = ProxyMetrics(clock, names)
        self._metrics.ports = {one.family.type: one.all_ports for one in self._tables}
        self._health = ProxyHealth(clock, families=names, metrics=self._metrics)
        self.pages = proxy_pages(config, self._metrics, client)
        self._checks = HealthCheckPorts(config.health_host, self._health)

    def trouble(self) -> str:
        """Why this is not well, "" when it is."""
        return "" if self._health.is_healthy else "changes do not reach the kernel"

    async def serve(self, ready: asyncio.Event) -> None:
        """Ready once the first table is in the kernel."""
        for family in self._families:
            for name in family.switches:
                self._backend.switch(name, "1")
        services = self._informers.of(Service)
        slices = self._informers.of(EndpointSlice)
        slices.add_index(_INDEX, _service_of)
        nodes = self._informers.of(Node)
        async with running("proxy-informers", self._informers.serve):
            services.add_handler(self._service_changed)
            slices.add_handler(self._slice_changed)
            nodes.add_handler(self._node_changed)
            self._wake.set()
            try:
                async with asyncio.TaskGroup() as group:
                    config = self._config
                    if config.health_port:
                        serving = listen(self._health, config.health_host, config.health_port)
                        group.create_task(serving, name="proxy-health")
                    if config.metrics_port:
                        showing = listen(self.pages, config.metrics_host, config.metrics_port)
                        group.create_task(showing, name="proxy-pages")
                    await self._work(services, slices, nodes, ready, group)
            finally:
                services.remove_handler(self._service_changed)
                slices.remove_handler(self._slice_changed)
                nodes.remove_handler(self._node_changed)

    async def _work(
        self,
        services: Informer[Service],
        slices: Informer[EndpointSlice],
        nodes: Informer[Node],
        ready: asyncio.Event,
        group: asyncio.TaskGroup,
    ) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = self._clock.monotonic()
            try:
                self._collect(services, slices)
                await self._apply()
            except BackendError as error:
                self._metrics.refused()
                log.error("Service rules could not be applied", err=error)
                self._wake.set()
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            self._metrics.applied(self._clock.monotonic() - began)
            self._health.done()
            ready.set()
            await self._follow_up(group)
            if self._nodes_touched:
                await self._sync_routes(nodes.list())
            await asyncio.sleep(MIN_INTERVAL_SECONDS)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        found = new or old
        if found is not None and found.metadata is not None:
            key = f"{found.metadata.namespace}/{found.metadata.name}"
            self._metrics.service_changed(key)
            self._touch((key,))

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        before, after = (_triggered_at(one) for one in (old, new))
        for key in dict.fromkeys(key for one in (old, new) if one is not None for key in _service_of(one)):
            self._metrics.endpoints_changed(key, after if after != before else None)
            self._touch((key,))

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        """Most changes of nodes are heartbeats, which concern neither routes nor this node's zone."""
        found = new or old
        if found is not None and found.metadata.name == self._config.node_name:
            self._health.node_is(new)
            zone = (found.metadata.labels or {}).get(ZONE_LABEL, "")
            if new is not None and zone != self._zone:
                self._zone, self._zone_touched = zone, True
                self._wake.set()
        before, after = ([node] if node else [] for node in (old, new))
        if any(pod_routes(before, "", one) != pod_routes(after, "", one) for one in self._families):
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
            for table in self._tables:
                table.put(key, service, found, self._config.node_name, self._zone)

    async def _follow_up(self, group: asyncio.TaskGroup) -> None:
        """What a change of services brings with it once the rules stand."""
        for table in self._tables:
            may_be_checked, stale = table.follow_up()
            if may_be_checked:
                self._checks.update(self._checked_ports(), group)
            for address, number, endpoint in stale:
                await self._backend.forget_udp(address, number, endpoint, family=table.family.type)

    def _checked_ports(self) -> Iterable[ServicePort]:
        """The ports of every service, in the first family that it has: a load balancer asks about the node."""
        known: dict[str, list[ServicePort]] = {}
        for table in reversed(self._tables):
            known.update(table.ports)
        return (port for ports in known.values() for port in ports)

    async def _apply(self) -> None:
        is_first = not self._tables[0].ruleset.is_known
        commands = "".join(table.ruleset.commands() for table in self._tables)
        if not commands:
            return
        try:
            await self._backend.nft(commands)
        except BaseException:
            for table in self._tables:
                table.ruleset.lost()
            raise
        for table in self._tables:
            table.ruleset.applied()
        if is_first:
            log.info("Service rules made", services=len(self._tables[0].ports))

    async def _sync_routes(self, nodes: Iterable[Node]) -> None:
        """Routes that fail (a node of another subnet) disturb nothing else and are tried again later."""
        self._nodes_touched = False
        try:
            if self._routes is None:
                self._routes = {}
                for family in self._families:
                    self._routes |= await self._backend.known_routes(family.type)
            known = list(nodes)
            wanted: dict[str, str] = {}
            for family in self._families:
                wanted |= pod_routes(known, self._config.node_name, family)
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
