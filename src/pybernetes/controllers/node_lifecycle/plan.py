"""What a node's conditions and taints should be: pure.

                       Ready=True          Ready=False                Ready=Unknown
    NoSchedule taint   -                   not-ready                  unreachable
    NoExecute taint    -                   not-ready                  unreachable     (rate limited, see `Disruption`)

Pressure conditions and `spec.unschedulable` have NoSchedule taints of their own.
"""

import enum
from collections.abc import Iterable
from datetime import datetime

import msgspec

from ...api.core import Node, NodeCondition
from ...reconcile.taints import NO_EXECUTE, NO_SCHEDULE, NOT_READY, UNREACHABLE, UNSCHEDULABLE

WATCHED_CONDITIONS = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
CONDITION_TAINTS = {
    ("Ready", "False"): NOT_READY,
    ("Ready", "Unknown"): UNREACHABLE,
    ("MemoryPressure", "True"): "node.kubernetes.io/memory-pressure",
    ("DiskPressure", "True"): "node.kubernetes.io/disk-pressure",
    ("NetworkUnavailable", "True"): "node.kubernetes.io/network-unavailable",
    ("PIDPressure", "True"): "node.kubernetes.io/pid-pressure",
}
MANAGED_NO_SCHEDULE = frozenset((key, NO_SCHEDULE) for key in (*CONDITION_TAINTS.values(), UNSCHEDULABLE))
MANAGED_NO_EXECUTE = frozenset(((NOT_READY, NO_EXECUTE), (UNREACHABLE, NO_EXECUTE)))

UNHEALTHY_ZONE_THRESHOLD = 0.55
LARGE_CLUSTER = 50
SECONDARY_EVICTION_RATE = 0.01


def condition_of(node: Node, type_: str) -> NodeCondition | None:
    """One condition of the node's status."""
    return next((found for found in node.status.conditions or () if found.type == type_), None)


def ready_status(node: Node) -> str:
    """The status of the Ready condition; "Unknown" when it was never reported."""
    found = condition_of(node, "Ready")
    return found.status if found is not None else "Unknown"


def silent(node: Node, now: datetime) -> list[NodeCondition] | None:
    """The conditions of a node nobody has heard from in time; None when they say so already."""
    conditions = list(node.status.conditions or ())
    by_type = {found.type: at for at, found in enumerate(conditions)}
    changed = False
    for type_ in WATCHED_CONDITIONS:
        at = by_type.get(type_)
        if at is None:
            conditions.append(
                NodeCondition(
                    type=type_,
                    status="Unknown",
                    reason="NodeStatusNeverUpdated",
                    message="Kubelet never posted node status.",
                    last_heartbeat_time=node.metadata.creation_timestamp,
                    last_transition_time=now,
                )
            )
            changed = True
        elif conditions[at].status != "Unknown":
            conditions[at] = msgspec.structs.replace(
                conditions[at],
                status="Unknown",
                reason="NodeStatusUnknown",
                message="Kubelet stopped posting node status.",
                last_transition_time=now,
            )
            changed = True
    return conditions if changed else None


def no_schedule_taints(node: Node) -> set[tuple[str, str]]:
    """The NoSchedule taints that the conditions and `spec.unschedulable` ask for."""
    wanted = {
        (key, NO_SCHEDULE)
        for found in node.status.conditions or ()
        if (key := CONDITION_TAINTS.get((found.type, found.status)))
    }
    if node.spec.unschedulable:
        wanted.add((UNSCHEDULABLE, NO_SCHEDULE))
    return wanted


def no_execute_taints(node: Node) -> set[tuple[str, str]]:
    """The NoExecute taint that the Ready condition asks for; none before the first report."""
    found = condition_of(node, "Ready")
    if found is None or found.status == "True":
        return set()
    return {(NOT_READY if found.status == "False" else UNREACHABLE, NO_EXECUTE)}


class Disruption(enum.Enum):
    """How much of a zone is not ready."""

    NORMAL = "normal"
    PARTIAL = "partial"
    FULL = "full"


def disruption(size: int, not_ready: int) -> Disruption:
    """The state of a zone of so many nodes, of which so many are not ready."""
    if size and not_ready == size:
        return Disruption.FULL
    if not_ready > 2 and not_ready / size >= UNHEALTHY_ZONE_THRESHOLD:
        return Disruption.PARTIAL
    return Disruption.NORMAL


def is_all_down(zones: Iterable[Disruption]) -> bool:
    """Whether no zone has a ready node left."""
    every = list(zones)
    return bool(every) and all(state is Disruption.FULL for state in every)


def eviction_rate(zone: Disruption, zones: Iterable[Disruption], zone_size: int, normal_rate: float) -> float:
    """How many nodes of a zone may get a NoExecute taint per second; 0 stops it.

    When every zone is fully disrupted the fault is more likely here (our own network) than in all nodes: nothing is
    evicted then. A zone with many unready nodes is drained slowly, a small one not at all.
    """
    if is_all_down(zones):
        return 0.0
    if zone is Disruption.PARTIAL:
        return SECONDARY_EVICTION_RATE if zone_size > LARGE_CLUSTER else 0.0
    return normal_rate
