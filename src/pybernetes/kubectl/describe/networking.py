"""Services, endpoints, ingresses, network policies."""

from __future__ import annotations

from ..client import query_of
from .writer import Context, joined, label_text, selector_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item


def _slices(context: Context, namespace: str, service: str) -> list[dict[str, Any]]:
    query = query_of((("labelSelector", f"kubernetes.io/service-name={service}"),))
    return context.items(f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices{query}")


def _endpoints_text(slices: list[dict[str, Any]], port: dict[str, Any] | None) -> str:
    """`10.0.0.1:80,10.0.0.2:80 + 3 more...`."""
    name = (port or {}).get("name")
    found: list[str] = []
    for one in slices:
        for known in one.get("ports") or ():
            if port is not None and (known.get("name") or None) != (name or None):
                continue
            for endpoint in one.get("endpoints") or ():
                ready = (endpoint.get("conditions") or {}).get("ready")
                if ready is not False:
                    for address in endpoint.get("addresses") or ():
                        host = f"[{address}]" if ":" in address else address
                        found.append(f"{host}:{known.get('port')}")
    shown = ",".join(found[:3]) + (f" + {len(found) - 3} more..." if len(found) > 3 else "")
    return shown if slices else "<none>"


def service(context: Context, item: Item) -> None:
    obj = item.obj
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("Selector", label_text(spec.get("selector")))
    context.field("Type", spec.get("type", ""))
    if spec.get("ipFamilyPolicy"):
        context.field("IP Family Policy", spec["ipFamilyPolicy"])
    context.field("IP Families", ",".join(spec.get("ipFamilies") or ()) or "<none>")
    context.field("IP", spec.get("clusterIP", ""))
    context.field("IPs", ",".join(spec.get("clusterIPs") or ()) or "<none>")
    if spec.get("externalIPs"):
        context.field("External IPs", ",".join(spec["externalIPs"]))
    if spec.get("loadBalancerIP"):
        context.field("Desired LoadBalancer IP", spec["loadBalancerIP"])
    if spec.get("externalName"):
        context.field("External Name", spec["externalName"])
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if ingress:
        points = [
            f"{point.get('ip') or point.get('hostname')}{' (' + point['ipMode'] + ')' if point.get('ipMode') else ''}"
            for point in ingress
        ]
        context.field("LoadBalancer Ingress", ", ".join(points))
    slices = _slices(context, item.namespace, item.name)
    for port in spec.get("ports") or ():
        name = port.get("name") or "<unset>"
        context.field("Port", f"{name}\t{port['port']}/{port.get('protocol', 'TCP')}")
        target = port.get("targetPort", 0)
        context.field("TargetPort", f"{target}/{port.get('protocol', 'TCP')}")
        if port.get("nodePort"):
            context.field("NodePort", f"{name}\t{port['nodePort']}/{port.get('protocol', 'TCP')}")
        context.field("Endpoints", _endpoints_text(slices, port))
    context.field("Session Affinity", spec.get("sessionAffinity", ""))
    if spec.get("externalTrafficPolicy"):
        context.field("External Traffic Policy", spec["externalTrafficPolicy"])
    if spec.get("internalTrafficPolicy"):
        context.field("Internal Traffic Policy", spec["internalTrafficPolicy"])
    if spec.get("healthCheckNodePort"):
        context.field("HealthCheck NodePort", spec["healthCheckNodePort"])
    if spec.get("loadBalancerSourceRanges"):
        context.field("LoadBalancer Source Ranges", ",".join(spec["loadBalancerSourceRanges"]))
    if spec.get("trafficDistribution"):
        context.field("Traffic Distribution", spec["trafficDistribution"])
    context.events(item)


def endpoints(context: Context, item: Item) -> None:
    obj = item.obj
    metadata = obj["metadata"]
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.line(0, "Subsets:")
    for subset in obj.get("subsets") or ():
        for title, key in (("Addresses", "addresses"), ("NotReadyAddresses", "notReadyAddresses")):
            context.line(1, f"{title}:\t{joined([a['ip'] for a in subset.get(key) or ()], ',') or '<none>'}")
        ports = subset.get("ports") or []
        if ports:
            context.line(1, "Ports:")
            context.line(2, "Name\tPort\tProtocol")
            context.line(2, "----\t----\t--------")
            for port in ports:
                context.line(2, f"{port.get('name') or '<unset>'}\t{port['port']}\t{port.get('protocol', 'TCP')}")
        context.line(0, "")
    context.events(item)


def endpoint_slice(context: Context, item: Item) -> None:
    obj = item.obj
    metadata = obj["metadata"]
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("AddressType", obj.get("addressType", ""))
    ports = obj.get("ports") or []
    if not ports:
        context.line(0, "Ports: <unset>")
    else:
        context.line(0, "Ports:")
        context.line(1, "Name\tPort\tProtocol")
        context.line(1, "----\t----\t--------")
        for port in ports:
            number = port["port"] if port.get("port") is not None else "<unset>"
            context.line(1, f"{port.get('name') or '<unset>'}\t{number}\t{port.get('protocol', '')}")
    found = obj.get("endpoints") or []
    if not found:
        context.line(0, "Endpoints: <none>")
    else:
        context.line(0, "Endpoints:")
        for endpoint in found:
            context.line(1, f"- Addresses:\t{joined(endpoint.get('addresses'), ',')}")
            context.line(2, "Conditions:")
            ready = (endpoint.get("conditions") or {}).get("ready")
            context.line(3, f"Ready:\t{'<unset>' if ready is None else 'true' if ready else 'false'}")
            context.line(2, f"Hostname:\t{endpoint.get('hostname') or '<unset>'}")
            target = endpoint.get("targetRef")
            if target:
                context.line(2, f"TargetRef:\t{target['kind']}/{target['name']}")
            context.line(2, f"NodeName:\t{endpoint.get('nodeName') or '<unset>'}")
            context.line(2, f"Zone:\t{endpoint.get('zone') or '<unset>'}")
    context.events(item)


def _backend(context: Context, backend: dict[str, Any], namespace: str) -> str:
    found = backend.get("service")
    if not found:
        resource = backend.get("resource") or {}
        group = resource.get("apiGroup")
        return f"APIGroup: {group or '<none>'}, Kind: {resource.get('kind')}, Name: {resource.get('name')}"
    port = found.get("port") or {}
    shown = port.get("name") or port.get("number")
    slices = _slices(context, namespace, found["name"])
    known = context.get(f"/api/v1/namespaces/{namespace}/services/{found['name']}")
    if known is None:
        return f'{found["name"]}:{shown} (<error: services "{found["name"]}" not found>)'
    chosen = None
    for one in (known.get("spec") or {}).get("ports") or ():
        if one.get("port") == port.get("number") or (one.get("name") and one.get("name") == port.get("name")):
            chosen = one
    text = _endpoints_text(slices, chosen) if chosen else "<none>"
    return f"{found['name']}:{shown} ({text if text != '<none>' else ''})"


def ingress(context: Context, item: Item) -> None:
    obj = item.obj
    metadata, spec = obj["metadata"], obj.get("spec") or {}
    context.field("Name", metadata["name"])
    context.labels("Labels", metadata.get("labels"))
    context.field("Namespace", metadata.get("namespace", ""))
    points = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    context.field("Address", ",".join(str(point.get("ip") or point.get("hostname")) for point in points))
    context.field("Ingress Class", spec.get("ingressClassName") or "<none>")
    default = spec.get("defaultBackend")
    context.field("Default backend", _backend(context, default, item.namespace) if default else "<default>")
    if spec.get("tls"):
        context.line(0, "TLS:")
        for entry in spec["tls"]:
            hosts = ",".join(entry.get("hosts") or ())
            secret = entry.get("secretName")
            context.line(1, f"{secret} terminates {hosts}" if secret else f"SNI routes {hosts}")
    context.line(0, "Rules:\n  Host\tPath\tBackends")
    context.line(1, "----\t----\t--------")
    count = 0
    for rule in spec.get("rules") or ():
        if not rule.get("http"):
            continue
        count += 1
        context.line(1, f"{rule.get('host') or '*'}\t")
        for path in rule["http"].get("paths") or ():
            context.line(2, f"\t{path.get('path') or ''} \t{_backend(context, path['backend'], item.namespace)}")
    if not count:
        text = _backend(context, default, item.namespace) if default else "<default>"
        context.line(1, f"*\t*\t{text}")
    context.annotations(metadata.get("annotations"))
    context.events(item)


def ingress_class(context: Context, item: Item) -> None:
    metadata, spec = item.obj["metadata"], item.obj.get("spec") or {}
    context.field("Name", metadata["name"])
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.field("Controller", spec.get("controller", ""))
    parameters = spec.get("parameters")
    if parameters:
        context.line(0, "Parameters:")
        if parameters.get("apiGroup"):
            context.line(1, f"APIGroup:\t{parameters['apiGroup']}")
        context.line(1, f"Kind:\t{parameters.get('kind')}")
        context.line(1, f"Name:\t{parameters.get('name')}")
    context.events(item)


def network_policy(context: Context, item: Item) -> None:
    metadata, spec = item.obj["metadata"], item.obj.get("spec") or {}
    context.field("Name", metadata["name"])
    context.field("Namespace", metadata.get("namespace", ""))
    context.field("Created on", _created_on(metadata))
    context.labels("Labels", metadata.get("labels"))
    context.annotations(metadata.get("annotations"))
    context.line(0, "Spec:")
    selector = spec.get("podSelector") or {}
    text = selector_text(selector) if selector else "<none>"
    suffix = " (Allowing the specific traffic to all pods in this namespace)" if text == "<none>" else ""
    context.line(1, f"PodSelector:     {text}{suffix}")
    types = spec.get("policyTypes") or ["Ingress"]
    if "Ingress" in types:
        context.line(1, "Allowing ingress traffic:")
        _rules(context, spec.get("ingress"), "From", "from", "ingress")
    else:
        context.line(1, "Not affecting ingress traffic")
    if "Egress" in types:
        context.line(1, "Allowing egress traffic:")
        _rules(context, spec.get("egress"), "To", "to", "egress")
    else:
        context.line(1, "Not affecting egress traffic")
    context.line(1, f"Policy Types: {', '.join(types)}")


def _created_on(metadata: dict[str, Any]) -> str:
    import time

    from ..output.age import seconds_of

    local = time.localtime(seconds_of(metadata["creationTimestamp"]))
    return time.strftime("%Y-%m-%d %H:%M:%S %z %Z", local)


def _rules(context: Context, rules: list[dict[str, Any]] | None, title: str, key: str, direction: str) -> None:
    if not rules:
        context.line(2, f"<none> (Selected pods are isolated for {direction} connectivity)")
        return
    for number, rule in enumerate(rules):
        ports = rule.get("ports") or []
        if not ports:
            context.line(2, "To Port: <any> (traffic allowed to all ports)")
        for port in ports:
            shown = port.get("port", "<any>") if port.get("port") is not None else "<any>"
            if port.get("endPort") is not None:
                context.line(2, f"To Port Range: {shown}-{port['endPort']}/{port.get('protocol', 'TCP')}")
                continue
            context.line(2, f"To Port: {shown}/{port.get('protocol', 'TCP')}")
        peers = rule.get(key) or []
        if not peers:
            context.line(
                2, f"{title}: <any> (traffic not restricted by {'source' if title == 'From' else 'destination'})"
            )
        for peer in peers:
            context.line(2, f"{title}:")
            if peer.get("podSelector") is not None and peer.get("namespaceSelector") is not None:
                context.line(3, f"NamespaceSelector: {selector_text(peer['namespaceSelector'])}")
                context.line(3, f"PodSelector: {selector_text(peer['podSelector'])}")
            elif peer.get("podSelector") is not None:
                context.line(3, f"PodSelector: {selector_text(peer['podSelector'])}")
            elif peer.get("namespaceSelector") is not None:
                context.line(3, f"NamespaceSelector: {selector_text(peer['namespaceSelector'])}")
            elif peer.get("ipBlock"):
                context.line(3, "IPBlock:")
                context.line(4, f"CIDR: {peer['ipBlock'].get('cidr')}")
                context.line(4, f"Except: {', '.join(peer['ipBlock'].get('except') or ())}")
        if number != len(rules) - 1:
            context.line(2, "----------")
