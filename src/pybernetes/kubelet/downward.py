"""The downward API: what a pod may learn about itself through environment variables and files. Pure.

`field_value` answers `fieldRef`, `resource_value` answers `resourceFieldRef` (page "Downward API"). Addresses are not
in the pod's status yet when its first container starts, so the caller hands in `runtime_values` keyed by the field's
path (`status.podIP`, `status.podIPs`, `status.hostIP`, `status.hostIPs`, `spec.nodeName`), which win over the object.
"""

import re
from collections.abc import Mapping

from pybernetes.api import quantity
from pybernetes.api.core import Container, Pod

_SUBSCRIPT = re.compile(r"(metadata\.(?:labels|annotations))\['(.*)'\]")
_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


class DownwardError(Exception):
    """A field or resource the downward API does not offer; the message is fit for an event."""


def _quote(text: str) -> str:
    """A double-quoted literal, escaped the way Go's strconv.Quote does: what readers of labels files parse."""
    pieces = ['"']
    for character in text:
        if character in '"\\':
            pieces.append("\\" + character)
        elif character in _ESCAPES:
            pieces.append(_ESCAPES[character])
        elif character.isprintable():
            pieces.append(character)
        elif ord(character) < 0x80:
            pieces.append(f"\\x{ord(character):02x}")
        else:
            pieces.append(f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}")
    pieces.append('"')
    return "".join(pieces)


def format_map(values: Mapping[str, str]) -> str:
    """Labels or annotations as lines of `key="value"`, sorted, without a last newline."""
    return "\n".join(f"{key}={_quote(values[key])}" for key in sorted(values))


def field_value(pod: Pod, path: str, runtime_values: Mapping[str, str]) -> str:
    """The text of one field of the pod; "" for an absent one. DownwardError for a field that is not offered."""
    if path in runtime_values:
        return runtime_values[path]
    meta, spec, status = pod.metadata, pod.spec, pod.status
    match = _SUBSCRIPT.fullmatch(path)
    if match:
        name, key = match.groups()
        values = meta.labels if name == "metadata.labels" else meta.annotations
        return (values or {}).get(key, "")
    match path:
        case "metadata.name":
            return meta.name or ""
        case "metadata.namespace":
            return meta.namespace or ""
        case "metadata.uid":
            return meta.uid or ""
        case "metadata.labels":
            return format_map(meta.labels or {})
        case "metadata.annotations":
            return format_map(meta.annotations or {})
        case "spec.nodeName":
            return spec.node_name or ""
        case "spec.serviceAccountName":
            return spec.service_account_name or ""
        case "status.hostIP":
            return status.host_ip or ""
        case "status.hostIPs":
            return ",".join(entry.ip or "" for entry in status.host_ips or ())
        case "status.podIP":
            return status.pod_ip or ""
        case "status.podIPs":
            return ",".join(entry.ip or "" for entry in status.pod_ips or ())
    raise DownwardError(f"unsupported fieldPath: {path}")


def container_named(pod: Pod, name: str) -> Container:
    """A container or init container of the pod. DownwardError when there is none of that name."""
    containers: list[Container] = [*(pod.spec.containers or ()), *(pod.spec.init_containers or ())]
    for container in containers:
        if container.name == name:
            return container
    raise DownwardError(f"container {name} not found")


def resource_value(
    pod: Pod, container: Container, resource: str, divisor: str, node_allocatable: Mapping[str, str]
) -> str:
    """The amount of `limits.cpu`, `requests.memory`, ... in units of divisor, rounded up.

    A missing limit of cpu, memory or ephemeral-storage is what the node can give; a missing request is 0."""
    side, _, name = resource.partition(".")
    if side not in ("limits", "requests") or not name:
        raise DownwardError(f"unsupported container resource : {resource}")
    if name not in ("cpu", "memory", "ephemeral-storage") and not name.startswith("hugepages-"):
        raise DownwardError(f"unsupported container resource : {resource}")
    amounts: Mapping[str, str] = {}
    if container.resources is not None:
        amounts = (container.resources.limits if side == "limits" else container.resources.requests) or {}
    amount = amounts.get(name)
    if amount is None and side == "limits":
        amount = node_allocatable.get(name)
    measure = quantity.milli if name == "cpu" else quantity.value
    unit = measure(divisor) if divisor else 0
    if unit == 0:
        unit = measure("1")
    return str(-(-measure(amount or "0") // unit))
