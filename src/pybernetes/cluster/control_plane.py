"""The control plane in one process: store, API server, controllers, scheduler, the cluster's DNS server.

    running(store)
      running(apiserver)                 listening on loopback and the node's address
        controllers | scheduler | dns | metrics-server | add-ons      side by side, through in-process transports

Start order is nesting order; the API server is ready before anybody asks it, and the store closes last.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
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
from . import clients, features, metrics_server
from .addons import apply, cloud, dns, joining, metrics
from .config import ClusterConfig
from .pki import Pki
from .progress import Progress

if TYPE_CHECKING:
    from ..reconcile.manager import Registration
    from ..reconcile.manager_pages import ManagerPages
    from ..scheduler.config import SchedulerConfig
    from ..scheduler.monitoring import Monitoring

log = logger(__name__)

ADMIN = UserInfo("system:pybernetes", groups=(SYSTEM_MASTERS, "system:authenticated"))


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
    )


def open_store(config: ClusterConfig, *, memory: bool = False) -> Store:
    """The store of a control plane on one machine."""
    if memory:
        from ..store.memory import MemoryStore

        return MemoryStore()
    from ..store.sqlite import SqliteStore

    config.database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The watch cache has every object already; what is written again and again is found in this much.
    return SqliteStore(config.database, cache_bytes=4 * 1024 * 1024)


class ControlPlane:
    """`serve` runs it; `app` is its API server for components in the same process, once it is ready."""

    def __init__(self, config: ClusterConfig, pki: Pki, store: Store, progress: Progress | None = None) -> None:
        self._config = config
        self._pki = pki
        self._store = store
        self._progress = progress or Progress()
        self.server = make_server(config, pki, store)

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
            await stack.enter_async_context(running("apiserver", self.server.serve))
            if self._config.node_ip != "127.0.0.1":
                outer = self.server.listener(self._config.node_ip, self._config.api_port).serve
                await stack.enter_async_context(running("apiserver-node-address", outer))
            self._progress.tell("apiserver")
            ready.set()
            async with asyncio.TaskGroup() as group:
                for name, make in self._parts().items():
                    group.create_task(restarting(name, make)(asyncio.Event()), name=name)
                await apply.apply(self.admin, add_ons(self._config, self._pki))

    def _parts(self) -> dict[str, Callable[[], Serve]]:
        config, app = self._config, self.app
        parts: dict[str, Callable[[], Serve]] = {
            **controller_manager_parts(
                config, self._pki, lambda name: clients.in_process(app, clients.controller_user(name))
            ),
            **scheduler_parts(config, self._pki, clients.in_process(app, component("system:kube-scheduler"))),
        }
        if config.has_containers:
            parts["dns"] = lambda: dns_server(config, clients.in_process(app, component(dns.USER)))
            parts["metrics-server"] = lambda: metrics_server.after_the_start(
                config, self._pki, self.admin, clients.in_process(app, component(metrics.USER))
            )
        return parts


def add_ons(config: ClusterConfig, pki: Pki) -> list[dict[str, Any]]:
    """The objects that every cluster has besides what the API server makes by itself."""
    objects = joining.objects(config, pki.ca.certificate_pem)
    if config.has_containers:
        objects += dns.objects(config)
    if config.cloud_provider == "external":
        objects += cloud.objects()
    return objects


def make_server(
    config: ClusterConfig,
    pki: Pki,
    store: Store,
    adjust: Callable[[ApiServerConfig], ApiServerConfig] = lambda own: own,
) -> ApiServer:
    """The API server with its streaming subresources connected to the kubelets. `adjust` has the last word on its
    settings."""
    from ..apiserver.streams.handlers import build_streams
    from ..apiserver.streams.kubelet_dialer import KubeletDialer
    from ..base.x509 import client_context

    server = ApiServer(adjust(api_server_config(config, pki)), store)
    dialer = KubeletDialer(
        server.cache,
        tls=client_context(pki.ca.certificate_pem, pki.kubelet_client),
        insecure_tls=lambda: client_context(None, pki.kubelet_client),
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
        cluster_cidrs=(config.pod_cidr,),
        service_cidrs=(config.service_cidr,),
        node_monitor_grace_period_seconds=config.node_monitor_grace_period,
        root_ca=pki.ca.certificate_pem,
        signing_certificate=pki.ca.certificate_pem,
        signing_key=pki.ca.key_pem,
        service_account_key=pki.service_account_key,
    )
    manager = ControllerManager(client_for, settings, more=local_load_balancers(config))
    return manager.serve if pages is None else lambda ready: pages.follow(manager, ready)


def controller_manager_parts(
    config: ClusterConfig, pki: Pki, client_for: clients.ClientFor
) -> dict[str, Callable[[], Serve]]:
    """The controller manager; on a real node its health and metrics too, over HTTPS beside the ports of the kubelet."""
    if not config.has_containers:
        return {"controller-manager": lambda: controller_manager(config, pki, client_for)}
    from ..reconcile.manager_pages import ManagerPages

    pages = ManagerPages(client_for(clients.MANAGER), SYSTEM_CLOCK, client_ca=pki.ca.certificate_pem)
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
    return {
        config.api_port: "the API server",
        config.kubelet_port: "the kubelet",
        config.proxy_health_port: "the proxy",
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


def scheduler_parts(config: ClusterConfig, pki: Pki, client: Client) -> dict[str, Callable[[], Serve]]:
    """The scheduler; on a real node its health and metrics too, over HTTPS beside the ports of the kubelet."""
    if not config.has_containers:
        return {"scheduler": lambda: scheduler(config, client)}
    from ..scheduler.config import SchedulerConfig
    from ..scheduler.monitoring import Monitoring

    monitoring = Monitoring(SchedulerConfig(), client, SYSTEM_CLOCK, client_ca=pki.ca.certificate_pem)
    return {
        "scheduler": lambda: scheduler(config, client, None, monitoring),
        "scheduler-pages": lambda: monitoring.server("127.0.0.1", config.scheduler_port).serve,
    }


def dns_server(config: ClusterConfig, client: Client) -> Serve:
    """The cluster's DNS server, on the node's address."""
    from ..dns import DnsConfig, DnsServer

    settings = DnsConfig(host=config.node_ip, port=config.dns_port, zone=config.cluster_domain)
    return DnsServer(settings, client, clock=SYSTEM_CLOCK).serve
