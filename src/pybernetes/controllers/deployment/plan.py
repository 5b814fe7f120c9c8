"""Which ReplicaSet gets how many replicas: pure decisions.

A rolling update with 10 replicas, maxSurge 25 % (3, rounded up) and maxUnavailable 25 % (2, rounded down):

    new 0, old 10   total may be 13: new 3                  old has 10 available, 8 needed: old 8
    new 3, old 8    new pods become available: 11 of 8 needed: old 5, total 8, new 5 …
    new 10, old 0

The functions return `{ReplicaSet name: replicas}` for those to scale; an empty dict means "nothing to do now".
"""

from collections.abc import Iterable, Sequence

from ...api.apps import Deployment, ReplicaSet
from ...api.intstr import scaled
from .revision import DESIRED, MAXIMUM, created_at

Sizes = dict[str, int]


def wanted(deployment: Deployment) -> int:
    """The replicas a Deployment asks for."""
    return deployment.spec.replicas if deployment.spec.replicas is not None else 1


def size(replica_set: ReplicaSet) -> int:
    """The replicas a ReplicaSet asks for."""
    return replica_set.spec.replicas if replica_set.spec.replicas is not None else 1


def available(replica_set: ReplicaSet) -> int:
    """The available replicas a ReplicaSet reports."""
    return replica_set.status.available_replicas or 0


def is_rolling(deployment: Deployment) -> bool:
    """Whether the strategy is RollingUpdate (the default)."""
    return (deployment.spec.strategy.type or "RollingUpdate") == "RollingUpdate"


