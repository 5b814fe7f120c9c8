"""The node route controller: each node's pod range becomes a route in the cloud (flag --configure-cloud-routes).

    Node with podCIDRs ──▶ provider.list ──▶ plan ──▶ delete, create ──▶ condition NetworkUnavailable

All nodes are one key. The cloud's routes are compared whenever nodes change and every 10 s, as upstream does.
"""

import asyncio

from ...api.core import Node
from ...base.log import logger
from ...client.events import timestamp
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.sources import source
from ...reconcile.status_patches import patch_status
from ..provider import RETRY_SECONDS, CloudProvider, ProviderError, Route, Routes, asked
from .plan import cidrs_of, plan

log = logger(__name__)

_ALL = "routes"


class NodeRouteController:
    """See the module docstring; `sync_seconds` is --route-reconciliation-period."""

    def __init__(
        self,
        context: ControllerContext,
        provider: CloudProvider,
        cluster: str,
        cluster_cidrs: tuple[str, ...],
        sync_seconds: float = 10.0,
    ) -> None:
        """ValueError when the provider has no routes, or the cluster no range."""
        if provider.routes is None:
            raise ValueError("the cloud provider does not support routes")
        if not cluster_cidrs:
            raise ValueError("the range of the cluster's pods is not known")
        self._routes: Routes = provider.routes
        self._client = context.client
        self._clock = context.clock
        self._cluster = cluster
        self._cidrs = cluster_cidrs
        self._sync_seconds = sync_seconds
        self._recorder = context.recorder("route_controller")
        self._nodes = context.informers.of(Node)
        self._controller = context.controller("node_route", self._reconcile, workers=1)
        source(self._nodes, self._controller.enqueue, keys=lambda node: (_ALL,), when=_concerns)

    async def serve(self, ready: asyncio.Event) -> None:
        self._controller.enqueue(_ALL)
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        nodes = [node for node in self._nodes.list() if cidrs_of(node)]
        try:
            routes = await asked(self._routes.list(self._cluster))
        except ProviderError as error:
            log.warning("Routes not listed; trying again", err=error)
            return Result(self._sync_seconds)
        found = plan(nodes, routes, self._cidrs)
        for route in found.delete:
            try:
                await self._routes.delete(self._cluster, route)
            except Exception as error:
                log.error("Could not delete route", route=route.name, cidr=route.destination_cidr, err=error)
        by_name = {node.metadata.name or "": node for node in nodes}
        lacking: set[str] = set()
        for hint, route in found.create:
            if not await self._create(by_name[route.target_node], hint, route):
                lacking.add(route.target_node)
        for name, node in by_name.items():
            await self._tell(node, is_available=name not in lacking)
        return Result(RETRY_SECONDS if lacking else self._sync_seconds)

    async def _create(self, node: Node, hint: str, route: Route) -> bool:
        began = self._clock.monotonic()
        try:
            await self._routes.create(self._cluster, hint, route)
        except Exception as error:
            taken = f"{(self._clock.monotonic() - began) * 1000:.6g}ms"
            message = f"Could not create route {hint} {route.destination_cidr} for node {route.target_node}"
            self._recorder.warning(node, "FailedToCreateRoute", f"{message} after {taken}: {error}")
            return False
        return True

    async def _tell(self, node: Node, *, is_available: bool) -> None:
        status = "False" if is_available else "True"
        if any(c.type == "NetworkUnavailable" and c.status == status for c in node.status.conditions or ()):
            return
        now = timestamp(self._clock.now())
        condition = {
            "type": "NetworkUnavailable",
            "status": status,
            "reason": "RouteCreated" if is_available else "NoRouteCreated",
            "message": f"RouteController {'created' if is_available else 'failed to create'} a route",
            "lastTransitionTime": now,
            "lastHeartbeatTime": now,
        }
        await patch_status(self._client, node, {"conditions": [condition]})


def _concerns(old: Node | None, new: Node | None) -> bool:
    """Heartbeats concern nobody."""
    if old is None or new is None:
        return True
    return cidrs_of(old) != cidrs_of(new) or old.status.addresses != new.status.addresses
