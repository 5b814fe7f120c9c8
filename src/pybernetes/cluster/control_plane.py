"""The control plane in one process: store, API server, controllers, scheduler, the cluster's DNS server.

    running(store)
      running(apiserver)                 listening on loopback and the node's address
        controllers | scheduler | dns | metrics-server | add-ons      side by side, through in-process transports

Start order is nesting order; the API server is ready before anybody asks it, and the store closes last.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from ..api.user import SYSTEM_MASTERS, UserInfo, component
from ..apiserver.config import ApiServerConfig, TlsFiles
from ..apiserver.history.retention import Retention
from ..apiserver.server import ApiServer
from ..base.clock import SYSTEM_CLOCK
from ..base.http.message import App
from ..base.log import logger
from ..base.tasks import Serve, restarting, running
from ..client.client import Client
from ..client.informers import Informers
from ..store.store import Store
from . import clients, features, host_components, metrics_server
from .addons import apply, cloud, dns, joining, metrics
from .addons.access import after, granted
from .config import ClusterConfig
from .host_components import HostComponents, TellHealth, no_health
from .pki import Pki
from .progress import Progress

if TYPE_CHECKING:
    from ..reconcile.manager import Registration
    from ..reconcile.manager_pages import ManagerPages
    from ..scheduler.config import SchedulerConfig
    from ..scheduler.monitoring import Monitoring

log = logger(__name__)

COMPONENTS = {
    "controller-manager": host_components.MANAGER,
    "scheduler": host_components.SCHEDULER,
    "dns": host_components.DNS,
    "metrics-server": host_components.METRICS,
}
"""The parts that are components, by the names that the node shows them by."""

ADMIN = UserInfo("system:pybernetes", groups=(SYSTEM_MASTERS, "system:authenticated"))

Adjust = Callable[[ApiServerConfig], ApiServerConfig]
"""Changes the settings of an API server."""


def api_server_config(config: ClusterConfig, pki: Pki) -> ApiServerConfig:
    """The API server's settings in this cluster."""
    return ApiServerConfig(
        listen_host="127.0.0.1",
        listen_port=config.api_port,
        tls=TlsFiles(
            certificate=str(config.pki / "apiserver.crt"),
            key=str(config.pki / "apiserver.key"),
            client_ca=str(config.pki / "ca.crt"),
        ),
        advertise_address="" if config.node_ip == "127.0.0.1" else config.node_ip,
        advertise_port=config.api_port,
        service_cidr=config.service_cidr,
        node_port_range=config.node_port_range,
        cluster_domain=config.cluster_domain,
        request_header_ca=str(config.pki / "front-proxy-ca.crt"),
        request_header_allowed_names=("front-proxy-client",),
        proxy_client_certificate=str(config.pki / "front-proxy-client.crt"),
        proxy_client_key=str(config.pki / "front-proxy-client.key"),
        service_account_signing_key=pki.service_account_key,
        service_account_issuer=f"https://kubernetes.default.svc.{config.cluster_domain}",
        feature_gates=config.feature_gates,
        runtime_config=config.runtime_config,
        retention=Retention(seconds=config.history_hours * 3600, size_bytes=config.history_megabytes << 20),
        shared_store=config.etcd,
    )


def open_store(
    config: ClusterConfig,
    progress: Progress | None = None,
    *,
    memory: bool = False,
    components: HostComponents | None = None,
) -> Store:
    """The store of this control plane. components: where a member of etcd is to be known."""
    if memory:
        from ..store.memory import MemoryStore

        return MemoryStore()
    if config.etcd:
        from .etcd.process import log_file
        from .etcd.store import StackedStore

        part = components.etcd(log_file(config)) if components is not None else None
        return StackedStore(config, progress or Progress(), part)
    from ..store.sqlite import SqliteStore

    config.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The watch cache has every object already; what is written again and again is found in this much.
    return SqliteStore(config.database, cache_bytes=4 * 1024 * 1024)


