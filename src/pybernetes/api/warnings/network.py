"""Services, endpoints, ingresses, network policies."""

from typing import Any

from .addresses import ip, ip_range

Object = dict[str, Any]

_TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints"
_TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
_INGRESS_CLASS = "kubernetes.io/ingress.class"


def _service(service: Object, old: Object | None) -> list[str]:
    spec = service.get("spec") or {}
    kind, cluster_ip = spec.get("type") or "ClusterIP", spec.get("clusterIP") or ""
    external = spec.get("externalIPs") or []
    found: list[str] = []
    if _TOPOLOGY_HINTS in (service["metadata"].get("annotations") or ()):
        found.append(f"annotation {_TOPOLOGY_HINTS} is deprecated, please use {_TOPOLOGY_MODE} instead")
    is_headless = kind == "ClusterIP" and cluster_ip == "None"
    if kind != "ExternalName" and cluster_ip not in ("", "None"):
        for index, address in enumerate(spec.get("clusterIPs") or ()):
            found += ip(address, f"spec.clusterIPs[{index}]")
    if is_headless:
        if spec.get("loadBalancerIP"):
            found.append("spec.loadBalancerIP is ignored for headless services")
        if external:
            found.append("spec.externalIPs is ignored for headless services")
        if spec.get("sessionAffinity") != "None":
            found.append("spec.SessionAffinity is ignored for headless services")
    for index, address in enumerate(external):
        found += ip(address, f"spec.externalIPs[{index}]")
    if external and not is_headless and kind != "ExternalName":
        found.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if spec.get("loadBalancerIP"):
        found += ip(spec["loadBalancerIP"], "spec.loadBalancerIP")
    for index, block in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        found += ip_range(block.strip(), f"spec.loadBalancerSourceRanges[{index}]")
    if kind == "ExternalName" and external:
        found.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if kind != "ExternalName" and spec.get("externalName"):
        found.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        found.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return found


def _endpoints(endpoints: Object, old: Object | None) -> list[str]:
    found: list[str] = []
    for index, subset in enumerate(endpoints.get("subsets") or ()):
        for kind in ("addresses", "notReadyAddresses"):
            for place, row in enumerate(subset.get(kind) or ()):
                found += ip(row.get("ip") or "", f"subsets[{index}].{kind}[{place}].ip")
    return found


def _endpoint_slice(endpoint_slice: Object, old: Object | None) -> list[str]:
    if endpoint_slice.get("addressType") not in ("IPv4", "IPv6"):
        return []
    found: list[str] = []
    for index, endpoint in enumerate(endpoint_slice.get("endpoints") or ()):
        for place, address in enumerate(endpoint.get("addresses") or ()):
            found += ip(address, f"endpoints[{index}].addresses[{place}]")
    return found


def _ingress(ingress: Object, old: Object | None) -> list[str]:
    if old is not None or _INGRESS_CLASS not in (ingress["metadata"].get("annotations") or ()):
        return []
    return [f"annotation \"{_INGRESS_CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"]


def _network_policy(policy: Object, old: Object | None) -> list[str]:
    found: list[str] = []
    spec = policy.get("spec") or {}
    for kind, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(kind) or ()):
            for place, peer in enumerate(rule.get(peers) or ()):
                block = peer.get("ipBlock")
                where = f"spec.{kind}[{index}].{peers}[{place}].ipBlock"
                if block:
                    found += ip_range(block.get("cidr") or "", f"{where}.cidr")
                    for at, hole in enumerate(block.get("except") or ()):
                        found += ip_range(hole, f"{where}.except[{at}]")
    return found


ADVICE = {
    "services": _service,
    "endpoints": _endpoints,
    "endpointslices.discovery.k8s.io": _endpoint_slice,
    "ingresses.networking.k8s.io": _ingress,
    "networkpolicies.networking.k8s.io": _network_policy,
}
