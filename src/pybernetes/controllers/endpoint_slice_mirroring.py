"""EndpointSlice mirroring: Endpoints that users write appear as slices too (KEP-752).

    Endpoints of a Service without selector ─▶ one slice per address family and set of ports, owned by the Endpoints

Consumers need to know slices only. Endpoints labeled `endpointslice.kubernetes.io/skip-mirror: "true"`, and those that
serve as a lock of a leader election, are left out. At most 1000 addresses of a subset are mirrored.
"""

import asyncio
from collections.abc import Iterable
from ipaddress import ip_address

import msgspec

from ..api.core import EndpointAddress, Endpoints, EndpointSubset, Service
from ..api.discovery import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from ..api.meta import ObjectMeta
from ..api.status import StatusError, is_conflict, is_not_found
from ..client.view import split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.ownership import controller_reference
from ..reconcile.pod_control import is_namespace_terminating
from ..reconcile.pods import structs_equal
from ..reconcile.sources import source
from ..reconcile.written import Written

SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGED_BY = "endpointslicemirroring-controller.k8s.io"
SKIP_LABEL = "endpointslice.kubernetes.io/skip-mirror"
LEADER_ANNOTATION = "control-plane.alpha.kubernetes.io/leader"
NOT_MIRRORED = frozenset(
    {"endpoints.kubernetes.io/last-change-trigger-time", "kubectl.kubernetes.io/last-applied-configuration"}
)
MAX_ADDRESSES = 1000
BY_SERVICE = "mirrored service"
STALE_CACHE_SECONDS = 1.0

Group = tuple[str, tuple[tuple[str, int, str, str | None], ...]]
"""(address type, ports as (name, port, protocol, appProtocol)): what shares a slice."""


class Mirrored(msgspec.Struct):
    """What the Endpoints amount to, and how many addresses had to be left out."""

    groups: dict[Group, list[Endpoint]] = {}
    invalid: int = 0
    skipped: int = 0


def is_mirrored(endpoints: Endpoints) -> bool:
    """Whether these Endpoints want to be mirrored."""
    meta = endpoints.metadata
    return (meta.labels or {}).get(SKIP_LABEL) != "true" and LEADER_ANNOTATION not in (meta.annotations or {})


def mirror(endpoints: Endpoints) -> Mirrored:
    """The endpoints of every slice, by address family and ports."""
    found = Mirrored(groups={})
    for subset in endpoints.subsets or ():
        taken = 0
        for address, ready in _addresses(subset):
            if taken >= MAX_ADDRESSES:
                found.skipped += 1
                continue
            try:
                family = f"IPv{ip_address(address.ip).version}"
            except ValueError:
                found.invalid += 1
                continue
            taken += 1
            found.groups.setdefault((family, _ports(subset)), []).append(_endpoint(address, ready))
    return found


def _addresses(subset: EndpointSubset) -> Iterable[tuple[EndpointAddress, bool]]:
    for address in subset.addresses or ():
        yield address, True
    for address in subset.not_ready_addresses or ():
        yield address, False


def _ports(subset: EndpointSubset) -> tuple[tuple[str, int, str, str | None], ...]:
    ports = [
        (port.name or "", port.port or 0, port.protocol or "TCP", port.app_protocol) for port in subset.ports or ()
    ]
    return tuple(sorted(ports, key=lambda port: port[:3]))


def _endpoint(address: EndpointAddress, ready: bool) -> Endpoint:
    return Endpoint(
        addresses=[address.ip],
        conditions=EndpointConditions(ready=ready),
        hostname=address.hostname,
        node_name=address.node_name,
        target_ref=address.target_ref,
    )


def slice_for(
    endpoints: Endpoints, group: Group, members: list[Endpoint], existing: EndpointSlice | None
) -> EndpointSlice:
    """The slice of one group: a new one, or the existing one brought up to date."""
    meta = endpoints.metadata
    labels = {**(meta.labels or {}), SERVICE_LABEL: meta.name or "", MANAGED_BY_LABEL: MANAGED_BY}
    annotations = {name: text for name, text in (meta.annotations or {}).items() if name not in NOT_MIRRORED}
    if existing is not None:
        metadata = msgspec.structs.replace(existing.metadata, labels=labels, annotations=annotations or None)
        return msgspec.structs.replace(existing, metadata=metadata, endpoints=members)
    return EndpointSlice(
        metadata=ObjectMeta(
            generate_name=f"{meta.name}-",
            namespace=meta.namespace,
            labels=labels,
            annotations=annotations or None,
            owner_references=[controller_reference(endpoints)],
        ),
        address_type=group[0],
        endpoints=members,
        ports=[
            EndpointPort(name=name, port=port, protocol=protocol, app_protocol=app_protocol)
            for name, port, protocol, app_protocol in group[1]
        ],
    )


