"""The Endpoints controller: the older form of endpoint slices, one object per Service, at most 1000 addresses.

Addresses are grouped by the ports they serve. A pod that is not ready is listed apart unless the Service publishes not
ready addresses; a pod that is being deleted is left out. Only the Service's primary address family appears.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from ..api.core import EndpointAddress, EndpointPort, Endpoints, EndpointSubset, ObjectReference, Pod, Service
from ..api.meta import ObjectMeta
from ..api.status import StatusError, is_already_exists, is_conflict, is_not_found
from ..client.view import key_of, split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.pod_control import is_namespace_terminating
from ..reconcile.pods import is_ready, node_of, structs_equal
from ..reconcile.services import (
    HEADLESS_LABEL,
    addresses_of,
    can_be_endpoint,
    hostname_of,
    is_headless,
    is_ipv6,
    is_selecting,
    selects,
    services_touched,
    target_port,
)
from ..reconcile.sources import source

MAX_ADDRESSES = 1000
MANAGED_BY_LABEL = "endpoints.kubernetes.io/managed-by"
MANAGED_BY = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
LAST_CHANGE = "endpoints.kubernetes.io/last-change-trigger-time"

Ports = tuple[tuple[str, str, int, str | None], ...]


def subsets_of(service: Service, pods: Iterable[Pod]) -> tuple[list[EndpointSubset], bool]:
    """The subsets of a Service, and whether addresses had to be left out."""
    wants_ipv6 = bool(service.spec.ip_families) and service.spec.ip_families[0] == "IPv6"  # type: ignore[index]
    publish = bool(service.spec.publish_not_ready_addresses)
    groups: dict[Ports, tuple[list[EndpointAddress], list[EndpointAddress]]] = {}
    for pod in pods:
        if not can_be_endpoint(pod, include_terminating=publish):
            continue
        address = next((found for found in addresses_of(pod) if is_ipv6(found) == wants_ipv6), None)
        ports = _ports(pod, service)
        if address is None or (not ports and not is_headless(service)):
            continue
        ready, not_ready = groups.setdefault(ports, ([], []))
        (ready if publish or is_ready(pod) else not_ready).append(_address(pod, service, address))
    total = 0
    subsets = []
    for ports in sorted(groups):
        ready, not_ready = (sorted(group, key=lambda found: found.ip) for group in groups[ports])
        ready = ready[: MAX_ADDRESSES - total]
        total += len(ready)
        not_ready = not_ready[: MAX_ADDRESSES - total]
        total += len(not_ready)
        if not (ready or not_ready):
            continue
        subsets.append(
            EndpointSubset(
                addresses=ready or None,
                not_ready_addresses=not_ready or None,
                ports=[
                    EndpointPort(name=name or None, protocol=protocol, port=number, app_protocol=app_protocol)
                    for name, protocol, number, app_protocol in ports
                ]
                or None,
            )
        )
    counted = sum(len(ready) + len(not_ready) for ready, not_ready in groups.values())
    return subsets, counted > MAX_ADDRESSES


def _ports(pod: Pod, service: Service) -> Ports:
    found = []
    for port in service.spec.ports or ():
        number = target_port(pod, port)
        if number is not None:
            found.append((port.name or "", port.protocol or "TCP", number, port.app_protocol))
    return tuple(sorted(found, key=lambda entry: entry[:3]))


def _address(pod: Pod, service: Service, address: str) -> EndpointAddress:
    return EndpointAddress(
        ip=address,
        hostname=hostname_of(pod, service),
        node_name=node_of(pod) or None,
        target_ref=ObjectReference(
            kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid
        ),
    )


class EndpointsController:
    """See the module docstring. Keys are those of Services."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._recorder = context.recorder("endpoint-controller")
        self._services = context.informers.of(Service)
        self._pods = context.informers.of(Pod)
        self._endpoints = context.informers.of(Endpoints)
        self._controller = context.controller("endpoint", self._reconcile, workers=context.config.concurrent_reconciles)
        source(self._services, self._controller.enqueue)
        source(self._endpoints, self._controller.enqueue)
        self._pods.add_handler(self._pod_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        for service in services_touched(self._services.list(pod.metadata.namespace or ""), old, new):
            self._controller.enqueue(key_of(service))

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        service = self._services.get(name, namespace)
        current = self._endpoints.get(name, namespace)
        if service is None:
            if current is not None and (current.metadata.labels or {}).get(MANAGED_BY_LABEL) == MANAGED_BY:
                await self._delete(current)
            return None
        if not is_selecting(service) or service.metadata.deletion_timestamp is not None:
            return None
        pods = [pod for pod in self._pods.list(namespace) if selects(service, pod.metadata.labels)]
        subsets, over_capacity = subsets_of(service, pods)
        await self._write(service, current, subsets, over_capacity)
        return None

    async def _write(
        self, service: Service, current: Endpoints | None, subsets: list[EndpointSubset], over_capacity: bool
    ) -> None:
        labels = {**(service.metadata.labels or {}), MANAGED_BY_LABEL: MANAGED_BY}
        labels.pop(HEADLESS_LABEL, None)
        if is_headless(service):
            labels[HEADLESS_LABEL] = ""
        metadata = (
            current.metadata
            if current is not None
            else ObjectMeta(name=service.metadata.name, namespace=service.metadata.namespace)
        )
        annotations = dict(metadata.annotations or {})
        annotations.pop(OVER_CAPACITY, None)
        if over_capacity:
            annotations[OVER_CAPACITY] = "truncated"
        wanted = Endpoints(
            metadata=msgspec.structs.replace(metadata, labels=labels, annotations=annotations or None),
            subsets=subsets or None,
        )
        if current is not None and structs_equal(wanted, current):
            return
        try:
            if current is None:
                await self._client.create(wanted)
            else:
                await self._client.update(wanted)
        except StatusError as error:
            if is_namespace_terminating(error):
                return
            if is_conflict(error) or is_already_exists(error):
                # The cache was behind our own last write: not worth an event, the key comes back.
                raise
            reason = "FailedToCreateEndpoint" if current is None else "FailedToUpdateEndpoint"
            verb = "create" if current is None else "update"
            message = f"Failed to {verb} endpoint {service.metadata.namespace}/{service.metadata.name}: {error.message}"
            self._recorder.warning(wanted, reason, message)
            raise

    async def _delete(self, current: Endpoints) -> None:
        meta = current.metadata
        try:
            await self._client.delete(Endpoints, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise
