"""Services and their endpoints, ingresses, addresses."""

from __future__ import annotations

from ..errors import StatusFailure, text_of
from .words import flag, joined, label_text, or_unset
from .writer import Context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..objects.item import Item

_ENDPOINTS_SHOWN = 3


def _slices(context: Context, namespace: str, service: str) -> list[dict[str, Any]]:
    """The EndpointSlices of a service. StatusFailure."""
    where = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"
    return context.listed(where, ("labelSelector", f"kubernetes.io/service-name={service}"))


def _endpoints_text(slices: list[dict[str, Any]], port_name: str) -> str:
    """`10.0.0.1:80,10.0.0.2:80 + 3 more...` for the ports of a name; of an endpoint the first address."""
    if not slices:
        return "<none>"
    shown: list[str] = []
    count, more = 0, False
    for endpoint, port in _pairs(slices, port_name):
        more = more or len(shown) == _ENDPOINTS_SHOWN
        if (endpoint.get("conditions") or {}).get("ready") is False:
            continue
        count += 1
        if not more:
            address = endpoint["addresses"][0]
            host = f"[{address}]" if ":" in address and port is not None else address
            shown.append(host if port is None else f"{host}:{port}")
    return ",".join(shown) + (f" + {count - _ENDPOINTS_SHOWN} more..." if more else "")


