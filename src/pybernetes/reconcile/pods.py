"""Facts about pods that every controller of pods reads alike: ready, available, active, what to delete first.

Pure functions over `Pod` Structs; the sources are the API's definitions (pod lifecycle, `minReadySeconds`) and the
ranking of `ReplicaSet` scale-down (pod deletion cost, KEP-2255).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import log2
from typing import Any

import msgspec

from ..api.core import Pod, PodCondition, PodTemplateSpec
from ..api.meta import ObjectMeta
from ..base.clock import after
from .ownership import controller_reference

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def phase_of(pod: Pod) -> str:
    """The phase; "" when none was reported."""
    return (pod.status.phase if pod.status is not None else None) or ""


def node_of(pod: Pod) -> str:
    """The node the pod is bound to, "" when unscheduled."""
    return (pod.spec.node_name if pod.spec is not None else None) or ""


def condition_of(pod: Pod, type_: str) -> PodCondition | None:
    """One condition of the pod's status."""
    for condition in (pod.status.conditions if pod.status is not None else None) or ():
        if condition.type == type_:
            found: PodCondition = condition
            return found
    return None


def is_terminal(pod: Pod) -> bool:
    """Whether its containers have ended for good."""
    return phase_of(pod) in ("Succeeded", "Failed")


def is_active(pod: Pod) -> bool:
    """Whether it counts as a replica: not ended, not being deleted."""
    return pod.metadata.deletion_timestamp is None and not is_terminal(pod)


def is_ready(pod: Pod) -> bool:
    """Whether its Ready condition is True."""
    condition = condition_of(pod, "Ready")
    return condition is not None and condition.status == "True"


def available_in_seconds(pod: Pod, min_ready_seconds: int, now: datetime) -> float | None:
    """0 when the pod is available, seconds until it will be when it stays ready, None while it is not ready.

    Never more than `min_ready_seconds`: a pod ready since the future (the clock was set back) is looked at again.
    """
    condition = condition_of(pod, "Ready")
    if condition is None or condition.status != "True":
        return None
    if min_ready_seconds == 0:
        return 0.0
    if condition.last_transition_time is None:
        return None
    due = after(condition.last_transition_time, min_ready_seconds)
    return min(float(min_ready_seconds), max(0.0, (due - now).total_seconds()))


def restarts_of(pod: Pod) -> int:
    """The most restarts any of its containers had (init containers too)."""
    status = pod.status
    if status is None:
        return 0
    every = [*(status.container_statuses or ()), *(status.init_container_statuses or ())]
    return max((container.restart_count or 0 for container in every), default=0)


def deletion_rank(pod: Pod, pods_on_node: Mapping[str, int], now: datetime) -> tuple[Any, ...]:
    """Sort key: what is deleted first when there are too many. The least useful pod sorts lowest.

    Unscheduled, then Pending, Unknown, Running; then not ready; then lowest deletion cost; then on the node with the
    most related pods; then ready for the shortest time (in powers of two); most restarts; youngest (likewise).
    """
    phase_rank = {"Pending": 0, "Unknown": 1, "": 1, "Running": 2}
    ready = condition_of(pod, "Ready") if is_ready(pod) else None
    ready_since = ready.last_transition_time if ready is not None else None
    return (
        bool(node_of(pod)),
        phase_rank.get(phase_of(pod), 1),
        ready is not None,
        deletion_cost(pod),
        -pods_on_node.get(node_of(pod), 0),
        _age_rank(ready_since, now),
        -restarts_of(pod),
        _age_rank(pod.metadata.creation_timestamp, now),
        pod.metadata.uid or "",
    )


def deletion_cost(pod: Pod) -> int:
    """The pod's deletion cost annotation; 0 when absent or not a number."""
    text = (pod.metadata.annotations or {}).get(DELETION_COST, "")
    try:
        return int(text)
    except ValueError:
        return 0


def _age_rank(since: datetime | None, now: datetime) -> int:
    """0 unknown (youngest of all), else the logarithm of the age in seconds: differences below a doubling are equal."""
    if since is None:
        return 0
    return 1 + int(log2(max(1.0, (now - since).total_seconds())))


def pod_from_template(template: PodTemplateSpec, owner: Any, *, name: str = "", prefix: str = "") -> Pod:
    """A pod of a template, managed by `owner`. Without `name` the server makes one up from `prefix`."""
    wanted = template.metadata or ObjectMeta()
    metadata = ObjectMeta(
        namespace=owner.metadata.namespace,
        labels=dict(wanted.labels or {}) or None,
        annotations=dict(wanted.annotations or {}) or None,
        finalizers=list(wanted.finalizers or ()) or None,
        owner_references=[controller_reference(owner)],
    )
    if name:
        metadata.name = name
    else:
        metadata.generate_name = prefix or generate_prefix(owner.metadata.name or "")
    return Pod(metadata=metadata, spec=template.spec)


def generate_prefix(owner_name: str) -> str:
    """The generateName of an owner's dependents; names too long for a dash are used as they are."""
    return owner_name + "-" if len(owner_name) <= 252 else owner_name


def with_condition(
    conditions: Iterable[PodCondition], type_: str, status: str, reason: str, message: str, now: datetime
) -> list[PodCondition]:
    """The conditions with one set; its transition time moves only when the status changes."""
    found: list[PodCondition] = []
    changed_at = now
    for condition in conditions:
        if condition.type == type_:
            if condition.status == status and condition.last_transition_time is not None:
                changed_at = condition.last_transition_time
        else:
            found.append(condition)
    fresh = PodCondition(type=type_, status=status, reason=reason, message=message, last_transition_time=changed_at)
    return [*found, fresh]


def slow_start_batches(count: int, first: int = 1) -> list[int]:
    """Batch sizes 1, 2, 4, … that add up to count: a failing template costs few refused requests."""
    sizes: list[int] = []
    size = first
    while count > 0:
        sizes.append(min(size, count))
        count -= sizes[-1]
        size *= 2
    return sizes


def structs_equal(left: msgspec.Struct | None, right: msgspec.Struct | None) -> bool:
    """Whether two Structs say the same on the wire (an absent and an empty field are the same)."""
    return left == right or _plain(left) == _plain(right)


def _plain(value: Any) -> Any:
    built = msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value
    if isinstance(built, dict):
        return {key: plain for key, item in built.items() if (plain := _plain(item)) not in (None, {}, [], "")}
    if isinstance(built, list):
        return [_plain(item) for item in built]
    return built
