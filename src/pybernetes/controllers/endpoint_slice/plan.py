"""From pods to slices: pure decisions.

    pods ──endpoint_of──▶ endpoints grouped by address family and resolved ports ──pack──▶ Changes

`pack` disturbs as little as possible: an endpoint stays in the slice it is in, new ones go first to slices that change
anyway, then to the fullest one with room for all of them, then to new slices. Slices left without endpoints are
deleted; a Service without any endpoint has one empty slice per address family.
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ...api.core import ObjectReference, Pod, Service
from ...api.discovery import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from ...api.meta import ObjectMeta
from ...reconcile.ownership import controller_reference
from ...reconcile.pods import is_ready, node_of, structs_equal
from ...reconcile.services import (
    HEADLESS_LABEL,
    LAST_CHANGE,
    addresses_of,
    can_be_endpoint,
    hostname_of,
    is_headless,
    is_ipv6,
    target_port,
)

SERVICE_LABEL = "kubernetes.io/service-name"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
MANAGED_BY = "endpointslice-controller.k8s.io"
ZONE_LABEL = "topology.kubernetes.io/zone"

Ports = tuple[tuple[str, str, int | None, str | None], ...]
"""(name, protocol, port, appProtocol) of each port, sorted: the identity of a group of endpoints."""
Groups = dict[Ports, list[Endpoint]]


class Changes(msgspec.Struct):
    """What to write."""

    create: list[EndpointSlice] = []
    update: list[EndpointSlice] = []
    delete: list[EndpointSlice] = []


def address_types(service: Service) -> list[str]:
    """The address families of a Service: `IPv4`, `IPv6`."""
    families = service.spec.ip_families
    if families:
        return list(families)
    cluster_ip = service.spec.cluster_ip or ""
    return ["IPv6"] if ":" in cluster_ip else ["IPv4"]


def endpoint_of(pod: Pod, service: Service, address_type: str, zone: str | None) -> Endpoint | None:
    """The endpoint of a pod; None when it has no address of that family."""
    addresses = [address for address in addresses_of(pod) if is_ipv6(address) == (address_type == "IPv6")]
    if not addresses:
        return None
    serving = is_ready(pod)
    terminating = pod.metadata.deletion_timestamp is not None
    return Endpoint(
        addresses=addresses[:1],
        conditions=EndpointConditions(
            ready=bool(service.spec.publish_not_ready_addresses) or (serving and not terminating),
            serving=serving,
            terminating=terminating,
        ),
        hostname=hostname_of(pod, service),
        target_ref=ObjectReference(
            kind="Pod", namespace=pod.metadata.namespace, name=pod.metadata.name, uid=pod.metadata.uid
        ),
        node_name=node_of(pod) or None,
        zone=zone,
    )


def ports_of(pod: Pod, service: Service) -> Ports:
    """The Service's ports as this pod has them."""
    found = []
    for port in service.spec.ports or ():
        number = target_port(pod, port)
        if number is not None:
            found.append((port.name or "", port.protocol or "TCP", number, port.app_protocol))
    return tuple(sorted(found, key=lambda entry: (entry[0], entry[1], entry[2])))


def groups_of(service: Service, pods: Iterable[Pod], address_type: str, zones: Mapping[str, str]) -> Groups:
    """The wanted endpoints of one address family, by their ports. `zones` maps nodes to zones."""
    groups: Groups = {}
    for pod in pods:
        if not can_be_endpoint(pod, include_terminating=True):
            continue
        endpoint = endpoint_of(pod, service, address_type, zones.get(node_of(pod)))
        if endpoint is not None:
            groups.setdefault(ports_of(pod, service), []).append(endpoint)
    return groups


def labels_of(service: Service, current: Mapping[str, str] | None = None) -> dict[str, str]:
    """The labels of a Service's slices: the Service's own, and what names the Service and the manager."""
    labels = {name: value for name, value in (service.metadata.labels or {}).items() if name != HEADLESS_LABEL}
    if is_headless(service):
        labels[HEADLESS_LABEL] = ""
    labels[SERVICE_LABEL] = service.metadata.name or ""
    labels[MANAGED_BY_LABEL] = MANAGED_BY
    return labels


