"""The service controller: every Service of type LoadBalancer has one (concept page "Service", KEP-980).

    Service, Node, the provider's wake ──▶ key ──▶ decide (plan.py)
        ENSURE     finalizer ──▶ provider.ensure ──▶ status.loadBalancer
        UPDATE     provider.update (──▶ status)
        CLEAN_UP   provider.get, delete ──▶ finalizer and status go in one write

The finalizer is written before anything is made, so nothing is left behind whenever this process ends. What was done is
kept in memory only: a new process ensures every load balancer once. Failures are told in an event and repeated.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from ...api.codec import to_wire
from ...api.core import LoadBalancerStatus, Node, Service
from ...api.status import StatusError
from ...base.log import logger
from ...client.view import key_of, split_key
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.status_patches import patch_status
from ..provider import CloudProvider, ImplementedElsewhere, LoadBalancers, RetryLater
from .plan import (
    FINALIZER,
    Action,
    Hosts,
    Known,
    candidates,
    concerns,
    concerns_hosts,
    decide,
    has_finalizer,
    hosts_of,
    named,
    same_status,
    view_of,
)

log = logger(__name__)

NAME, SERVICE_ACCOUNT = "service-lb-controller", "service-controller"
CLUSTER_NAME = "kubernetes"
"""The name of a cluster whom nobody named otherwise."""
FIRST_RETRY_SECONDS = 5.0
LONGEST_RETRY_SECONDS = 300.0
_SYNC = "Error syncing load balancer"
_NO_NODES = "There are no available nodes for LoadBalancer"


class _Failed(Exception):
    """What could not be done, and the reason under which users are told so."""

    def __init__(self, what: str, cause: Exception, reason: str = "SyncLoadBalancerFailed") -> None:
        super().__init__(f"{what}: {cause}")
        self.cause = cause
        self.reason = reason


class ServiceController:
    """See the module docstring. Keys are those of Services."""

    def __init__(self, context: ControllerContext, provider: CloudProvider, cluster: str, workers: int = 1) -> None:
        """ValueError when the provider has no load balancers."""
        if provider.load_balancers is None:
            raise ValueError("the cloud provider does not support external load balancers")
        self._balancers: LoadBalancers = provider.load_balancers
        self._client = context.client
        self._cluster = cluster
        self._recorder = context.recorder("service-controller")
        self._known: dict[str, Known] = {}
        self._woken: set[str] = set()
        self._failures: dict[str, int] = {}
        self._services = context.informers.of(Service)
        self._nodes = context.informers.of(Node)
        self._controller = context.controller("service", self._reconcile, workers=workers)
        self._services.add_handler(self._service_changed)
        self._nodes.add_handler(self._node_changed)
        provider.follow(context.informers, self._wake)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _service_changed(self, old: Service | None, new: Service | None) -> None:
        service = new or old
        assert service is not None
        if concerns(old, new):
            self._controller.enqueue(key_of(service))

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if concerns_hosts(old, new):
            for key in self._known:
                self._controller.enqueue(key)

    def _wake(self, key: str) -> None:
        self._woken.add(key)
        self._controller.enqueue(key)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        service = self._services.get(name, namespace)
        known = self._known.get(key)
        is_woken = key in self._woken
        self._woken.discard(key)
        if known is not None and service is not None and known.service.metadata.uid != service.metadata.uid:
            # Deleted and made again under its name: the load balancer of the first one goes.
            self._controller.enqueue(key)
            return await self._attempt(key, known.service, self._clean_up(key, known.service, is_gone=True))
        nodes = candidates(self._nodes.list())
        hosts = hosts_of(nodes)
        match decide(service, known, hosts, is_woken=is_woken), service:
            case Action.CLEAN_UP, None if known is not None:
                return await self._attempt(key, known.service, self._clean_up(key, known.service, is_gone=True))
            case Action.CLEAN_UP, Service():
                return await self._attempt(key, service, self._clean_up(key, service))
            case Action.ENSURE, Service():
                return await self._attempt(key, service, self._ensure(key, service, nodes, hosts))
            case Action.UPDATE, Service():
                return await self._attempt(key, service, self._update(key, service, nodes, hosts))
        self._failures.pop(key, None)
        return None

    async def _attempt(self, key: str, service: Service, work: Coroutine[Any, Any, None]) -> Result | None:
        """Do it; what fails is told, and tried again in 5 s, 10 s, … 5 min."""
        try:
            await work
        except _Failed as failed:
            log.debug("Load balancer not synced", key=key, err=failed)
            count = self._failures[key] = self._failures.get(key, 0) + 1
            self._recorder.warning(service, failed.reason, str(failed))
            return Result(_delay(failed.cause, count))
        self._failures.pop(key, None)
        return None

    async def _ensure(self, key: str, service: Service, nodes: list[Node], hosts: Hosts) -> None:
        self._recorder.normal(service, "EnsuringLoadBalancer", "Ensuring load balancer")
        before = self._known.get(key)
        known = self._known[key] = Known(service, hosts=hosts, status=before.status if before else None)
        if not has_finalizer(service) and not await self._patch(
            service,
            f"{_SYNC}: failed to add load balancer cleanup finalizer",
            {},
            finalizers=[FINALIZER],
        ):
            return
        if not nodes:
            self._recorder.warning(service, "UnAvailableLoadBalancer", _NO_NODES)
        try:
            status = await self._balancers.ensure(self._cluster, service, nodes)
        except ImplementedElsewhere:
            known.view = view_of(service)
            return
        except Exception as error:
            if _has_address(service) and not await self._exists(service):
                await self._tell(known, service, LoadBalancerStatus())
            raise _Failed(f"{_SYNC}: failed to ensure load balancer", error) from error
        self._recorder.normal(service, "EnsuredLoadBalancer", "Ensured load balancer")
        await self._tell(known, service, status)
        known.view = view_of(service)

    async def _update(self, key: str, service: Service, nodes: list[Node], hosts: Hosts) -> None:
        known = self._known[key]
        try:
            status = await self._balancers.update(self._cluster, service, nodes)
        except ImplementedElsewhere:
            known.hosts = hosts
            return
        except Exception as error:
            await self._update_failed(key, service, hosts, error)
            return
        if known.hosts != hosts:
            if hosts:
                self._recorder.normal(service, "UpdatedLoadBalancer", "Updated load balancer with new hosts")
            else:
                self._recorder.warning(service, "UnAvailableLoadBalancer", _NO_NODES)
        if status is not None:
            await self._tell(known, service, status)
        known.hosts, known.service = hosts, service

    async def _update_failed(self, key: str, service: Service, hosts: Hosts, error: Exception) -> None:
        """It is a failure only while the load balancer exists."""
        if await self._exists(service):
            self._woken.add(key)
            what = f"Error updating load balancer with new hosts {named(hosts)}"
            what += f" [node names limited, total number of nodes: {len(hosts)}], error"
            raise _Failed(what, error, "UpdateLoadBalancerFailed") from error

    async def _clean_up(self, key: str, service: Service, *, is_gone: bool = False) -> None:
        if is_gone or await self._exists(service):
            self._recorder.normal(service, "DeletingLoadBalancer", "Deleting load balancer")
            try:
                await self._balancers.delete(self._cluster, service)
            except ImplementedElsewhere:
                pass
            except Exception as error:
                if is_gone:
                    raise _Failed("Error deleting load balancer", error, "DeleteLoadBalancerFailed") from error
                raise _Failed(f"{_SYNC}: failed to delete load balancer", error) from error
        if not is_gone:
            less = {"$deleteFromPrimitiveList/finalizers": [FINALIZER]} if has_finalizer(service) else {}
            what = f"{_SYNC}: failed to remove load balancer cleanup finalizer"
            await self._patch(service, what, {"loadBalancer": {"ingress": None}}, **less)
        self._recorder.normal(service, "DeletedLoadBalancer", "Deleted load balancer")
        self._known.pop(key, None)

    async def _exists(self, service: Service) -> bool:
        try:
            return await self._balancers.get(self._cluster, service) is not None
        except Exception as error:
            raise _Failed(f"{_SYNC}: failed to check if load balancer exists before cleanup", error) from error

    async def _tell(self, known: Known, service: Service, status: LoadBalancerStatus) -> None:
        """Write the status if it is news."""
        if not same_status(known.status or service.status.load_balancer, status):
            ingress = [to_wire(point) for point in status.ingress or ()] or None
            what = f"{_SYNC}: failed to update load balancer status"
            await self._patch(service, what, {"loadBalancer": {"ingress": ingress}})
        known.status = status

    async def _patch(self, service: Service, what: str, status: dict[str, Any], **metadata: Any) -> bool:
        """Write through the status, which every provider may do; False when the Service is gone by now."""
        try:
            return await patch_status(self._client, service, status, **metadata)
        except (StatusError, OSError, TimeoutError) as error:
            raise _Failed(what, error) from error


def _has_address(service: Service) -> bool:
    return bool(service.status.load_balancer.ingress)


def _delay(cause: Exception, failures: int) -> float:
    """How long to wait after so many failures in a row."""
    if isinstance(cause, RetryLater):
        return max(0.1, cause.seconds)
    return float(min(FIRST_RETRY_SECONDS * 2 ** (failures - 1), LONGEST_RETRY_SECONDS))
