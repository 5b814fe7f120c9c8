"""Routes to the pods of the other nodes: each node's pod CIDR by way of its address (host-gateway routing). Pure."""

from collections.abc import Iterable

from ..api.core import Node
from .families import IPV4, Family


def _internal_ip(node: Node, family: Family) -> str:
    addresses = node.status.addresses if node.status else None
    return family.first(a.address or "" for a in addresses or () if a.type == "InternalIP")


def pod_routes(nodes: Iterable[Node], node_name: str, family: Family = IPV4) -> dict[str, str]:
    """{pod CIDR: gateway} for every other node that has both of a family; a node that shares our address needs no
    route."""
    known = [(n.metadata.name if n.metadata else "", _internal_ip(n, family), n.spec) for n in nodes]
    own = next((ip for name, ip, _ in known if name == node_name), "")
    routes: dict[str, str] = {}
    for name, ip, spec in known:
        if name == node_name or not ip or ip == own or spec is None:
            continue
        cidrs = spec.pod_cidrs or ([spec.pod_cidr] if spec.pod_cidr else [])
        routes.update(dict.fromkeys(family.of(cidrs), ip))
    return routes
