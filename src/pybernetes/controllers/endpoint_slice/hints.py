"""Hints: which consumers an endpoint is for, so that traffic stays near. Pure.

    spec.trafficDistribution PreferSameZone (PreferClose), PreferSameNode     each endpoint for its own zone, or node
    annotation service.kubernetes.io/topology-mode: Auto                      shares by the CPUs of each zone (KEP-2433)

In the second way zones with fewer endpoints than their share are given some of others', so that no zone is overloaded
by more than a fifth; when that cannot be, there are no hints at all. Only ready endpoints get hints.
"""

from collections.abc import Iterable, Mapping
from math import ceil

import msgspec

from ...api.core import Node, Service
from ...api.discovery import Endpoint, EndpointHints, ForNode, ForZone
from ...api.quantity import QuantityError, parse

TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
DEPRECATED_TOPOLOGY_MODE = "service.kubernetes.io/topology-aware-hints"
ZONE_LABEL = "topology.kubernetes.io/zone"
OVERLOAD = 0.2
NODES_IN_ONE_ZONE = "Nodes only ready in one zone"
NO_NODE_INFO = "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes"
NO_ZONE = "No zone specified"


class Shares(msgspec.Struct, frozen=True):
    """The part of the cluster's CPUs in each zone; `problem` says why there is none."""

    ratios: dict[str, float] = {}
    problem: str = ""


def is_automatic(service: Service) -> bool:
    """Whether the Service asks for shares by zone."""
    annotations = service.metadata.annotations or {}
    mode = annotations.get(TOPOLOGY_MODE) or annotations.get(DEPRECATED_TOPOLOGY_MODE)
    return mode in ("Auto", "auto")


def shares_of(nodes: Iterable[Node]) -> Shares:
    """How the CPUs of the ready nodes spread over zones."""
    cpus: dict[str, int] = {}
    for node in nodes:
        labels = node.metadata.labels or {}
        ready = any(found.type == "Ready" and found.status == "True" for found in node.status.conditions or ())
        if not ready or "node-role.kubernetes.io/control-plane" in labels:
            continue
        try:
            amount = parse((node.status.allocatable or {}).get("cpu") or "0").milli()
        except QuantityError:
            amount = 0
        zone = labels.get(ZONE_LABEL)
        if not zone or not amount:
            return Shares(problem=NO_NODE_INFO)
        cpus[zone] = cpus.get(zone, 0) + amount
    if len(cpus) < 2:
        return Shares(problem=NODES_IN_ONE_ZONE if cpus else NO_NODE_INFO)
    total = sum(cpus.values())
    return Shares({zone: amount / total for zone, amount in cpus.items()})


def with_distribution(service: Service, endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """The endpoints with the hints of `spec.trafficDistribution`."""
    wanted = service.spec.traffic_distribution
    zones = wanted in ("PreferClose", "PreferSameZone", "PreferSameNode")
    nodes = wanted == "PreferSameNode"
    found = []
    for endpoint in endpoints:
        hints = None
        if endpoint.conditions.ready and (zones or nodes):
            for_zones = [ForZone(name=endpoint.zone)] if endpoint.zone and zones else None
            for_nodes = [ForNode(name=endpoint.node_name)] if endpoint.node_name and nodes else None
            if for_zones or for_nodes:
                hints = EndpointHints(for_zones=for_zones, for_nodes=for_nodes)
        found.append(msgspec.structs.replace(endpoint, hints=hints))
    return found


def with_shares(endpoints: list[Endpoint], shares: Shares) -> tuple[list[Endpoint], str]:
    """The endpoints with hints by zone, and why they have none ("" when they do)."""
    bare = [msgspec.structs.replace(endpoint, hints=None) for endpoint in endpoints]
    ready = [at for at, endpoint in enumerate(bare) if endpoint.conditions.ready]
    if shares.problem:
        return bare, shares.problem
    ratios = shares.ratios
    if len(ready) < len(ratios):
        return bare, f"Insufficient number of endpoints ({len(ready)} endpoints, {len(ratios)} zones)"
    if any(not bare[at].zone for at in ready):
        return bare, NO_ZONE
    least = {zone: ceil(ratio * len(ready) / (1 + OVERLOAD)) for zone, ratio in ratios.items()}
    if sum(least.values()) > len(ready):
        problem = "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold"
        return bare, f"{problem} ({len(ready)} endpoints, {len(ratios)} zones)"
    for at, zone in _assigned(bare, ready, ratios, least).items():
        bare[at] = msgspec.structs.replace(bare[at], hints=EndpointHints(for_zones=[ForZone(name=zone)]))
    return bare, ""


def _assigned(
    endpoints: list[Endpoint], ready: list[int], ratios: Mapping[str, float], least: Mapping[str, int]
) -> dict[int, str]:
    """The zone each ready endpoint is for: its own, unless another one lacks some."""
    by_zone: dict[str, list[int]] = {zone: [] for zone in ratios}
    strays: list[int] = []
    for at in ready:
        by_zone.setdefault(endpoints[at].zone or "", []).append(at)
    for zone in list(by_zone):
        if zone not in ratios:
            strays += by_zone.pop(zone)
    assigned = {at: zone for zone, members in by_zone.items() for at in members}
    counts = {zone: len(members) for zone, members in by_zone.items()}
    wanted = {zone: ceil(ratios[zone] * len(ready)) for zone in ratios}

    def giver() -> int | None:
        """An endpoint to hand over: a stray, else one of the zone with most above its share, above its least."""
        if strays:
            return strays.pop()
        able = [zone for zone in counts if counts[zone] > least[zone]]
        if not able:
            return None
        richest = max(able, key=lambda zone: counts[zone] - wanted[zone])
        counts[richest] -= 1
        return next(at for at, zone in reversed(assigned.items()) if zone == richest)

    for zone in sorted(ratios):
        while counts[zone] < least[zone]:
            lent = giver()
            if lent is None:
                break
            assigned[lent] = zone
            counts[zone] += 1
    for at in strays:
        poorest = min(counts, key=lambda zone: counts[zone] - wanted[zone])
        assigned[at] = poorest
        counts[poorest] += 1
    return assigned
