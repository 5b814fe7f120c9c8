"""What is due for the load balancer of one Service. Pure.

    wants one, never ensured, or its spec changed since     ENSURE     finalizer, the provider, the status
    only the nodes changed, or the provider asked           UPDATE
    wants none, or is being deleted                         CLEAN_UP   the provider, then the finalizer
    gone without having had the finalizer                   CLEAN_UP

Services with a `loadBalancerClass` are somebody else's (KEP-1959). Which nodes count: all but those that are being
deleted or carry the exclusion label; readiness does not matter, load balancers see to it themselves (KEP-3458).
"""

import enum
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from ...api.core import LoadBalancerIngress, LoadBalancerStatus, Node, Service

FINALIZER = "service.kubernetes.io/load-balancer-cleanup"
EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
DELETION_TAINT = "ToBeDeletedByClusterAutoscaler"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
MOST_NAMES = 20


class Action(enum.Enum):
    NOTHING = "nothing"
    ENSURE = "ensure"
    UPDATE = "update"
    CLEAN_UP = "clean up"


Hosts = Mapping[str, str]
"""Name of a node -> its provider id."""


class Known(msgspec.Struct):
    """What was done for a Service by this process: `view` None means that it did not succeed yet."""

    service: Service
    view: tuple[object, ...] | None = None
    hosts: Hosts = {}
    status: LoadBalancerStatus | None = None


def wants_load_balancer(service: Service) -> bool:
    """Whether it is of the type, and of no class."""
    return service.spec.type == "LoadBalancer" and service.spec.load_balancer_class is None


def has_finalizer(service: Service) -> bool:
    """Whether its load balancer has to go before it may."""
    return FINALIZER in (service.metadata.finalizers or ())


def view_of(service: Service) -> tuple[object, ...]:
    """All of a Service that a load balancer is made from: while it is equal there is nothing to ensure."""
    spec = service.spec
    return (
        service.metadata.uid,
        dict(service.metadata.annotations or {}),
        [(p.name, p.protocol, p.port, p.node_port, p.target_port, p.app_protocol) for p in spec.ports or ()],
        list(spec.load_balancer_source_ranges or ()),
        spec.load_balancer_ip or "",
        list(spec.external_ips or ()),
        spec.session_affinity,
        spec.session_affinity_config,
        spec.external_traffic_policy,
        spec.health_check_node_port,
        len(spec.ip_families or ()),
    )


def decide(service: Service | None, known: Known | None, hosts: Hosts, *, is_woken: bool) -> Action:
    """See the module docstring."""
    if service is None:
        return Action.CLEAN_UP if known is not None else Action.NOTHING
    is_deleted = service.metadata.deletion_timestamp is not None
    if is_deleted or not wants_load_balancer(service):
        is_other = service.spec.load_balancer_class is not None
        is_ours = known is not None or (has_finalizer(service) and not is_other)
        return Action.CLEAN_UP if is_ours else Action.NOTHING
    if known is None or known.view != view_of(service):
        return Action.ENSURE
    return Action.UPDATE if is_woken or known.hosts != hosts else Action.NOTHING


def concerns(old: Service | None, new: Service | None) -> bool:
    """Whether a change of a Service is a reason to look at it: neither status nor finalizer, which are our own, are."""
    if new is None:
        return True
    if old is None:
        return wants_load_balancer(new) or has_finalizer(new)
    if not wants_load_balancer(new):
        return wants_load_balancer(old) or has_finalizer(new)
    is_deleted = new.metadata.deletion_timestamp is not None
    was_deleted = old.metadata.deletion_timestamp is not None
    return is_deleted != was_deleted or not wants_load_balancer(old) or view_of(old) != view_of(new)


def is_included(node: Node) -> bool:
    """Whether the node does not ask to be left out; a label that is no boolean means that it does."""
    value = (node.metadata.labels or {}).get(EXCLUDE_LABEL)
    return value is None or value in _FALSE


def candidates(nodes: Iterable[Node]) -> list[Node]:
    """The nodes that may get traffic, by name."""
    found = [
        node
        for node in nodes
        if node.metadata.deletion_timestamp is None
        and is_included(node)
        and not any(taint.key == DELETION_TAINT for taint in node.spec.taints or ())
    ]
    return sorted(found, key=lambda node: node.metadata.name or "")


def hosts_of(nodes: Iterable[Node]) -> dict[str, str]:
    """What tells one set of nodes from another."""
    return {node.metadata.name or "": node.spec.provider_id or "" for node in nodes}


def concerns_hosts(old: Node | None, new: Node | None) -> bool:
    """Whether a change of a node is a reason to look at all load balancers. A taint is none, so that connections to a
    node that is about to go are not cut early."""
    if old is None or new is None:
        return True
    return is_included(old) != is_included(new) or old.spec.provider_id != new.spec.provider_id


def named(hosts: Hosts) -> str:
    """Names for a message, the first twenty, as upstream prints a list."""
    names = sorted(hosts)
    if len(names) > MOST_NAMES:
        names = [*names[:MOST_NAMES], f"<{len(names) - MOST_NAMES} more>"]
    return f"[{' '.join(names)}]"


def same_status(one: LoadBalancerStatus | None, other: LoadBalancerStatus | None) -> bool:
    """Whether two statuses tell users the same."""
    return _points(one) == _points(other)


def _points(status: LoadBalancerStatus | None) -> Sequence[LoadBalancerIngress]:
    points = (status.ingress if status else None) or ()
    return [
        msgspec.structs.replace(
            point, ip_mode=point.ip_mode or ("VIP" if point.ip else None), ports=point.ports or None
        )
        for point in points
    ]
