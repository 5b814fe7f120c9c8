"""Where daemon pods belong, and which old ones may go: pure.

    node suits, tolerated      should run          one pod, the oldest; others go
    NoSchedule not tolerated   may stay            no new pod, existing ones stay
    NoExecute not tolerated, or selector does not match: must not run

A rolling update takes down at most `maxUnavailable` nodes' pods at a time; with `maxSurge` a new pod starts beside the
old one, which goes when the new one is available.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from ...api.apps import DaemonSet
from ...api.core import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    Pod,
    PodSpec,
    Toleration,
)
from ...api.intstr import scaled
from ...reconcile.node_selection import selects_node
from ...reconcile.pods import available_in_seconds, is_terminal, node_of, phase_of
from ...reconcile.taints import NO_EXECUTE, NO_SCHEDULE, NOT_READY, UNREACHABLE, UNSCHEDULABLE, tolerates

HASH_LABEL = "controller-revision-hash"
GENERATION_LABEL = "pod-template-generation"
_PRESSURES = ("disk-pressure", "memory-pressure", "pid-pressure")


class Changes(msgspec.Struct):
    """Nodes to create a pod for, pods to delete, and pods that failed (deleted with an event and a back-off)."""

    create: list[str] = []
    delete: list[Pod] = []
    failed: list[Pod] = []


def daemon_tolerations(spec: PodSpec) -> list[Toleration]:
    """What every daemon pod tolerates besides its own: it runs where others are kept away."""
    found = [
        Toleration(key=NOT_READY, operator="Exists", effect=NO_EXECUTE),
        Toleration(key=UNREACHABLE, operator="Exists", effect=NO_EXECUTE),
        *(Toleration(key=f"node.kubernetes.io/{name}", operator="Exists", effect=NO_SCHEDULE) for name in _PRESSURES),
        Toleration(key=UNSCHEDULABLE, operator="Exists", effect=NO_SCHEDULE),
    ]
    if spec.host_network:
        key = "node.kubernetes.io/network-unavailable"
        found.append(Toleration(key=key, operator="Exists", effect=NO_SCHEDULE))
    own = list(spec.tolerations or ())
    return own + [toleration for toleration in found if toleration not in own]


def on_node(spec: PodSpec, node: str) -> PodSpec:
    """The pod's spec for one node: affinity to it by name, which replaces other required terms, and tolerations."""
    requirement = NodeSelectorRequirement(key="metadata.name", operator="In", values=[node])
    required = NodeSelector(node_selector_terms=[NodeSelectorTerm(match_fields=[requirement])])
    affinity = spec.affinity or Affinity()
    own = affinity.node_affinity or NodeAffinity()
    affinity = msgspec.structs.replace(
        affinity,
        node_affinity=msgspec.structs.replace(own, required_during_scheduling_ignored_during_execution=required),
    )
    return msgspec.structs.replace(spec, affinity=affinity, tolerations=daemon_tolerations(spec))


def target_of(pod: Pod) -> str:
    """The node a daemon pod is on, or is meant for."""
    if node_of(pod):
        return node_of(pod)
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity is not None else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
    for term in (required.node_selector_terms if required is not None else None) or ():
        for field in term.match_fields or ():
            if field.key == "metadata.name" and field.operator == "In" and len(field.values or ()) == 1:
                return (field.values or [""])[0]
    return ""


def placement(daemon_set: DaemonSet, node: Node) -> tuple[bool, bool]:
    """(should run, may stay) for a node."""
    spec = daemon_set.spec.template.spec
    if not selects_node(spec, node):
        return False, False
    tolerations = daemon_tolerations(spec)
    bad = [
        taint.effect
        for taint in node.spec.taints or ()
        if taint.effect in (NO_SCHEDULE, NO_EXECUTE) and not any(tolerates(found, taint) for found in tolerations)
    ]
    return not bad, NO_EXECUTE not in bad