class ControlPlane:
    """`serve` runs it; `app` is its API server for components in the same process, once it is ready.

    `components`: where its parts are to be known. `adjust` has the last word on the API server's settings."""

    def __init__(
        self,
        config: ClusterConfig,
        pki: Pki,
        store: Store,
        progress: Progress | None = None,
        components: HostComponents | None = None,
        adjust: Adjust = lambda own: own,
    ) -> None:
        self._config = config
        self._pki = pki
        self._store = store
        self._progress = progress or Progress()
        self._components = components or HostComponents()
        self.server = make_server(config, pki, store, adjust)

    @property
    def app(self) -> App:
        return self.server.app

    @property
    def admin(self) -> Client:
        """A client that may do everything, for the cluster's own set-up."""
        return clients.in_process(self.app, ADMIN)

    async def serve(self, ready: asyncio.Event) -> None:
        """Ready once the API server answers; controllers and scheduler follow at their own pace."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running("store", self._store.serve))
            own, known = host_components.API_SERVER, self._components
            known.health_of(own)(lambda: self.server.health.trouble("readyz"))
            await stack.enter_async_context(running("apiserver", known.once(own, self.server.serve)))
            for address in self._config.node_ips:
                if address != "127.0.0.1":
                    outer = self.server.listener(address, self._config.api_port).serve
                    await stack.enter_async_context(running("apiserver-node-address", outer))
            self._progress.tell("apiserver")
            ready.set()
            async with asyncio.TaskGroup() as group:
                for name, make in self._parts().items():
                    known_as = COMPONENTS.get(name)
                    part = self._components.supervised(known_as, make) if known_as else restarting(name, make)
                    group.create_task(part(asyncio.Event()), name=name)

    async def _add_ons(self, ready: asyncio.Event) -> None:
        await apply_add_ons(self.admin, self._config, self._pki)
        ready.set()

    def _parts(self) -> dict[str, Callable[[], Serve]]:
        config, app, health_of = self._config, self.app, self._components.health_of
        parts: dict[str, Callable[[], Serve]] = {
            "add-ons": lambda: self._add_ons,
            **controller_manager_parts(
                config,
                self._pki,
                lambda name: clients.in_process(app, clients.controller_user(name)),
                health_of(host_components.MANAGER),
            ),
            **scheduler_parts(
                config,
                self._pki,
                clients.in_process(app, component("system:kube-scheduler")),
                health_of(host_components.SCHEDULER),
            ),
        }
        if config.has_containers:
            from ..dns.health import trouble as dns_trouble

            health_of(host_components.DNS)(lambda: dns_trouble(config.node_ip, config.dns_port, config.cluster_domain))
            rights, own = granted(self.server.cache, dns.USER), clients.in_process(app, component(dns.USER))
            parts["dns"] = lambda: after(rights, lambda: dns_server(config, own))
            parts["metrics-server"] = lambda: metrics_server.after_the_start(
                config,
                self._pki,
                self.admin,
                clients.in_process(app, component(metrics.USER)),
                health_of(host_components.METRICS),
            )
        return {**parts, **endpoint_parts(config, self.admin)}


def endpoint_parts(config: ClusterConfig, client: Client) -> dict[str, Callable[[], Serve]]:
    """Who tells where the cluster's own services are; nobody where no pod could reach them."""
    if not config.has_containers or (ip_address(config.node_ip).is_loopback and not config.etcd):
        return {}
    from .addons.endpoints import FollowControlPlanes

    return {"endpoints": lambda: FollowControlPlanes(config, client).serve}


async def apply_add_ons(client: Client, config: ClusterConfig, pki: Pki) -> None:
    """Bring the API in line with the add-ons; of what names one machine, the first of several wins. StatusError."""
    information = joining.information(config, pki.ca.certificate_pem)
    names_one = config.etcd and not config.control_plane_endpoint
    if not (names_one and await apply.exists(client, information)):
        await apply.apply(client, [information])
    await apply.apply(client, add_ons(config))


def add_ons(config: ClusterConfig) -> list[dict[str, Any]]:
    """The objects that every cluster has besides what the API server makes by itself, and `cluster-info`."""
    objects = joining.objects()
    if config.has_containers:
        objects += dns.objects(config)
    if config.cloud_provider == "external":
        objects += cloud.objects()
    return objects


def make_server(
    config: ClusterConfig,
    pki: Pki,
    store: Store,
    adjust: Adjust = lambda own: own,
) -> ApiServer:
    """The API server with its streaming subresources connected to the kubelets. `adjust` has the last word on its
    settings."""
    from ..apiserver.reload.pairs import FollowedPair
    from ..apiserver.streams.handlers import build_streams
    from ..apiserver.streams.kubelet_dialer import KubeletDialer

    server = ApiServer(adjust(api_server_config(config, pki)), store)
    files = (str(config.pki / f"apiserver-kubelet-client.{kind}") for kind in ("crt", "key"))
    known = FollowedPair("kubelet client certificate", *files)
    server.followed.append(known.files)
    dialer = KubeletDialer(
        server.cache,
        tls=known.client_context(pki.ca.certificate_pem),
        insecure_tls=lambda: known.client_context(None),
    )
    server.dispatcher.connect.update(build_streams(server.cache, dialer, server.authorizer))
    return server


