"""The cloud's controllers by name, and the manager that runs those its provider can serve.

    manager = CloudControllerManager(client_for, provider("example"), CloudConfig())
    async with running("cloud-controller-manager", manager.serve): ...

Names and lease are upstream's. A controller whose interface the provider lacks does not run; one that was asked for by
name and cannot is an error.
"""

from collections.abc import Callable

import msgspec

from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from ..client.client import Client
from ..reconcile.config import ControllerManagerConfig
from ..reconcile.manager import ControllerManager, Registration
from .nodes.controller import CloudNodeController
from .nodes.lifecycle import CloudNodeLifecycleController
from .provider import CloudProvider
from .routes.controller import NodeRouteController
from .service.controller import CLUSTER_NAME, NAME, SERVICE_ACCOUNT, ServiceController

log = logger(__name__)

MANAGER = "cloud-controller-manager"
CONFIGURATION = "cloudcontrollermanager.config.k8s.io"
"""The name of the settings on `/configz`."""
CLOUD_NODE, LIFECYCLE = "cloud-node-controller", "cloud-node-lifecycle-controller"
SERVICE, ROUTE = NAME, "node-route-controller"
ALIASES = {"cloud-node": CLOUD_NODE, "cloud-node-lifecycle": LIFECYCLE, "service": SERVICE, "route": ROUTE}
"""Names of earlier releases, still accepted by `--controllers`."""


class CloudConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting, with the defaults of upstream's flags; durations in seconds."""

    controllers: tuple[str, ...] = ("*",)
    leader_elect: bool = True
    identity: str = ""
    cluster_name: str = CLUSTER_NAME
    cluster_cidrs: tuple[str, ...] = ()
    configure_cloud_routes: bool = True
    concurrent_service_syncs: int = 1
    node_status_update_seconds: float = 300.0
    node_monitor_seconds: float = 5.0
    route_reconciliation_seconds: float = 10.0


def registrations(provider: CloudProvider, config: CloudConfig) -> dict[str, Registration]:
    """The controllers that this provider can serve, in start order."""
    found: dict[str, Registration] = {}
    if provider.instances is not None:
        found[CLOUD_NODE] = Registration(
            lambda context: CloudNodeController(context, provider, config.node_status_update_seconds),
            "node-controller",
        )
        found[LIFECYCLE] = Registration(
            lambda context: CloudNodeLifecycleController(context, provider, config.node_monitor_seconds),
            "node-controller",
        )
    if provider.load_balancers is not None:
        found[SERVICE] = Registration(
            lambda context: ServiceController(context, provider, config.cluster_name, config.concurrent_service_syncs),
            SERVICE_ACCOUNT,
        )
    if provider.routes is not None and config.configure_cloud_routes and config.cluster_cidrs:
        found[ROUTE] = Registration(
            lambda context: NodeRouteController(
                context, provider, config.cluster_name, config.cluster_cidrs, config.route_reconciliation_seconds
            ),
            "route-controller",
        )
    return found


def selection(items: tuple[str, ...], served: "dict[str, Registration]") -> tuple[str, ...]:
    """The items of `--controllers` by today's names. ValueError when one names nothing, or what cannot run here."""
    found = []
    for item in items:
        name = ALIASES.get(item.removeprefix("-"), item.removeprefix("-"))
        if name not in (CLOUD_NODE, LIFECYCLE, SERVICE, ROUTE, "*"):
            raise ValueError(f"unknown controller {name!r}; known are: {', '.join(sorted(ALIASES.values()))}")
        if item.startswith("-"):
            found += [f"-{name}"] if name in served else []
        elif name == "*" or name in served:
            found.append(name)
        else:
            raise ValueError(f"controller {name!r} is not available: the cloud provider does not support it")
    return tuple(found)


class CloudControllerManager(ControllerManager):
    """Runs the selected ones under the lease `cloud-controller-manager`; `client_for` as for the generic manager."""

    def __init__(
        self,
        client_for: Callable[[str], Client],
        provider: CloudProvider,
        config: CloudConfig | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        settings = config or CloudConfig()
        served = registrations(provider, settings)
        generic = ControllerManagerConfig(
            controllers=selection(settings.controllers, served),
            leader_elect=settings.leader_elect,
            identity=settings.identity,
            cluster_cidrs=settings.cluster_cidrs,
        )
        super().__init__(client_for, generic, clock, controllers=served, name=MANAGER)
