"""Which of the ready endpoints are near enough, by the hints of EndpointSlices (KEP-2433, KEP-3015). Pure.

    every one is hinted for nodes, and one of them for this node       those of this node      (PreferSameNode)
    else every one is hinted for zones, and one of them for this zone  those of this zone      (PreferSameZone)
    else                                                               all of them

Hints are advice: one that is missing, or a place that nobody is hinted for, and all count. They concern traffic under
the Cluster policy; who wants Local gets what is local.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from ..api.discovery import EndpointHints

ZONE_LABEL = "topology.kubernetes.io/zone"


class Hinted(Protocol):
    """An endpoint with its hints."""

    @property
    def hints(self) -> EndpointHints | None: ...


T = TypeVar("T", bound=Hinted)


def near(ready: Sequence[T], node_name: str, zone: str) -> Sequence[T]:
    """See the module docstring; never empty unless `ready` is. zone: "" when the node's is not known."""
    if not ready or ready[0].hints is None:
        return ready
    for field, place in (("for_nodes", node_name), ("for_zones", zone)):
        places = [{one.name for one in getattr(found.hints, field, None) or ()} for found in ready]
        if place and all(places):
            here = [found for found, names in zip(ready, places, strict=True) if place in names]
            if here:
                return here
    return ready
