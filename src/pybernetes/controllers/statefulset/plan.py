"""What a StatefulSet does next: pure.

OrderedReady makes one step at a time, and only over healthy ground:

    ordinals from the lowest up    missing: create · ended: delete, to be made anew · not available: wait
    ordinals beyond the range      from the highest down; unhealthy others first: wait
    old revisions                  from the highest down to the partition; at most `maxUnavailable` down at a time

Parallel does all creations and deletions of scaling at once; updates proceed alike.
"""

from collections.abc import Container, Iterable
from datetime import datetime

import msgspec

from ...api.apps import StatefulSet, StatefulSetStatus
from ...api.core import Pod
from ...api.intstr import scaled
from ...reconcile.pods import available_in_seconds, is_ready, phase_of
from .identity import missing_labels, ordinal_of, ordinals, revision_of, start_of, wanted


class Steps(msgspec.Struct):
    """What to do now. `claims` are ordinals of pending pods whose claims may be missing; `repair` lack labels."""

    create: list[int] = []
    delete: list[Pod] = []
    claims: list[int] = []
    repair: list[Pod] = []


def is_ordered(stateful_set: StatefulSet) -> bool:
    """Whether the pod management policy is OrderedReady (the default)."""
    return stateful_set.spec.pod_management_policy != "Parallel"


def is_rolling(stateful_set: StatefulSet) -> bool:
    """Whether old pods are replaced by the controller."""
    return (stateful_set.spec.update_strategy.type or "RollingUpdate") == "RollingUpdate"


def partition_of(stateful_set: StatefulSet) -> int:
    """The ordinal from which on pods are updated, counted from the start ordinal."""
    rolling = stateful_set.spec.update_strategy.rolling_update
    return (rolling.partition if rolling is not None else 0) or 0


def max_unavailable(stateful_set: StatefulSet) -> int:
    """How many pods an update may have down at a time; at least 1."""
    rolling = stateful_set.spec.update_strategy.rolling_update
    value = rolling.max_unavailable if rolling is not None else None
    return max(1, scaled(1 if value is None else value, wanted(stateful_set), round_up=False))


def is_terminating(pod: Pod) -> bool:
    """Whether the pod is being deleted."""
    return pod.metadata.deletion_timestamp is not None


def is_healthy(pod: Pod) -> bool:
    """Whether the pod runs and is ready."""
    return phase_of(pod) == "Running" and is_ready(pod)


def is_available(stateful_set: StatefulSet, pod: Pod, now: datetime) -> bool:
    """Whether the pod has been ready for `minReadySeconds`."""
    return is_healthy(pod) and available_in_seconds(pod, stateful_set.spec.min_ready_seconds or 0, now) == 0.0


def uses_current(stateful_set: StatefulSet, ordinal: int) -> bool:
    """Whether a missing pod is made from the current revision rather than from the update revision."""
    if not is_rolling(stateful_set):
        return False
    rolling = stateful_set.spec.update_strategy.rolling_update
    old = (stateful_set.status.current_replicas or 0) if rolling is None else partition_of(stateful_set)
    return ordinal < start_of(stateful_set) + old


def next_steps(stateful_set: StatefulSet, pods: Iterable[Pod], update_revision: str, now: datetime) -> Steps:
    """The next steps, for the pods that are members of the set."""
    steps = Steps(create=[], delete=[], claims=[], repair=[])
    in_range = ordinals(stateful_set)
    by_ordinal = {ordinal_of(pod): pod for pod in pods}
    if _keep(stateful_set, by_ordinal, in_range, steps, now):
        return steps
    condemned = [by_ordinal[ordinal] for ordinal in sorted(by_ordinal, reverse=True) if ordinal not in in_range]
    if _shrink(stateful_set, by_ordinal, condemned, steps, now):
        return steps
    if is_rolling(stateful_set):
        steps.delete += _outdated(stateful_set, by_ordinal, update_revision, steps, now)
    return steps


