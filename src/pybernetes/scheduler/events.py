"""What a change of an object means for pods that wait: the actions plugins may be interested in. Pure."""

from functools import cache

from pybernetes.api.core import Node
from pybernetes.scheduler.framework import Action, ClusterEvent
from pybernetes.scheduler.pod_info import PodInfo

NONE = Action(0)


def node_actions(old: Node, new: Node) -> Action:
    """How a node changed; a mere heartbeat is no change."""
    actions = NONE
    if old.status.allocatable != new.status.allocatable:
        actions |= Action.NODE_ALLOCATABLE
    if old.metadata.labels != new.metadata.labels:
        actions |= Action.NODE_LABELS
    if old.spec.taints != new.spec.taints or old.spec.unschedulable != new.spec.unschedulable:
        actions |= Action.NODE_TAINTS
    if old.status.images != new.status.images:
        actions |= Action.NODE_IMAGES
    if _conditions(old) != _conditions(new):
        actions |= Action.NODE_CONDITIONS
    if old.status.declared_features != new.status.declared_features:
        actions |= Action.UPDATE
    return actions


def _conditions(node: Node) -> dict[str, str]:
    return {condition.type: condition.status for condition in node.status.conditions or ()}


def pod_actions(old: PodInfo, new: PodInfo) -> Action:
    """How a pod on a node changed."""
    actions = NONE
    if old.labels != new.labels:
        actions |= Action.POD_LABELS
    before, after = old.requests, new.requests
    if (
        after.milli_cpu < before.milli_cpu
        or after.memory < before.memory
        or after.ephemeral < before.ephemeral
        or any(after.scalars.get(name, 0) < amount for name, amount in before.scalars.items())
    ):
        actions |= Action.POD_SCALED_DOWN
    return actions


_LABELS = {
    Action.ADD: "Add",
    Action.DELETE: "Delete",
    Action.NODE_ALLOCATABLE: "UpdateNodeAllocatable",
    Action.NODE_LABELS: "UpdateNodeLabel",
    Action.NODE_TAINTS: "UpdateNodeTaint",
    Action.NODE_CONDITIONS: "UpdateNodeCondition",
    Action.POD_LABELS: "UpdatePodLabel",
    Action.POD_SCALED_DOWN: "UpdatePodScaleDown",
}


def label(event: ClusterEvent) -> str:
    """What upstream's metrics call an event: `AssignedPodDelete`, `NodeUpdateNodeTaint`."""
    return _label(event.kind, event.action._value_)  # an enumeration's own hash is a slow one


@cache
def _label(kind: str, actions: int) -> str:
    happened = next((text for action, text in _LABELS.items() if Action(actions) & action), "Update")
    return f"{'AssignedPod' if kind == 'Pod' else kind}{happened}"
