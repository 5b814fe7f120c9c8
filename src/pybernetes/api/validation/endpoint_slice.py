"""EndpointSlices (discovery.k8s.io/v1)."""

from .. import field, names
from .addresses import endpoint_ip, family
from .object_meta import validate_labels
from .values import (
    PROTOCOLS,
    Errors,
    Object,
    each,
    immutable,
    label,
    one_of,
    one_of_if_set,
    qualified_name,
    same,
    subdomain,
)

_TYPES = ("FQDN", "IPv4", "IPv6")
_ENDPOINTS, _ADDRESSES, _PORTS, _TOPOLOGY, _HINTS = 1000, 100, 20000, 16, 8


def validate_create(endpoint_slice: Object) -> Errors:
    kind = endpoint_slice.get("addressType")
    errors = one_of(kind, _TYPES, "addressType")
    errors += _endpoints(endpoint_slice.get("endpoints") or [], kind or "")
    return errors + _ports(endpoint_slice.get("ports") or [])


def _endpoints(endpoints: list[Object], kind: str) -> Errors:
    if len(endpoints) > _ENDPOINTS:
        return [field.too_many("endpoints", len(endpoints), _ENDPOINTS)]
    errors: Errors = []
    for index, endpoint in enumerate(endpoints):
        path, addresses = f"endpoints[{index}]", endpoint.get("addresses") or []
        if not addresses:
            errors.append(field.required(f"{path}.addresses", "must contain at least 1 address"))
        elif len(addresses) > _ADDRESSES:
            errors.append(field.too_many(f"{path}.addresses", len(addresses), _ADDRESSES))
        for place, address in enumerate(addresses):
            errors += _address(address, kind, f"{path}.addresses[{place}]")
        if (node := endpoint.get("nodeName")) is not None:
            errors += each(f"{path}.nodeName", node, subdomain(node))
        if topology := endpoint.get("deprecatedTopology"):
            if len(topology) > _TOPOLOGY:
                errors.append(field.too_many(f"{path}.deprecatedTopology", len(topology), _TOPOLOGY))
            errors += validate_labels(topology, f"{path}.deprecatedTopology")
        if (name := endpoint.get("hostname")) is not None:
            errors += each(f"{path}.hostname", name, label(name))
        if hints := endpoint.get("hints"):
            errors += _zones(hints.get("forZones") or [], f"{path}.hints.forZones")
    return errors


def _address(address: str, kind: str, path: str) -> Errors:
    if kind == "FQDN":
        return each(path, address, names.fully_qualified_domain(address))
    if kind in ("IPv4", "IPv6"):
        if family(address) != (4 if kind == "IPv4" else 6):
            return [field.invalid(path, address, f"must be a valid {kind} address")]
        return endpoint_ip(address, path)
    return []


def _zones(zones: list[Object], path: str) -> Errors:
    if len(zones) > _HINTS:
        return [field.too_many(path, len(zones), _HINTS)]
    errors: Errors = []
    seen: set[str] = set()
    for index, zone in enumerate(zones):
        name = zone.get("name") or ""
        if name in seen:
            errors.append(field.duplicate(f"{path}[{index}]", name))
        seen.add(name)
        if not name:
            errors.append(field.required(f"{path}[{index}].name"))
    return errors


def _ports(ports: list[Object]) -> Errors:
    if len(ports) > _PORTS:
        return [field.too_many("ports", len(ports), _PORTS)]
    errors: Errors = []
    seen: set[str] = set()
    for index, port in enumerate(ports):
        path, name = f"ports[{index}]", port.get("name") or ""
        if name:
            errors += each(f"{path}.name", name, label(name))
        if name in seen:
            errors.append(field.duplicate(f"{path}.name", name))
        seen.add(name)
        errors += one_of(port.get("protocol"), PROTOCOLS, f"{path}.protocol")
        if (protocol := port.get("appProtocol")) is not None:
            errors += each(f"{path}.appProtocol", protocol, qualified_name(protocol))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    kind = new.get("addressType")
    errors = one_of_if_set(kind, (*_TYPES, "IP"), "addressType")
    if not same(new.get("endpoints"), old.get("endpoints")):
        errors += _endpoints(new.get("endpoints") or [], kind or "")
    errors += _ports(new.get("ports") or [])
    return errors + immutable(kind, old.get("addressType"), "addressType")