def pack(
    service: Service, address_type: str, groups: Groups, existing: Sequence[EndpointSlice], size: int, trigger: str
) -> Changes:
    """What turns the existing slices of one address family into the wanted groups.

    `trigger` is the instant of the change that caused this, noted in an annotation for latency measurements.
    """
    changes = Changes(create=[], update=[], delete=[])
    by_ports: dict[Ports, list[EndpointSlice]] = {}
    for found in existing:
        by_ports.setdefault(_ports_in(found), []).append(found)
    for ports, wanted in groups.items():
        _pack_group(service, address_type, ports, wanted, by_ports.pop(ports, []), size, trigger, changes)
    leftover = [found for group in by_ports.values() for found in group]
    if not groups:
        _keep_placeholder(service, address_type, leftover, trigger, changes)
    else:
        changes.delete += leftover
    return changes


def _pack_group(
    service: Service,
    address_type: str,
    ports: Ports,
    wanted: list[Endpoint],
    slices: list[EndpointSlice],
    size: int,
    trigger: str,
    changes: Changes,
) -> None:
    unplaced = {_key(endpoint): endpoint for endpoint in wanted}
    contents: dict[int, list[Endpoint]] = {}
    changed: set[int] = set()
    for number, found in enumerate(slices):
        kept: list[Endpoint] = []
        for endpoint in found.endpoints or ():
            fresh = unplaced.pop(_key(endpoint), None)
            if fresh is None:
                changed.add(number)
                continue
            if not structs_equal(endpoint, fresh):
                changed.add(number)
            kept.append(fresh)
        contents[number] = kept
        if not _is_labeled(service, found):
            changed.add(number)
    queue = list(unplaced.values())
    for number in sorted(changed, key=lambda index: len(contents[index]), reverse=True):
        room = size - len(contents[number])
        if room > 0 and queue and contents[number]:
            contents[number] += queue[:room]
            del queue[:room]
    while len(queue) >= size:
        changes.create.append(_new(service, address_type, ports, queue[:size], trigger))
        del queue[:size]
    if queue:
        fitting = [number for number in contents if len(contents[number]) + len(queue) <= size]
        if fitting:
            number = max(fitting, key=lambda index: len(contents[index]))
            contents[number] += queue
            changed.add(number)
        else:
            changes.create.append(_new(service, address_type, ports, queue, trigger))
    for number, found in enumerate(slices):
        if not contents[number]:
            changes.delete.append(found)
        elif number in changed:
            changes.update.append(_updated(service, found, contents[number], trigger))


def _keep_placeholder(
    service: Service, address_type: str, slices: list[EndpointSlice], trigger: str, changes: Changes
) -> None:
    """No endpoints at all: keep exactly one empty slice, so that consumers see "known, and empty"."""
    empty = next((found for found in slices if not found.endpoints and not found.ports), None)
    if empty is None:
        changes.create.append(_new(service, address_type, (), [], trigger))
    elif not _is_labeled(service, empty):
        changes.update.append(_updated(service, empty, [], trigger))
    changes.delete += [found for found in slices if found is not empty]


def _new(service: Service, address_type: str, ports: Ports, endpoints: list[Endpoint], trigger: str) -> EndpointSlice:
    name = service.metadata.name or ""
    return EndpointSlice(
        metadata=ObjectMeta(
            generate_name=name + "-",
            namespace=service.metadata.namespace,
            labels=labels_of(service),
            annotations={LAST_CHANGE: trigger} if trigger else None,
            owner_references=[controller_reference(service)],
        ),
        address_type=address_type,
        endpoints=endpoints,
        ports=[
            EndpointPort(name=port_name, protocol=protocol, port=number, app_protocol=app_protocol)
            for port_name, protocol, number, app_protocol in ports
        ],
    )


def _updated(service: Service, found: EndpointSlice, endpoints: list[Endpoint], trigger: str) -> EndpointSlice:
    annotations = dict(found.metadata.annotations or {})
    if trigger:
        annotations[LAST_CHANGE] = trigger
    metadata = msgspec.structs.replace(found.metadata, labels=labels_of(service), annotations=annotations or None)
    return msgspec.structs.replace(found, metadata=metadata, endpoints=endpoints)


def _is_labeled(service: Service, found: EndpointSlice) -> bool:
    return (found.metadata.labels or {}) == labels_of(service)


def _ports_in(found: EndpointSlice) -> Ports:
    ports = [(port.name or "", port.protocol or "TCP", port.port, port.app_protocol) for port in found.ports or ()]
    return tuple(sorted(ports, key=lambda entry: (entry[0], entry[1], entry[2] or 0)))


def _key(endpoint: Endpoint) -> tuple[object, ...]:
    reference = endpoint.target_ref
    return tuple(endpoint.addresses or ()), reference.uid if reference is not None else None
