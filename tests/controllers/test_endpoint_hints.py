"""Hints that keep traffic near: by zone, by node, by the zones' shares."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.core import Node, NodeCondition, NodeStatus, Service, ServiceSpec
from pybernetes.api.discovery import Endpoint, EndpointConditions
from pybernetes.api.meta import ObjectMeta
from pybernetes.controllers.endpoint_slice.hints import (
    NO_NODE_INFO,
    NODES_IN_ONE_ZONE,
    OVERLOAD,
    Shares,
    shares_of,
    with_distribution,
    with_shares,
)


def endpoint(zone: str = "a", *, ready: bool = True, node: str = "n1") -> Endpoint:
    return Endpoint(conditions=EndpointConditions(ready=ready), zone=zone or None, node_name=node)


def zones(found: Endpoint) -> list[str]:
    return [one.name for one in (found.hints.for_zones if found.hints is not None else None) or ()]


def node(zone: str, cpu: str = "2", ready: str = "True") -> Node:
    labels = {"topology.kubernetes.io/zone": zone} if zone else {}
    conditions = [NodeCondition(type="Ready", status=ready)]
    return Node(metadata=ObjectMeta(labels=labels), status=NodeStatus(allocatable={"cpu": cpu}, conditions=conditions))


@pytest.mark.parametrize(
    ("wanted", "for_zones", "for_nodes"),
    [
        (None, [], []),
        ("PreferClose", ["a"], []),
        ("PreferSameZone", ["a"], []),
        ("PreferSameNode", ["a"], ["n1"]),
    ],
)
def test_distribution_of_the_service(wanted: str | None, for_zones: list[str], for_nodes: list[str]) -> None:
    service = Service(spec=ServiceSpec(traffic_distribution=wanted))
    near, not_ready, nowhere = with_distribution(service, [endpoint(), endpoint(ready=False), endpoint("", node="")])
    assert zones(near) == for_zones
    nodes = (near.hints.for_nodes if near.hints is not None else None) or []
    assert [one.name for one in nodes] == for_nodes
    assert not_ready.hints is None and nowhere.hints is None


def test_shares_follow_the_cpus_of_ready_nodes() -> None:
    shares = shares_of([node("a", "2"), node("a", "4"), node("b", "2"), node("c", "99", ready="False")])
    assert shares.ratios == {"a": 0.75, "b": 0.25}
    assert shares_of([node("a"), node("a")]).problem == NODES_IN_ONE_ZONE
    assert shares_of([node("a"), node("")]).problem == NO_NODE_INFO
    assert shares_of([node("a"), node("b", "0")]).problem == NO_NODE_INFO


def test_endpoints_are_lent_to_zones_that_lack_some() -> None:
    found, problem = with_shares([endpoint("a") for _ in range(4)], Shares({"a": 0.5, "b": 0.5}))
    assert problem == ""
    assert sorted(zone for one in found for zone in zones(one)) == ["a", "a", "b", "b"]


def test_too_few_endpoints_get_no_hints() -> None:
    found, problem = with_shares([endpoint("a")], Shares({"a": 0.5, "b": 0.5}))
    assert problem == "Insufficient number of endpoints (1 endpoints, 2 zones)"
    assert found[0].hints is None


@given(
    st.lists(st.sampled_from("abcd"), max_size=30),
    st.lists(st.integers(1, 64), min_size=2, max_size=4),
)
def test_no_zone_is_overloaded_or_there_are_no_hints(places: list[str], cpus: list[int]) -> None:
    total = sum(cpus)
    ratios = {zone: cpu / total for zone, cpu in zip("abcd", cpus, strict=False)}
    found, problem = with_shares([endpoint(place) for place in places], Shares(ratios))
    if problem:
        assert all(one.hints is None for one in found)
        return
    given_to = [zone for one in found for zone in zones(one)]
    assert len(given_to) == len(places)
    for zone, ratio in ratios.items():
        assert given_to.count(zone) >= ceil(ratio * len(places) / (1 + OVERLOAD))