def surge_and_unavailable(deployment: Deployment) -> tuple[int, int]:
    """maxSurge (rounded up) and maxUnavailable (rounded down), never both 0; (0, 0) when not rolling."""
    if not is_rolling(deployment):
        return 0, 0
    rolling = deployment.spec.strategy.rolling_update
    surge_value = rolling.max_surge if rolling is not None else "25%"
    unavailable_value = rolling.max_unavailable if rolling is not None else "25%"
    replicas = wanted(deployment)
    surge = scaled(surge_value, replicas, round_up=True)
    unavailable = scaled(unavailable_value, replicas, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, unavailable


def max_unavailable(deployment: Deployment) -> int:
    """How many of the wanted replicas may be unavailable during an update."""
    replicas = wanted(deployment)
    return min(surge_and_unavailable(deployment)[1], replicas)


def max_replicas(deployment: Deployment) -> int:
    """How many replicas there may be at most during an update."""
    return wanted(deployment) + surge_and_unavailable(deployment)[0]


def new_size(deployment: Deployment, all_sets: Iterable[ReplicaSet], new: ReplicaSet | None) -> int:
    """How large the new ReplicaSet may be now (it only grows here)."""
    replicas = wanted(deployment)
    if not is_rolling(deployment):
        return replicas
    current = size(new) if new is not None else 0
    room = max_replicas(deployment) - sum(map(size, all_sets))
    return current if room <= 0 else current + min(room, replicas - current)


def grow_new(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> Sizes:
    """Rolling update, first step: scale the new ReplicaSet."""
    replicas = wanted(deployment)
    if size(new) == replicas:
        return {}
    target = replicas if size(new) > replicas else new_size(deployment, [new, *old], new)
    return {} if target == size(new) else {_name(new): target}


def shrink_old(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> Sizes:
    """Rolling update, second step: scale old ReplicaSets down, unhealthy replicas first, if availability allows.

    Unavailable replicas of the new ReplicaSet count against the budget, so a bad template cannot eat up the old one.
    """
    if sum(map(size, old)) == 0:
        return {}
    min_available = wanted(deployment) - max_unavailable(deployment)
    new_unavailable = size(new) - available(new)
    budget = sum(map(size, [new, *old])) - min_available - new_unavailable
    if budget <= 0:
        return {}
    sizes = {_name(replica_set): size(replica_set) for replica_set in old}
    by_age = sorted(old, key=created_at)
    cleaned = 0
    for replica_set in by_age:
        name = _name(replica_set)
        unhealthy = sizes[name] - available(replica_set)
        if sizes[name] == 0 or unhealthy <= 0:
            continue
        step = min(budget - cleaned, unhealthy)
        if step <= 0:
            break
        sizes[name] -= step
        cleaned += step
    spare = sum(map(available, [new, *old])) - min_available
    for replica_set in by_age:
        if spare <= 0:
            break
        name = _name(replica_set)
        step = min(sizes[name], spare)
        sizes[name] -= step
        spare -= step
    return {name: target for replica_set in old if (target := sizes[name := _name(replica_set)]) != size(replica_set)}


def scale(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> Sizes:
    """Follow a changed `spec.replicas`, also in the middle of a rollout or while paused.

    One active ReplicaSet takes all. Otherwise every active one gets its proportional share, so that a rollout keeps
    its ratio and a bad new template does not gain ground; what rounding leaves goes to the largest.
    """
    replicas = wanted(deployment)
    active_old = [replica_set for replica_set in old if size(replica_set) > 0]
    only = _active_or_latest(new, old)
    if only is not None:
        return {} if size(only) == replicas else {_name(only): replicas}
    if is_saturated(deployment, new):
        return {_name(replica_set): 0 for replica_set in active_old}
    if not is_rolling(deployment):
        return {}
    active = active_old + ([new] if new is not None and size(new) > 0 else [])
    allowed = max_replicas(deployment) if replicas > 0 else 0
    to_add = allowed - sum(map(size, active))
    newest_first = to_add >= 0
    active.sort(key=lambda found: (-size(found), -created_at(found) if newest_first else created_at(found)))
    sizes: Sizes = {}
    added = 0
    for replica_set in active:
        share = _share(deployment, replica_set, to_add, added) if to_add else 0
        sizes[_name(replica_set)] = size(replica_set) + share
        added += share
    if to_add and active:
        largest = _name(active[0])
        sizes[largest] = max(0, sizes[largest] + to_add - added)
    return sizes


def is_saturated(deployment: Deployment, new: ReplicaSet | None) -> bool:
    """Whether the new ReplicaSet has all replicas, for this very number, and all are available."""
    if new is None:
        return False
    replicas = wanted(deployment)
    return annotated(new, DESIRED) == replicas and size(new) == replicas and available(new) == replicas


def is_scaling(deployment: Deployment, all_sets: Iterable[ReplicaSet]) -> bool:
    """Whether `spec.replicas` changed since the active ReplicaSets were last sized."""
    for replica_set in all_sets:
        if size(replica_set) > 0:
            desired = annotated(replica_set, DESIRED)
            if desired is not None and desired != wanted(deployment):
                return True
    return False


def annotated(replica_set: ReplicaSet, annotation: str) -> int | None:
    """A number kept in an annotation; None when absent or not a number."""
    text = (replica_set.metadata.annotations or {}).get(annotation, "")
    return int(text) if text.lstrip("-").isdigit() else None


def _active_or_latest(new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> ReplicaSet | None:
    """The only active ReplicaSet; without any the new one or the youngest; None when several are active."""
    every = [*old, *([new] if new is not None else [])]
    active = [replica_set for replica_set in every if size(replica_set) > 0]
    if len(active) == 1:
        return active[0]
    if active:
        return None
    if new is not None:
        return new
    return max(old, key=created_at, default=None)


def _share(deployment: Deployment, replica_set: ReplicaSet, to_add: int, added: int) -> int:
    """The change of one ReplicaSet in proportion to its size, within what is still to be added (or removed)."""
    left = to_add - added
    if size(replica_set) == 0 or left == 0:
        return 0
    if wanted(deployment) == 0:
        fraction = -size(replica_set)
    else:
        # Proportional to what the whole may be now, relative to what it could be when this ReplicaSet was last sized.
        total = annotated(replica_set, MAXIMUM) or deployment.status.replicas or 0
        if total == 0:
            return 0
        fraction = _round_half_up(size(replica_set) * max_replicas(deployment), total) - size(replica_set)
    return min(fraction, left) if to_add > 0 else max(fraction, left)


def _round_half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def _name(replica_set: ReplicaSet) -> str:
    return replica_set.metadata.name or ""