def controller_manager(
    config: ClusterConfig,
    pki: Pki,
    client_for: clients.ClientFor,
    pages: "ManagerPages | None" = None,
    selected: tuple[str, ...] = ("*",),
) -> Serve:
    """The controllers that are `selected` under leader election, shown on `pages`. ValueError when one is unknown."""
    from ..controllers.manager import ControllerManager
    from ..reconcile.config import ControllerManagerConfig

    settings = ControllerManagerConfig(
        controllers=features.controllers(config.feature_gates, selected),
        identity=config.node_name,
        cluster_cidrs=tuple(config.pod_cidr.split(",")),
        service_cidrs=tuple(config.service_cidr.split(",")),
        node_monitor_grace_period_seconds=config.node_monitor_grace_period,
        root_ca=pki.ca.certificate_pem,
        signing_certificate=pki.ca.certificate_pem,
        signing_key=pki.ca.key_pem,
        service_account_key=pki.service_account_key,
    )
    manager = ControllerManager(client_for, settings, more=local_load_balancers(config))
    return manager.serve if pages is None else lambda ready: pages.follow(manager, ready)


def controller_manager_parts(
    config: ClusterConfig, pki: Pki, client_for: clients.ClientFor, tell_health: TellHealth = no_health
) -> dict[str, Callable[[], Serve]]:
    """The controller manager; on a real node its health and metrics too, over HTTPS beside the ports of the kubelet."""
    if not config.has_containers:
        return {"controller-manager": lambda: controller_manager(config, pki, client_for)}
    from ..reconcile.manager_pages import ManagerPages

    pages = ManagerPages(client_for(clients.MANAGER), SYSTEM_CLOCK, client_ca=pki.ca.certificate_pem)
    tell_health(pages.trouble)
    return {
        "controller-manager": lambda: controller_manager(config, pki, client_for, pages),
        "controller-manager-pages": lambda: pages.server("127.0.0.1", config.controller_manager_port).serve,
    }


def local_load_balancers(config: ClusterConfig) -> "dict[str, Registration]":
    """The controller that makes load balancers out of this cluster's own nodes, where that is wanted."""
    if config.cloud_provider != "local" or not config.has_containers:
        return {}
    from ..cloud.local import LocalProvider
    from ..cloud.service.controller import CLUSTER_NAME, NAME, SERVICE_ACCOUNT, ServiceController
    from ..reconcile.manager import Registration

    provider = LocalProvider(config.node_port_range, reserved_ports(config))
    return {NAME: Registration(lambda context: ServiceController(context, provider, CLUSTER_NAME), SERVICE_ACCOUNT)}


def reserved_ports(config: ClusterConfig) -> dict[int, str]:
    """What listens on the nodes without an EndpointSlice that says so."""
    etcd = {config.etcd_port: "etcd", config.etcd_peer_port: "etcd"} if config.etcd else {}
    return {
        config.api_port: "the API server",
        config.kubelet_port: "the kubelet",
        config.proxy_health_port: "the proxy",
        **etcd,
    }


def scheduler(
    config: ClusterConfig,
    client: Client,
    settings: "SchedulerConfig | None" = None,
    monitoring: "Monitoring | None" = None,
) -> Serve:
    """The scheduler under leader election. The identity is the node's name, so that a restarted process goes on at once
    instead of waiting for its own lease to run out. monitoring: shown there while it leads."""
    from ..client.leader import LeaderElector
    from ..scheduler.scheduler import Scheduler

    async def lead(ready: asyncio.Event) -> None:
        informers = Informers(client)
        async with running("scheduler-informers", informers.serve):
            leading = Scheduler(client, informers, settings, clock=SYSTEM_CLOCK)
            if monitoring is None:
                await leading.serve(ready)
            else:
                await monitoring.follow(leading, ready)

    elector = LeaderElector(client, "kube-system", "kube-scheduler", config.node_name, lead, clock=SYSTEM_CLOCK)
    return elector.serve


def scheduler_parts(
    config: ClusterConfig, pki: Pki, client: Client, tell_health: TellHealth = no_health
) -> dict[str, Callable[[], Serve]]:
    """The scheduler; on a real node its health and metrics too, over HTTPS beside the ports of the kubelet."""
    if not config.has_containers:
        return {"scheduler": lambda: scheduler(config, client)}
    from ..scheduler.config import SchedulerConfig
    from ..scheduler.monitoring import Monitoring

    monitoring = Monitoring(SchedulerConfig(), client, SYSTEM_CLOCK, client_ca=pki.ca.certificate_pem)
    tell_health(monitoring.trouble)
    return {
        "scheduler": lambda: scheduler(config, client, None, monitoring),
        "scheduler-pages": lambda: monitoring.server("127.0.0.1", config.scheduler_port).serve,
    }


def dns_server(config: ClusterConfig, client: Client) -> Serve:
    """The cluster's DNS server, on the node's address."""
    from ..dns import DnsConfig, DnsServer

    settings = DnsConfig(host=config.node_ip, port=config.dns_port, zone=config.cluster_domain)
    return DnsServer(settings, client, clock=SYSTEM_CLOCK).serve