def by_node(pods: Iterable[Pod]) -> dict[str, list[Pod]]:
    """Pods by the node they are on or meant for, oldest first."""
    found: dict[str, list[Pod]] = {}
    for pod in sorted(pods, key=lambda pod: str(pod.metadata.creation_timestamp)):
        found.setdefault(target_of(pod), []).append(pod)
    return found


def is_current(pod: Pod, revision: str) -> bool:
    """Whether the pod was made from the current template."""
    return (pod.metadata.labels or {}).get(HASH_LABEL) == revision


def is_available(daemon_set: DaemonSet, pod: Pod, now: datetime) -> bool:
    """Whether the pod has been ready for long enough and is not going."""
    if pod.metadata.deletion_timestamp is not None:
        return False
    return available_in_seconds(pod, daemon_set.spec.min_ready_seconds or 0, now) == 0.0


def bounds(daemon_set: DaemonSet, desired: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) of a rolling update, never both 0."""
    rolling = daemon_set.spec.update_strategy.rolling_update
    surge = scaled(rolling.max_surge if rolling is not None else 0, desired, round_up=True)
    default: int | str = 1 if rolling is None or rolling.max_unavailable is None else rolling.max_unavailable
    unavailable = scaled(default, desired, round_up=True)
    return surge, unavailable if surge or unavailable else 1


def manage(
    daemon_set: DaemonSet, nodes: Sequence[Node], pods: Mapping[str, list[Pod]], revision: str, now: datetime
) -> Changes:
    """Pods missing and pods too many."""
    changes = Changes(create=[], delete=[], failed=[])
    surge, _ = bounds(daemon_set, len(nodes))
    names = {node.metadata.name or "" for node in nodes}
    for node in nodes:
        name = node.metadata.name or ""
        should_run, may_stay = placement(daemon_set, node)
        every = pods.get(name, [])
        alive = [pod for pod in every if pod.metadata.deletion_timestamp is None]
        if not may_stay:
            changes.delete += alive
            continue
        failed = [pod for pod in alive if phase_of(pod) == "Failed"]
        succeeded = [pod for pod in alive if phase_of(pod) == "Succeeded"]
        running = [pod for pod in alive if not is_terminal(pod)]
        changes.failed += failed
        changes.delete += succeeded
        if should_run and not every:
            changes.create.append(name)
        current = [pod for pod in running if is_current(pod, revision)]
        old = [pod for pod in running if pod not in current]
        if surge and current and old:
            changes.delete += current[1:] + old[1:]
            if is_available(daemon_set, current[0], now):
                changes.delete.append(old[0])
        else:
            changes.delete += running[1:]
    for name, strays in pods.items():
        if name not in names:
            changes.delete += [pod for pod in strays if not node_of(pod) and pod.metadata.deletion_timestamp is None]
    return changes


def roll(
    daemon_set: DaemonSet, nodes: Sequence[Node], pods: Mapping[str, list[Pod]], revision: str, now: datetime
) -> Changes:
    """The next step of a rolling update, once `manage` has nothing to do."""
    changes = Changes(create=[], delete=[], failed=[])
    suited = [node.metadata.name or "" for node in nodes if placement(daemon_set, node)[0]]
    surge, max_unavailable = bounds(daemon_set, len(suited))
    unavailable = surging = 0
    candidates: list[tuple[str, Pod]] = []
    for name in suited:
        alive = [pod for pod in pods.get(name, ()) if pod.metadata.deletion_timestamp is None]
        current = next((pod for pod in alive if is_current(pod, revision)), None)
        old = next((pod for pod in alive if not is_current(pod, revision)), None)
        if old is None:
            unavailable += current is None or not is_available(daemon_set, current, now)
        elif current is not None:
            surging += 1
        elif not is_available(daemon_set, old, now):
            # It serves nobody: replacing it costs nothing.
            unavailable += 1
            changes.delete.append(old)
        else:
            candidates.append((name, old))
    if surge:
        changes.create += [name for name, _ in candidates[: max(0, surge - surging)]]
    else:
        changes.delete += [pod for _, pod in candidates[: max(0, max_unavailable - unavailable)]]
    return changes
