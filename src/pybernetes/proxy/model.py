"""Services and EndpointSlices as one table: what each service port means on this node, for each family. Pure.

Which endpoints serve (KEP-1669, KEP-1672, Service internal traffic policy): the ready ones; if there are none, those
that are terminating but still serving. Under a `Local` policy only endpoints on this node count, separately for traffic
from inside (ClusterIP) and from outside (node ports, load balancers, external addresses). Of the ready ones under the
Cluster policy those that hints call near serve (`topology.py`).
"""

from collections.abc import Iterable, Sequence

import msgspec

from ..api.core import Service
from ..api.discovery import EndpointHints, EndpointSlice
from .families import IPV4, Family
from .topology import near

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
DEFAULT_AFFINITY_SECONDS = 10800


class Endpoint(msgspec.Struct, frozen=True, order=True):
    """One address and port that serves. `local` is on this node; `unplaced` names no node, so it may be here too."""

    ip: str
    port: int
    local: bool = False
    unplaced: bool = False


class ServicePort(msgspec.Struct, frozen=True):
    """One port of one Service as this node has to serve it.

    `internal` are the endpoints for ClusterIP traffic, `external` those for everything that enters from outside,
    `everywhere` those that anything else may use; `external_local` says that the client's address must be kept
    (externalTrafficPolicy Local). `health_check_ips` are what a load balancer that asks this node is told about: local
    and ready, without those that only help out while they terminate.
    """

    namespace: str
    name: str
    port_name: str
    protocol: str
    port: int
    cluster_ip: str
    node_port: int = 0
    external_ips: tuple[str, ...] = ()
    load_balancer_ips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    affinity_seconds: int = 0
    internal: tuple[Endpoint, ...] = ()
    external: tuple[Endpoint, ...] = ()
    everywhere: tuple[Endpoint, ...] = ()
    external_local: bool = False
    health_check_port: int = 0
    health_check_ips: tuple[str, ...] = ()


class _Candidate(msgspec.Struct, frozen=True):
    endpoint: Endpoint
    ready: bool
    serving: bool
    terminating: bool
    hints: EndpointHints | None = None


def _candidates(slices: Iterable[EndpointSlice], port_name: str, protocol: str, node_name: str) -> list[_Candidate]:
    found: dict[Endpoint, _Candidate] = {}
    for one in slices:
        number = next(
            (p.port for p in one.ports or () if (p.name or "") == port_name and (p.protocol or "TCP") == protocol), None
        )
        if not number:
            continue
        for item in one.endpoints or ():
            conditions = item.conditions
            ready = conditions is None or conditions.ready is None or conditions.ready
            serving = ready if conditions is None or conditions.serving is None else conditions.serving
            terminating = bool(conditions and conditions.terminating)
            for address in item.addresses or ():
                endpoint = Endpoint(address, number, item.node_name == node_name, not item.node_name)
                found[endpoint] = _Candidate(endpoint, ready, serving, terminating, item.hints)
    return list(found.values())


def _serving(candidates: Sequence[_Candidate]) -> tuple[Endpoint, ...]:
    return _in_order([c for c in candidates if c.ready] or [c for c in candidates if c.serving and c.terminating])


def _near(candidates: Sequence[_Candidate], node_name: str, zone: str) -> tuple[Endpoint, ...]:
    ready = near([c for c in candidates if c.ready], node_name, zone)
    return _in_order(ready) if ready else _serving(candidates)


def _in_order(candidates: Iterable[_Candidate]) -> tuple[Endpoint, ...]:
    return tuple(sorted(c.endpoint for c in candidates))


def _affinity_seconds(service: Service) -> int:
    spec = service.spec
    if spec is None or spec.session_affinity != "ClientIP":
        return 0
    config = spec.session_affinity_config.client_ip if spec.session_affinity_config else None
    return (config.timeout_seconds if config else None) or DEFAULT_AFFINITY_SECONDS


def _load_balancer_ips(service: Service, family: Family) -> tuple[str, ...]:
    balancer = service.status.load_balancer if service.status else None
    points = balancer.ingress if balancer else None
    return tuple(p.ip for p in points or () if p.ip and (p.ip_mode or "VIP") == "VIP" and family.has(p.ip))


def _source_ranges(service: Service, family: Family) -> tuple[str, ...]:
    return tuple(text.strip() for text in family.of(service.spec.load_balancer_source_ranges or ()))


def _cluster_ip(service: Service, family: Family) -> str:
    """The service's cluster address of a family; "" when it has none, or is left to another proxy (KEP-2447)."""
    spec, meta = service.spec, service.metadata
    if spec is None or meta is None or spec.type == "ExternalName" or PROXY_NAME_LABEL in (meta.labels or {}):
        return ""
    if not spec.cluster_ip or spec.cluster_ip == "None":
        return ""
    return family.first(spec.cluster_ips or (spec.cluster_ip,))


def service_ports(
    service: Service, slices: Sequence[EndpointSlice], node_name: str, zone: str = "", family: Family = IPV4
) -> list[ServicePort]:
    """Every port of a service as this node has to serve it in one family, given the service's slices. zone: that of
    this node."""
    cluster_ip = _cluster_ip(service, family)
    if not cluster_ip:
        return []
    of_family = [one for one in slices if one.address_type == family.type]
    return list(_ports_of(service, of_family, node_name, zone, cluster_ip, family))


def _ports_of(
    service: Service, slices: Sequence[EndpointSlice], node_name: str, zone: str, cluster_ip: str, family: Family
) -> Iterable[ServicePort]:
    spec, meta = service.spec, service.metadata
    assert spec is not None and meta is not None
    for port in spec.ports or ():
        protocol = port.protocol or "TCP"
        candidates = _candidates(slices, port.name or "", protocol, node_name)
        local = [c for c in candidates if c.endpoint.local]
        everywhere = _near(candidates, node_name, zone)
        external_local = spec.external_traffic_policy == "Local"
        yield ServicePort(
            namespace=meta.namespace or "",
            name=meta.name or "",
            port_name=port.name or "",
            protocol=protocol.lower(),
            port=port.port or 0,
            cluster_ip=cluster_ip,
            node_port=port.node_port or 0,
            external_ips=tuple(family.of(spec.external_ips or ())),
            load_balancer_ips=_load_balancer_ips(service, family),
            source_ranges=_source_ranges(service, family),
            affinity_seconds=_affinity_seconds(service),
            internal=_serving(local) if spec.internal_traffic_policy == "Local" else everywhere,
            external=_serving(local) if external_local else everywhere,
            external_local=external_local,
            everywhere=everywhere,
            health_check_port=(spec.health_check_node_port or 0) if external_local else 0,
            health_check_ips=tuple(sorted({c.endpoint.ip for c in local if c.ready})) if external_local else (),
        )
