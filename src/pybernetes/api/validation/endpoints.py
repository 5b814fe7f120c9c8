"""Endpoints (core/v1): addresses and ports by hand or by the endpoints controller."""

from .. import field
from .addresses import endpoint_ip, ip
from .values import (
    PROTOCOLS,
    Errors,
    Object,
    each,
    label,
    one_of,
    port_number,
    qualified_name,
    same,
    subdomain,
)


def validate_create(endpoints: Object) -> Errors:
    errors: Errors = []
    for index, subset in enumerate(endpoints.get("subsets") or ()):
        path = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.append(field.required(path, "must specify `addresses` or `notReadyAddresses`"))
        for key in ("addresses", "notReadyAddresses"):
            for place, address in enumerate(subset.get(key) or ()):
                errors += _address(address, f"{path}.{key}[{place}]")
        ports = subset.get("ports") or []
        for place, port in enumerate(ports):
            errors += _port(port, f"{path}.ports[{place}]", name_required=len(ports) > 1)
    return errors


def _address(address: Object, path: str) -> Errors:
    text = address.get("ip") or ""
    errors = ip(text, f"{path}.ip")
    if name := address.get("hostname"):
        errors += each(f"{path}.hostname", name, label(name))
    if (name := address.get("nodeName")) is not None:
        errors += each(f"{path}.nodeName", name, subdomain(name))
    return errors + endpoint_ip(text, f"{path}.ip")


def _port(port: Object, path: str, *, name_required: bool) -> Errors:
    errors: Errors = []
    name = port.get("name") or ""
    if name:
        errors += each(f"{path}.name", name, label(name))
    elif name_required:
        errors.append(field.required(f"{path}.name"))
    errors += port_number(port.get("port") or 0, f"{path}.port")
    errors += one_of(port.get("protocol"), PROTOCOLS, f"{path}.protocol")
    if (protocol := port.get("appProtocol")) is not None:
        errors += each(f"{path}.appProtocol", protocol, qualified_name(protocol))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return [] if same(new.get("subsets"), old.get("subsets")) else validate_create(new)
