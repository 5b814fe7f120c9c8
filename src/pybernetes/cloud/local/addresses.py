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
    if ":" in (spec.cluster_ip or ""):
        raise ProviderError("the nodes serve IPv4 only")
    wanted = spec.load_balancer_ip or ""
    if wanted and wanted not in {internal_ip(node) for node in nodes}:
        raise ProviderError(f"loadBalancerIP {wanted} is not the address of a node")
    chosen = [node for node in nodes if is_ready(node)] or list(nodes)
    if spec.external_traffic_policy == "Local":
        serving = serving_nodes(slices)
        chosen = [node for node in chosen if node.metadata.name in serving]
    addresses = [ip for node in chosen if (ip := internal_ip(node)) and (not wanted or ip == wanted)]
    points = [LoadBalancerIngress(ip=ip, ip_mode="VIP") for ip in dict.fromkeys(addresses)]
    return LoadBalancerStatus(ingress=points or None)


def internal_ip(node: Node) -> str:
    """The IPv4 address that packets to the node carry when they arrive; "" when it has none."""
    addresses = node.status.addresses or ()
    return next((a.address for a in addresses if a.type == "InternalIP" and ":" not in a.address), "")


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