def _keep(stateful_set: StatefulSet, by_ordinal: dict[int, Pod], in_range: range, steps: Steps, now: datetime) -> bool:
    """Have a healthy pod for every ordinal; True when nothing else may be done before."""
    ordered = is_ordered(stateful_set)
    for ordinal in in_range:
        pod = by_ordinal.get(ordinal)
        if pod is None:
            steps.create.append(ordinal)
            if ordered:
                return True
            continue
        if phase_of(pod) in ("Failed", "Succeeded"):
            if not is_terminating(pod):
                steps.delete.append(pod)
            if ordered:
                return True
            continue
        if phase_of(pod) == "Pending":
            steps.claims.append(ordinal)
        if ordered and (is_terminating(pod) or not is_available(stateful_set, pod, now)):
            return True
        if missing_labels(stateful_set, pod):
            steps.repair.append(pod)
    return False


def _shrink(
    stateful_set: StatefulSet, by_ordinal: dict[int, Pod], condemned: list[Pod], steps: Steps, now: datetime
) -> bool:
    """Delete pods beyond the range, the highest ordinal first; True when an update has to wait for that."""
    if not is_ordered(stateful_set):
        steps.delete += [pod for pod in condemned if not is_terminating(pod)]
        return False
    if not condemned:
        return False
    highest = condemned[0]
    if is_terminating(highest):
        return True
    unhealthy = (
        by_ordinal[ordinal] for ordinal in sorted(by_ordinal) if _is_down(stateful_set, by_ordinal[ordinal], now)
    )
    if _is_down(stateful_set, highest, now) and highest is not next(unhealthy):
        return True
    steps.delete.append(highest)
    return True


def _outdated(
    stateful_set: StatefulSet, by_ordinal: dict[int, Pod], update_revision: str, steps: Steps, now: datetime
) -> list[Pod]:
    """The pods an update takes down now: from the highest, as long as not too many are down above them."""
    start = start_of(stateful_set)
    budget = max_unavailable(stateful_set)
    found: list[Pod] = []
    for ordinal in range(start + wanted(stateful_set) - 1, start + partition_of(stateful_set) - 1, -1):
        pod = by_ordinal.get(ordinal)
        if pod is not None and revision_of(pod) != update_revision and not is_terminating(pod):
            if pod not in steps.delete:
                found.append(pod)
            budget -= 1
        elif pod is None or _is_down(stateful_set, pod, now):
            budget -= 1
        if budget == 0:
            break
    return found


def _is_down(stateful_set: StatefulSet, pod: Pod, now: datetime) -> bool:
    return is_terminating(pod) or not is_available(stateful_set, pod, now)


def status_of(
    stateful_set: StatefulSet,
    pods: Iterable[Pod],
    current: str,
    update: str,
    now: datetime,
    deleted: Container[str] = (),
) -> tuple[StatefulSetStatus, float]:
    """The status for these pods, and in how many seconds one more pod becomes available (0: none).

    `deleted` are uids of pods that were just taken down: none of a revision any more, lest the pod that an update took
    is made from the old one again (`uses_current`).

    An update is complete when every wanted pod is of the update revision and ready: it is the current one from then on.
    """
    replicas = ready = available = currents = updated = 0
    soonest = 0.0
    min_ready = stateful_set.spec.min_ready_seconds or 0
    for pod in pods:
        replicas += 1
        if is_healthy(pod):
            ready += 1
            waits = available_in_seconds(pod, min_ready, now)
            available += waits == 0.0
            if waits:
                soonest = min(soonest or waits, waits)
        if not is_terminating(pod) and pod.metadata.uid not in deleted:
            currents += revision_of(pod) == current
            updated += revision_of(pod) == update
    if is_rolling(stateful_set) and updated == replicas == ready == wanted(stateful_set):
        current, currents = update, updated
    status = StatefulSetStatus(
        observed_generation=stateful_set.metadata.generation,
        replicas=replicas,
        ready_replicas=ready or None,
        available_replicas=available,
        current_replicas=currents or None,
        updated_replicas=updated or None,
        current_revision=current,
        update_revision=update,
        conditions=stateful_set.status.conditions,
    )
    return status, soonest
