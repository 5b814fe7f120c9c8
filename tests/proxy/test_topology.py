"""Endpoints that hints call near, and what a node's zone has to do with it."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.builders import endpoint_slice, service

from pybernetes.api.discovery import EndpointHints, EndpointSlice, ForNode, ForZone
from pybernetes.proxy.model import service_ports
from pybernetes.proxy.topology import near


class Point(msgspec.Struct, frozen=True):
    name: str
    hints: EndpointHints | None = None


def point(name: str, *, zones: str = "", nodes: str = "") -> Point:
    """An endpoint; zones and nodes are one letter each."""
    for_zones = [ForZone(name=zone) for zone in zones] or None
    for_nodes = [ForNode(name=node) for node in nodes] or None
    hints = EndpointHints(for_zones=for_zones, for_nodes=for_nodes) if zones or nodes else None
    return Point(name, hints)


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        ([], ""),
        ([point("p"), point("q")], "pq"),
        ([point("p", zones="a"), point("q", zones="b")], "p"),
        ([point("p", zones="ab"), point("q", zones="a"), point("r", zones="b")], "pq"),
        ([point("p", zones="a"), point("q")], "pq"),
        ([point("q"), point("p", zones="a")], "pq"),
        ([point("p", zones="b"), point("q", zones="c")], "pq"),
        ([point("p", zones="a", nodes="1"), point("q", zones="a", nodes="2")], "p"),
        ([point("p", zones="a", nodes="3"), point("q", zones="b", nodes="2")], "p"),
        ([point("p", zones="a", nodes="1"), point("q", zones="a")], "pq"),
        ([point("p", nodes="1"), point("q", nodes="2")], "p"),
        ([point("p", nodes="2")], "p"),
    ],
    ids=["none", "no hints", "the zone", "of two zones", "one without", "the first without", "no such zone", "the node",
         "no such node, but the zone", "one without a node", "node hints only", "somewhere else"],
)  # fmt: skip
def test_which_are_near(points: list[Point], expected: str) -> None:
    assert sorted(found.name for found in near(points, "1", "a")) == sorted(expected)


def test_a_node_without_a_zone_uses_all() -> None:
    points = [point("p", zones="a"), point("q", zones="b")]
    assert near(points, "1", "") == points


@given(st.lists(st.tuples(st.text("abc", max_size=2), st.text("123", max_size=2)), max_size=5))
def test_somebody_is_always_left(hints: list[tuple[str, str]]) -> None:
    points = [point(str(n), zones=zones, nodes=nodes) for n, (zones, nodes) in enumerate(hints)]
    found = near(points, "1", "a")
    assert {one.name for one in found} <= {one.name for one in points} and bool(found) == bool(points)


def hinted(address: str, zone: str, node: str, **conditions: Any) -> EndpointSlice:
    one = endpoint_slice(address, node=node, **conditions)
    (found,) = one.endpoints or ()
    found.hints = EndpointHints(for_zones=[ForZone(name=zone)])
    return one


SLICES = [hinted("10.244.0.1", "a", "n1"), hinted("10.244.1.1", "a", "n2"), hinted("10.244.2.1", "b", "n3")]


def ips(endpoints: Any) -> list[str]:
    return [found.ip for found in endpoints]


def test_cluster_traffic_stays_in_the_zone() -> None:
    (found,) = service_ports(service(), SLICES, "n1", "a")
    assert ips(found.internal) == ips(found.external) == ips(found.everywhere) == ["10.244.0.1", "10.244.1.1"]
    (found,) = service_ports(service(), SLICES, "n3", "b")
    assert ips(found.internal) == ["10.244.2.1"]


def test_local_traffic_stays_local_whatever_the_hints() -> None:
    slices = [hinted("10.244.0.1", "b", "n1"), hinted("10.244.1.1", "a", "n2")]
    (found,) = service_ports(service(internalTrafficPolicy="Local", externalTrafficPolicy="Local"), slices, "n1", "a")
    assert ips(found.internal) == ips(found.external) == ["10.244.0.1"]
    assert ips(found.everywhere) == ["10.244.1.1"]


def test_when_the_zone_has_nothing_ready_others_serve() -> None:
    down = hinted("10.244.0.1", "a", "n1", ready=False, serving=False)
    (found,) = service_ports(service(), [down, hinted("10.244.2.1", "b", "n3")], "n1", "a")
    assert ips(found.internal) == ["10.244.2.1"]


def test_what_terminates_helps_out_without_regard_to_zones() -> None:
    leaving = {"ready": False, "serving": True, "terminating": True}
    slices = [hinted("10.244.0.1", "a", "n1", **leaving), hinted("10.244.2.1", "b", "n3", **leaving)]
    (found,) = service_ports(service(), slices, "n1", "a")
    assert ips(found.internal) == ["10.244.0.1", "10.244.2.1"]
