"""Which nodes' addresses a Service gets. Pure.

Nodes that are ready; if none is, all of them, since a cluster that starts again has the same nodes as before. Under
`externalTrafficPolicy: Local` those with endpoints, for others would drop what is sent to them.
"""

from collections.abc import Iterable, Sequence

from ...api.core import LoadBalancerIngress, LoadBalancerStatus, Node, Service
from ...api.discovery import EndpointSlice
from ..provider import ProviderError


def status_of(service: Service, nodes: Sequence[Node], slices: Iterable[EndpointSlice]) -> LoadBalancerStatus:
    """The addresses, by node name. ProviderError when the Service asks for one that no node has."""
    spec = service.spec
    families = [":" in ip for ip in spec.cluster_ips or (spec.cluster_ip or "",)]
    wanted = spec.load_balancer_ip or ""
    if wanted and wanted not in {internal_ip(node, ipv6=":" in wanted) for node in nodes}:
        raise ProviderError(f"loadBalancerIP {wanted} is not the address of a node")
    chosen = [node for node in nodes if is_ready(node)] or list(nodes)
    if spec.external_traffic_policy == "Local":
        serving = serving_nodes(slices)
        chosen = [node for node in chosen if node.metadata.name in serving]
    known = (internal_ip(node, ipv6=ipv6) for ipv6 in families for node in chosen)
    addresses = [ip for ip in known if ip and (not wanted or ip == wanted)]
    points = [LoadBalancerIngress(ip=ip, ip_mode="VIP") for ip in dict.fromkeys(addresses)]
    return LoadBalancerStatus(ingress=points or None)


def internal_ip(node: Node, *, ipv6: bool = False) -> str:
    """The address of a family that packets to the node carry when they arrive; "" when it has none."""
    addresses = node.status.addresses or ()
    return next((a.address for a in addresses if a.type == "InternalIP" and (":" in a.address) == ipv6), "")


def internal_ips(node: Node) -> tuple[str, str]:
    """Those of IPv4 and of IPv6."""
    return internal_ip(node), internal_ip(node, ipv6=True)


def is_ready(node: Node) -> bool:
    """Whether it says so."""
    return any(c.type == "Ready" and c.status == "True" for c in node.status.conditions or ())


def serving_nodes(slices: Iterable[EndpointSlice]) -> set[str]:
    """The nodes with an endpoint that answers, be it on its way out."""
    found: set[str] = set()
    for one in slices:
        for endpoint in one.endpoints or ():
            conditions = endpoint.conditions
            ready = conditions is None or conditions.ready is None or conditions.ready
            serving = ready if conditions is None or conditions.serving is None else conditions.serving
            if serving and endpoint.node_name:
                found.add(endpoint.node_name)
    return found
