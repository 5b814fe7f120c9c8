"""Cells of Services, Endpoints, EndpointSlices, Ingresses and their kin."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from .columns import dig

_WIDTH = 16


def _shortened(items: Iterable[str], limit: int = 3, *, empty: str = "<none>") -> str:
    found = list(items)
    if not found:
        return empty
    text = ",".join(found[:limit])
    return f"{text} + {len(found) - limit} more..." if len(found) > limit else text


def _ingress_points(obj: dict[str, Any]) -> list[str]:
    points = dig(obj, "status.loadBalancer.ingress") or ()
    return list(dict.fromkeys(str(p.get("ip") or p.get("hostname") or "") for p in points))


def service_cluster_ip(service: dict[str, Any], now: datetime) -> str:
    addresses = dig(service, "spec.clusterIPs") or ()
    return str(addresses[0]) if addresses else "<none>"


def service_external_ip(service: dict[str, Any], now: datetime) -> str:
    spec = service.get("spec") or {}
    external = list(spec.get("externalIPs") or ())
    kind = spec.get("type")
    if kind == "ExternalName":
        return str(spec.get("externalName") or "")
    if kind == "LoadBalancer":
        points = ",".join(_ingress_points(service))
        if len(points) > _WIDTH:
            points = points[: _WIDTH - 3] + "..."
        both = [text for text in (points, *external) if text]
        return ",".join(both) or "<pending>"
    return ",".join(external) or "<none>"


def service_ports(service: dict[str, Any], now: datetime) -> str:
    ports = dig(service, "spec.ports") or ()
    shown = (
        f"{p['port']}:{p['nodePort']}/{p['protocol']}" if p.get("nodePort") else f"{p['port']}/{p['protocol']}"
        for p in ports
    )
    return ",".join(shown) or "<none>"


def endpoints(obj: dict[str, Any], now: datetime) -> str:
    shown: list[str] = []
    for subset in obj.get("subsets") or ():
        addresses = [a["ip"] for a in subset.get("addresses") or ()]
        ports = subset.get("ports")
        if not ports:
            shown += addresses
        else:
            shown += [f"[{ip}]:{p['port']}" if ":" in ip else f"{ip}:{p['port']}" for p in ports for ip in addresses]
    return _shortened(shown)


def slice_ports(obj: dict[str, Any], now: datetime) -> str:
    ports = obj.get("ports") or ()
    return _shortened((str(p.get("port") or p.get("name") or "*") for p in ports), empty="<unset>")


def slice_endpoints(obj: dict[str, Any], now: datetime) -> str:
    addresses = [a for e in obj.get("endpoints") or () for a in e.get("addresses") or ()]
    return _shortened(addresses, empty="<unset>")


def ingress_hosts(obj: dict[str, Any], now: datetime) -> str:
    hosts = [r["host"] for r in dig(obj, "spec.rules") or () if r.get("host")]
    return _shortened(hosts, empty="*")


def ingress_address(obj: dict[str, Any], now: datetime) -> str:
    text = ",".join(_ingress_points(obj))
    return text[: _WIDTH - 3] + "..." if len(text) > _WIDTH else text


def ingress_ports(obj: dict[str, Any], now: datetime) -> str:
    return "80, 443" if dig(obj, "spec.tls") else "80"


def parent_reference(obj: dict[str, Any], now: datetime) -> str:
    parent = dig(obj, "spec.parentRef")
    if not parent:
        return "<none>"
    resource = ".".join(filter(None, (parent.get("resource"), parent.get("group"))))
    return "/".join(filter(None, (resource, parent.get("namespace"), parent.get("name"))))


def default_class_name(obj: dict[str, Any], now: datetime) -> str:
    """The name of a StorageClass or IngressClass, marked when it is the default."""
    meta = obj.get("metadata") or {}
    marks = meta.get("annotations") or {}
    default = any(
        marks.get(key) == "true"
        for key in (
            "storageclass.kubernetes.io/is-default-class",
            "storageclass.beta.kubernetes.io/is-default-class",
            "ingressclass.kubernetes.io/is-default-class",
        )
    )
    return f"{meta.get('name', '')} (default)" if default else str(meta.get("name", ""))


def class_parameters(obj: dict[str, Any], now: datetime) -> str:
    parameters = dig(obj, "spec.parameters")
    if not parameters:
        return "<none>"
    kind = ".".join(filter(None, (parameters.get("kind"), parameters.get("apiGroup"))))
    return f"{kind}/{parameters.get('name', '')}"