def group_of(found: EndpointSlice) -> Group:
    """The group a slice was made for."""
    ports = [(port.name or "", port.port or 0, port.protocol or "TCP", port.app_protocol) for port in found.ports or ()]
    return found.address_type, tuple(sorted(ports, key=lambda port: port[:3]))


class EndpointSliceMirroring:
    """See the module docstring. Keys are those of Endpoints (and of their Services)."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._recorder = context.recorder("endpoint-slice-mirroring-controller")
        self._endpoints = context.informers.of(Endpoints)
        self._services = context.informers.of(Service)
        self._slices = context.informers.of(EndpointSlice)
        self._slices.add_index(BY_SERVICE, lambda found: filter(None, (_service_key(found),)))
        self._written = Written()
        self._controller = context.controller("endpoint_slice_mirroring", self._reconcile)
        source(self._endpoints, self._controller.enqueue)
        source(self._services, self._controller.enqueue, when=_selection_changed)
        self._slices.add_handler(self._slice_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _slice_changed(self, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        found = new or old
        assert found is not None
        key = _service_key(found)
        if not key:
            return
        if new is None:
            self._written.forget(key, found.metadata.name or "")
        elif self._written.is_own(key, new):
            return
        self._controller.enqueue(key)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        slices = self._slices.by_index(BY_SERVICE, key)
        endpoints = self._endpoints.get(name, namespace)
        service = self._services.get(name, namespace)
        if endpoints is None or service is None or service.spec.selector or not is_mirrored(endpoints):
            for found in slices:
                await self._delete(found)
            self._written.forget(key)
            return None
        if endpoints.metadata.deletion_timestamp is not None:
            return None
        if self._written.is_stale(key, slices):
            return Result(STALE_CACHE_SECONDS)
        mirrored = mirror(endpoints)
        self._tell(endpoints, mirrored)
        await self._apply(key, endpoints, mirrored, slices)
        return None

    def _tell(self, endpoints: Endpoints, mirrored: Mirrored) -> None:
        if mirrored.invalid:
            message = f"Skipped {mirrored.invalid} invalid IP addresses when mirroring to EndpointSlices"
            self._recorder.warning(endpoints, "InvalidIPAddress", message)
        if mirrored.skipped:
            message = (
                f"A max of {MAX_ADDRESSES} addresses can be mirrored to EndpointSlices per Endpoints subset. "
                f"{mirrored.skipped} addresses were skipped"
            )
            self._recorder.warning(endpoints, "TooManyAddressesToMirror", message)

    async def _apply(self, key: str, endpoints: Endpoints, mirrored: Mirrored, slices: list[EndpointSlice]) -> None:
        unused = {found.metadata.name: found for found in slices}
        for group, members in mirrored.groups.items():
            existing = next((found for found in unused.values() if group_of(found) == group), None)
            if existing is not None:
                del unused[existing.metadata.name]
            wanted = slice_for(endpoints, group, members, existing)
            if existing is None or not structs_equal(existing, wanted):
                await self._write(key, endpoints, wanted, is_new=existing is None)
        for found in unused.values():
            self._written.forget(key, found.metadata.name or "")
            await self._delete(found)

    async def _write(self, key: str, endpoints: Endpoints, wanted: EndpointSlice, *, is_new: bool) -> None:
        try:
            written = await (self._client.create(wanted) if is_new else self._client.update(wanted))
        except StatusError as error:
            if is_namespace_terminating(error):
                return
            if not is_conflict(error):
                message = f"Error updating Endpoint Slices for Endpoints {key}: {error.message}"
                self._recorder.warning(endpoints, "FailedToUpdateEndpointSlices", message)
            raise
        self._written.note(key, written)

    async def _delete(self, found: EndpointSlice) -> None:
        meta = found.metadata
        try:
            await self._client.delete(EndpointSlice, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise


def _selection_changed(old: Service | None, new: Service | None) -> bool:
    return old is None or new is None or bool(old.spec.selector) != bool(new.spec.selector)


def _service_key(found: EndpointSlice) -> str:
    """The Endpoints a slice of ours mirrors; "" for slices of others."""
    labels = found.metadata.labels or {}
    if labels.get(MANAGED_BY_LABEL) != MANAGED_BY or not labels.get(SERVICE_LABEL):
        return ""
    return f"{found.metadata.namespace}/{labels[SERVICE_LABEL]}"
