"""Which routes a cloud has to have for the pod ranges of nodes. Pure."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

import msgspec

from ...api.core import Node
from ..provider import Route


class Plan(msgspec.Struct, frozen=True):
    """`create` goes with the node's uid as a hint for the name. Deletions come first: a route that leads to addresses
    which the node no longer has is deleted and made again."""

    delete: tuple[Route, ...] = ()
    create: tuple[tuple[str, Route], ...] = ()


def plan(nodes: Iterable[Node], routes: Sequence[Route], cluster_cidrs: Iterable[str]) -> Plan:
    """What differs; routes outside of the cluster's ranges are not ours."""
    wanted: dict[tuple[str, str], tuple[str, Route]] = {}
    for node in nodes:
        name = node.metadata.name or ""
        addresses = tuple(node.status.addresses or ())
        for cidr in cidrs_of(node):
            route = Route(destination_cidr=cidr, target_node=name, target_addresses=addresses)
            wanted[name, cidr] = (node.metadata.uid or "", route)
    kept: set[tuple[str, str]] = set()
    stale: list[Route] = []
    ranges = list(cluster_cidrs)
    for route in routes:
        if not _is_within(route.destination_cidr, ranges):
            continue
        key = (route.target_node, route.destination_cidr)
        mine = wanted.get(key)
        if mine is None or route.blackhole or key in kept or not _leads_there(route, mine[1]):
            stale.append(route)
        else:
            kept.add(key)
    return Plan(tuple(stale), tuple(item for key, item in wanted.items() if key not in kept))


def cidrs_of(node: Node) -> list[str]:
    """The node's pod ranges."""
    return node.spec.pod_cidrs or ([node.spec.pod_cidr] if node.spec.pod_cidr else [])


def _leads_there(route: Route, wanted: Route) -> bool:
    """A cloud that does not tell addresses routes to the instance itself."""
    if not route.target_addresses:
        return True
    here = {(a.type, a.address) for a in route.target_addresses}
    return here == {(a.type, a.address) for a in wanted.target_addresses}


def _is_within(cidr: str, ranges: Iterable[str]) -> bool:
    try:
        found = ip_network(cidr, strict=False)
    except ValueError:
        return False
    return any(found.overlaps(cluster) for text in ranges if (cluster := ip_network(text)).version == found.version)