def _pairs(slices: list[dict[str, Any]], port_name: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each endpoint with each port of the name; without a port where the slice has none."""
    for one in slices:
        ports = [port.get("port", 0) for port in one.get("ports") or () if (port.get("name") or "") == port_name]
        for port in ports if one.get("ports") else (None,):
            for endpoint in one.get("endpoints") or ():
                yield endpoint, port


def service(context: Context, item: Item) -> None:
    spec, status = context.head(item)
    context.field("Selector", label_text(spec.get("selector")))
    context.field("Type", spec.get("type", ""))
    if spec.get("ipFamilyPolicy"):
        context.field("IP Family Policy", spec["ipFamilyPolicy"])
    context.field("IP Families", joined(spec.get("ipFamilies"), ",") or "<none>")
    context.field("IP", spec.get("clusterIP", ""))
    context.field("IPs", joined(spec.get("clusterIPs"), ",") or "<none>")
    ingress = (status.get("loadBalancer") or {}).get("ingress") or []
    _optional(
        context,
        ("External IPs", joined(spec.get("externalIPs"), ",")),
        ("Desired LoadBalancer IP", spec.get("loadBalancerIP")),
        ("External Name", spec.get("externalName")),
        ("LoadBalancer Ingress", joined(_ingress_point(point) for point in ingress)),
    )
    try:
        slices = _slices(context, item.namespace, item.name)
    except StatusFailure:
        slices = []
    for port in spec.get("ports") or ():
        name, protocol = port.get("name") or "<unset>", port.get("protocol", "TCP")
        context.field("Port", f"{name}\t{port['port']}/{protocol}")
        context.field("TargetPort", f"{port.get('targetPort', 0)}/{protocol}")
        if port.get("nodePort"):
            context.field("NodePort", f"{name}\t{port['nodePort']}/{protocol}")
        context.field("Endpoints", _endpoints_text(slices, port.get("name") or ""))
    context.field("Session Affinity", spec.get("sessionAffinity", ""))
    _optional(
        context,
        ("External Traffic Policy", spec.get("externalTrafficPolicy")),
        ("Internal Traffic Policy", spec.get("internalTrafficPolicy")),
        ("HealthCheck NodePort", spec.get("healthCheckNodePort")),
        ("LoadBalancer Source Ranges", joined(spec.get("loadBalancerSourceRanges"), ",")),
        ("Traffic Distribution", spec.get("trafficDistribution")),
    )
    context.events(item)


def _optional(context: Context, *pairs: tuple[str, Any]) -> None:
    context.fields((title, value) for title, value in pairs if value)


def _ingress_point(point: dict[str, Any]) -> str:
    if not point.get("ip"):
        return str(point.get("hostname", ""))
    return f"{point['ip']} ({point['ipMode']})" if point.get("ipMode") else str(point["ip"])


def endpoints(context: Context, item: Item) -> None:
    context.head(item)
    context.line(0, "Subsets:")
    for subset in item.obj.get("subsets") or ():
        for title, key in (("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")):
            context.field(title, joined((one["ip"] for one in subset.get(key) or ()), ",") or "<none>", 1)
        ports = subset.get("ports") or []
        if ports:
            context.line(1, "Ports:")
            _ports(context, ports, 2)
        context.line(0, "")
    context.events(item)


def _ports(context: Context, ports: list[dict[str, Any]], level: int) -> None:
    rows = [(one.get("name") or "<unset>", or_unset(one.get("port")), one.get("protocol", "TCP")) for one in ports]
    context.table(level, "Name|Port|Protocol", rows)


def endpoint_slice(context: Context, item: Item) -> None:
    context.head(item)
    context.field("AddressType", item.obj.get("addressType", ""))
    ports, found = item.obj.get("ports") or [], item.obj.get("endpoints") or []
    context.line(0, "Ports:" if ports else "Ports: <unset>")
    if ports:
        _ports(context, ports, 1)
    context.line(0, "Endpoints:" if found else "Endpoints: <none>")
    for endpoint in found:
        context.field("- Addresses", joined(endpoint.get("addresses")) or "<none>", 1)
        context.line(2, "Conditions:")
        ready = (endpoint.get("conditions") or {}).get("ready")
        context.field("Ready", "<unset>" if ready is None else flag(ready), 3)
        context.field("Hostname", or_unset(endpoint.get("hostname")), 2)
        target = endpoint.get("targetRef")
        if target is not None:
            context.field("TargetRef", f"{target.get('kind', '')}/{target.get('name', '')}", 2)
        context.field("NodeName", or_unset(endpoint.get("nodeName")), 2)
        context.field("Zone", or_unset(endpoint.get("zone")), 2)
    context.events(item)


def ingress(context: Context, item: Item) -> None:
    obj = item.obj
    spec = obj.get("spec") or {}
    context.named(item, namespaced=False)
    context.labels("Labels", obj["metadata"].get("labels"))
    context.field("Namespace", item.namespace)
    points = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    context.field(
        "Address", ",".join(sorted({str(one.get("ip") or one.get("hostname") or "") for one in points} - {""}))
    )
    context.field("Ingress Class", spec.get("ingressClassName") or "<none>")
    default = _backend(context, spec["defaultBackend"], item.namespace) if spec.get("defaultBackend") else "<default>"
    context.field("Default backend", default)
    if spec.get("tls"):
        context.line(0, "TLS:")
        for entry in spec["tls"]:
            hosts, secret = joined(entry.get("hosts"), ","), entry.get("secretName")
            context.line(1, f"{secret} terminates {hosts}" if secret else f"SNI routes {hosts}")
    context.line(0, "Rules:")
    rules = [rule for rule in spec.get("rules") or () if rule.get("http")]
    context.table(1, "Host|Path|Backends", () if rules else [("*", "*", default)])
    for rule in rules:
        context.line(1, f"{rule.get('host') or '*'}\t")
        for path in rule["http"].get("paths") or ():
            context.line(2, f"\t{path.get('path') or ''} \t{_backend(context, path['backend'], item.namespace)}")
    context.annotations(obj["metadata"].get("annotations"))
    context.events(item)


def _backend(context: Context, backend: dict[str, Any], namespace: str) -> str:
    found = backend.get("service")
    if not found:
        resource = backend.get("resource")
        if resource is None:
            return ""
        group = resource.get("apiGroup") or "<none>"
        return f"APIGroup: {group}, Kind: {resource.get('kind', '')}, Name: {resource.get('name', '')}"
    wanted = found.get("port") or {}
    shown = f"{found['name']}:{wanted.get('number') or wanted.get('name') or ''}"
    try:
        slices = _slices(context, namespace, found["name"])
        known = context.session.client.get(f"/api/v1/namespaces/{namespace}/services/{found['name']}")
    except StatusFailure as error:
        return f"{shown} (<error: {text_of(error).partition(': ')[2]}>)"
    name = ""
    for port in (known.get("spec") or {}).get("ports") or ():
        if wanted.get("number") == port["port"] or (wanted.get("name") and wanted["name"] == port.get("name")):
            name = port.get("name") or ""
    return f"{shown} ({_endpoints_text(slices, name)})"


def ingress_class(context: Context, item: Item) -> None:
    spec, _ = context.head(item, namespaced=False)
    context.field("Controller", spec.get("controller", ""))
    parameters = spec.get("parameters")
    if parameters:
        context.line(0, "Parameters:")
        if parameters.get("apiGroup"):
            context.field("APIGroup", parameters["apiGroup"], 1)
        context.fields((("Kind", parameters.get("kind", "")), ("Name", parameters.get("name", ""))), 1)
    context.events(item)


def service_cidr(context: Context, item: Item) -> None:
    spec, status = context.head(item, namespaced=False)
    context.field("CIDRs", joined(spec.get("cidrs")))
    if status.get("conditions"):
        context.line(0, "Status:")
        context.conditions(status["conditions"])
    context.events(item)


def ip_address(context: Context, item: Item) -> None:
    spec, _ = context.head(item, namespaced=False)
    parent = spec.get("parentRef")
    if parent:
        context.line(0, "Parent Reference:")
        for title in ("Group", "Resource", "Namespace", "Name"):
            context.field(title, parent.get(title.lower(), ""), 1)
    context.events(item)
