"""How many pods a ReplicaSet or ReplicationController has to create, which to delete, and what it reports: pure.

At most 500 pods are created or deleted per run. The two kinds share everything but the way they are written down; the
status of a ReplicationController is that of a ReplicaSet without `terminatingReplicas`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from ..api.core import Pod
from .pods import available_in_seconds, deletion_rank, node_of

BURST = 500


class Plan(msgspec.Struct, frozen=True):
    """How many pods to create, which to delete."""

    create: int = 0
    delete: tuple[Pod, ...] = ()


class Counts(msgspec.Struct):
    """The pods of one owner, counted. `soonest` is in how many seconds one more becomes available (0: none)."""

    replicas: int = 0
    labeled: int = 0
    ready: int = 0
    available: int = 0
    terminating: int = 0
    soonest: float = 0.0


class Failure(msgspec.Struct, frozen=True):
    """What the ReplicaFailure condition has to say."""

    reason: str
    message: str


def plan(wanted: int | None, active: Sequence[Pod], related: Iterable[Pod], now: datetime) -> Plan:
    """What brings the active pods to the wanted number; `related` are the active pods of sibling ReplicaSets too."""
    missing = (1 if wanted is None else wanted) - len(active)
    if missing > 0:
        return Plan(create=min(missing, BURST))
    if missing < 0:
        surplus = min(-missing, BURST)
        on_node = Counter(node_of(pod) for pod in related)
        ranked = sorted(active, key=lambda pod: deletion_rank(pod, on_node, now))
        return Plan(delete=tuple(ranked[:surplus]))
    return Plan()


def count(pods: Iterable[Pod], template_labels: Mapping[str, str] | None, min_ready: int, now: datetime) -> Counts:
    """The numbers of a status; a pod that is being deleted counts only as terminating.

    The questions of pods.py are asked in line: a large owner is counted often, and calls would be most of the cost.
    """
    labels = template_labels or {}
    found = Counts()
    replicas = labeled = ready = available = 0
    for pod in pods:
        metadata, status = pod.metadata, pod.status
        is_over = status is not None and status.phase in ("Succeeded", "Failed")
        if is_over or metadata.deletion_timestamp is not None:
            found.terminating += not is_over
            continue
        replicas += 1
        labeled += metadata.labels == labels or labels.items() <= (metadata.labels or {}).items()
        for condition in (status.conditions if status is not None else None) or ():
            if condition.type == "Ready":
                break
        else:
            continue
        if condition.status != "True":
            continue
        ready += 1
        waits = available_in_seconds(pod, min_ready, now) if min_ready else 0.0
        if waits == 0.0:
            available += 1
        elif waits is not None:
            found.soonest = min(found.soonest or waits, waits)
    found.replicas, found.labeled, found.ready, found.available = replicas, labeled, ready, available
    return found


def failure_of(error: BaseException | None, wanted: int | None, replicas: int) -> Failure | None:
    """What an error while pods were created or deleted says in the status."""
    if error is None:
        return None
    return Failure("FailedCreate" if (wanted or 0) > replicas else "FailedDelete", str(error))
