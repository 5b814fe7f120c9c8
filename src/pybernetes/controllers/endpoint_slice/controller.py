"""The shell of the EndpointSlice controller.

    Service, Pod (by selector), Node (zone), EndpointSlice (by owner) ──▶ key of the Service ──▶ pack ──▶ writes

Slices get generated names, so the key waits until the cache shows our own last writes (`reconcile/written.py`).
"""

import asyncio

from ...api.core import Node, Pod, Service
from ...api.discovery import EndpointSlice
from ...api.status import StatusError, is_conflict, is_not_found
from ...client.view import key_of, split_key
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.pod_control import is_namespace_terminating
from ...reconcile.services import is_selecting, selects, services_touched
from ...reconcile.sources import source
from ...reconcile.written import Written
from .hints import is_automatic, shares_of, with_distribution, with_shares
from .plan import (
    MANAGED_BY,
    MANAGED_BY_LABEL,
    SERVICE_LABEL,
    ZONE_LABEL,
    Changes,
    Groups,
    address_types,
    groups_of,
    pack,
)

BY_SERVICE = "service"
STALE_CACHE_SECONDS = 1.0


class EndpointSliceController:
    """See the module docstring. Keys are those of Services."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._size = context.config.max_endpoints_per_slice
        self._recorder = context.recorder("endpoint-slice-controller")
        self._services = context.informers.of(Service)
        self._pods = context.informers.of(Pod)
        self._nodes = context.informers.of(Node)
        self._slices = context.informers.of(EndpointSlice)
        self._slices.add_index(BY_SERVICE, lambda found: filter(None, (_service_key(found),)))
        self._written = Written()
        self._waiting: set[str] = set()
        self._hinted: dict[str, str] = {}
        self._controller = context.controller(
            "endpoint_slice", self._reconcile, workers=context.config.concurrent_reconciles
        )
        source(self._services, self._controller.enqueue)
        self._pods.add_handler(self._pod_changed)
        self._nodes.add_handler(self._node_changed)
        self._slices.add_handler(self._slice_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        for service in services_touched(self._services.list(pod.metadata.namespace or ""), old, new):
            self._controller.enqueue(key_of(service))

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        has_moved = _zone(old) != _zone(new)
        if not has_moved and _capacity(old) == _capacity(new):
            return
        for service in self._services.list():
            if is_selecting(service) and (has_moved or is_automatic(service)):
                self._controller.enqueue(key_of(service))

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        found = new or old
        assert found is not None
        key = _service_key(found)
        if not key:
            return
        if new is None:
            self._written.forget(key, found.metadata.name or "")
        elif key not in self._waiting and self._written.is_own(key, new):
            # Our own write that comes back is of interest only to a run that waited for it.
            return
        self._controller.enqueue(key)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        service = self._services.get(name, namespace)
        if service is None:
            self._written.forget(key)
            self._waiting.discard(key)
            self._hinted.pop(key, None)
            for found in self._slices.by_index(BY_SERVICE, key):
                await self._delete(found)
            return None
        if not is_selecting(service) or service.metadata.deletion_timestamp is not None:
            return None
        slices = self._slices.by_index(BY_SERVICE, key)
        if self._written.is_stale(key, slices):
            self._waiting.add(key)
            return Result(STALE_CACHE_SECONDS)
        self._waiting.discard(key)
        pods = [pod for pod in self._pods.list(namespace) if selects(service, pod.metadata.labels)]
        zones = {node.metadata.name or "": zone for node in self._nodes.list() if (zone := _zone(node))}
        trigger = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        types = address_types(service)
        for address_type in types:
            existing = [found for found in slices if found.address_type == address_type]
            groups = self._with_hints(key, service, address_type, groups_of(service, pods, address_type, zones))
            await self._apply(key, service, pack(service, address_type, groups, existing, self._size, trigger))
        for found in slices:
            if found.address_type not in types:
                await self._delete(found)
        return None

    def _with_hints(self, key: str, service: Service, address_type: str, groups: Groups) -> Groups:
        """The endpoints with the hints the Service asks for; events tell when shares by zone begin or end."""
        if not is_automatic(service):
            self._hinted.pop(key, None)
            return {ports: with_distribution(service, endpoints) for ports, endpoints in groups.items()}
        shares = shares_of(self._nodes.list())
        hinted: Groups = {}
        problem = ""
        for ports, endpoints in groups.items():
            hinted[ports], found = with_shares(endpoints, shares)
            problem = problem or found
        state = problem or "enabled"
        if groups and self._hinted.get(key) != state:
            self._hinted[key] = state
            if problem:
                message = f"Topology Aware Hints has been disabled, addressType: {address_type}, {problem}"
                self._recorder.warning(service, "TopologyAwareHintsDisabled", message)
            else:
                message = f"Topology Aware Hints has been enabled, addressType: {address_type}"
                self._recorder.normal(service, "TopologyAwareHintsEnabled", message)
        return hinted

    async def _apply(self, key: str, service: Service, changes: Changes) -> None:
        try:
            for fresh in changes.create:
                self._written.note(key, await self._client.create(fresh))
            for changed in changes.update:
                self._written.note(key, await self._client.update(changed))
        except StatusError as error:
            if is_namespace_terminating(error):
                return
            if is_conflict(error):
                raise
            self._recorder.warning(
                service,
                "FailedToUpdateEndpointSlices",
                f"Error updating Endpoint Slices for Service {key}: {error.message}",
            )
            raise
        for found in changes.delete:
            self._written.forget(key, found.metadata.name or "")
            await self._delete(found)

    async def _delete(self, found: EndpointSlice) -> None:
        meta = found.metadata
        try:
            await self._client.delete(EndpointSlice, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise


def _service_key(found: EndpointSlice) -> str:
    """The Service a slice of ours belongs to; "" for slices of others."""
    labels = found.metadata.labels or {}
    if labels.get(MANAGED_BY_LABEL) != MANAGED_BY or not labels.get(SERVICE_LABEL):
        return ""
    return f"{found.metadata.namespace}/{labels[SERVICE_LABEL]}"


def _capacity(node: Node | None) -> tuple[object, ...]:
    """What a node adds to its zone's share."""
    if node is None:
        return ()
    ready = [found.status for found in node.status.conditions or () if found.type == "Ready"]
    return ready, (node.status.allocatable or {}).get("cpu")


def _zone(node: Node | None) -> str:
    return ((node.metadata.labels or {}) if node is not None else {}).get(ZONE_LABEL, "")
