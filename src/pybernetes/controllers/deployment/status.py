"""The status of a Deployment: numbers, and the conditions Available, Progressing and ReplicaFailure.

Progressing tells the story of a rollout:

    NewReplicaSetCreated / FoundNewReplicaSet ─▶ ReplicaSetUpdated ─▶ NewReplicaSetAvailable        (True)
                                     no progress for progressDeadlineSeconds ─▶ ProgressDeadlineExceeded (False)
    paused ─▶ DeploymentPaused (Unknown)      resumed ─▶ DeploymentResumed (Unknown)

`lastUpdateTime` is the last sign of progress; the deadline counts from there.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from ...api.apps import Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet
from ...base.clock import after
from .plan import available, max_unavailable, size, wanted
from .revision import NO_LIMIT

AVAILABLE, PROGRESSING, REPLICA_FAILURE = "Available", "Progressing", "ReplicaFailure"
TIMED_OUT = "ProgressDeadlineExceeded"
NEW_AVAILABLE = "NewReplicaSetAvailable"
PAUSED, RESUMED = "DeploymentPaused", "DeploymentResumed"

Conditions = list[DeploymentCondition]


def condition_of(status: DeploymentStatus, type_: str) -> DeploymentCondition | None:
    """One condition of a status."""
    return next((condition for condition in status.conditions or () if condition.type == type_), None)


def condition(type_: str, status: str, reason: str, message: str, now: datetime) -> DeploymentCondition:
    """A fresh condition."""
    return DeploymentCondition(
        type=type_, status=status, reason=reason, message=message, last_update_time=now, last_transition_time=now
    )


def with_condition(conditions: Sequence[DeploymentCondition], fresh: DeploymentCondition) -> Conditions:
    """The conditions with one set. Same status and reason: unchanged; same status: the transition time stays."""
    others = [found for found in conditions if found.type != fresh.type]
    current = next((found for found in conditions if found.type == fresh.type), None)
    if current is not None:
        if current.status == fresh.status and current.reason == fresh.reason:
            return list(conditions)
        if current.status == fresh.status:
            fresh = msgspec.structs.replace(fresh, last_transition_time=current.last_transition_time)
    return [*others, fresh]


def without(conditions: Sequence[DeploymentCondition], type_: str) -> Conditions:
    """The conditions without one."""
    return [found for found in conditions if found.type != type_]


def has_deadline(deployment: Deployment) -> bool:
    """Whether the rollout has to progress within some time."""
    return deployment.spec.progress_deadline_seconds not in (None, NO_LIMIT)


def counted(
    deployment: Deployment, new: ReplicaSet | None, all_sets: Sequence[ReplicaSet], now: datetime
) -> DeploymentStatus:
    """The numbers and the Available condition."""
    total_available = sum(map(available, all_sets))
    unavailable = max(0, sum(map(size, all_sets)) - total_available)
    if total_available >= wanted(deployment) - max_unavailable(deployment):
        fresh = condition(AVAILABLE, "True", "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
    else:
        fresh = condition(
            AVAILABLE, "False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.", now
        )
    terminating = [found.status.terminating_replicas for found in all_sets]
    return DeploymentStatus(
        observed_generation=deployment.metadata.generation,
        replicas=sum(found.status.replicas for found in all_sets) or None,
        updated_replicas=(new.status.replicas if new is not None else 0) or None,
        ready_replicas=sum(found.status.ready_replicas or 0 for found in all_sets) or None,
        available_replicas=total_available or None,
        unavailable_replicas=unavailable or None,
        terminating_replicas=None if None in terminating else sum(count or 0 for count in terminating),
        collision_count=deployment.status.collision_count,
        conditions=with_condition(deployment.status.conditions or (), fresh),
    )


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Whether all replicas are updated and available and no old one is left."""
    replicas = wanted(deployment)
    return (
        (status.updated_replicas or 0) == replicas
        and (status.replicas or 0) == replicas
        and (status.available_replicas or 0) == replicas
        and (status.observed_generation or 0) >= (deployment.metadata.generation or 0)
    )


def is_progressing(deployment: Deployment, status: DeploymentStatus) -> bool:
    """Whether anything moved forward since the reported status."""
    before = deployment.status
    old_left = (status.replicas or 0) - (status.updated_replicas or 0)
    old_left_before = (before.replicas or 0) - (before.updated_replicas or 0)
    return (
        (status.updated_replicas or 0) > (before.updated_replicas or 0)
        or old_left < old_left_before
        or (status.ready_replicas or 0) > (before.ready_replicas or 0)
        or (status.available_replicas or 0) > (before.available_replicas or 0)
    )


def is_timed_out(deployment: Deployment, now: datetime) -> bool:
    """Whether the rollout made no progress for its deadline."""
    current = condition_of(deployment.status, PROGRESSING)
    if not has_deadline(deployment) or current is None or current.reason == NEW_AVAILABLE:
        return False
    if current.reason == TIMED_OUT:
        return True
    seconds = deployment.spec.progress_deadline_seconds or 0
    return current.last_update_time is not None and after(current.last_update_time, seconds) < now


def rolled_out(
    deployment: Deployment, new: ReplicaSet | None, all_sets: Sequence[ReplicaSet], now: datetime
) -> DeploymentStatus:
    """The whole status during and after a rollout."""
    status = counted(deployment, new, all_sets, now)
    conditions: Conditions = list(status.conditions or ())
    current = condition_of(deployment.status, PROGRESSING)
    if not has_deadline(deployment):
        conditions = without(conditions, PROGRESSING)
    settled = (
        (status.replicas or 0) == (status.updated_replicas or 0)
        and current is not None
        and current.reason == NEW_AVAILABLE
    )
    if has_deadline(deployment) and not settled:
        subject = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{deployment.metadata.name}"'
        if is_complete(deployment, status):
            message = f"{subject} has successfully progressed."
            conditions = with_condition(conditions, condition(PROGRESSING, "True", NEW_AVAILABLE, message, now))
        elif is_progressing(deployment, status):
            fresh = condition(PROGRESSING, "True", "ReplicaSetUpdated", f"{subject} is progressing.", now)
            if current is not None and current.status == "True":
                fresh.last_transition_time = current.last_transition_time
            # Set anew even with the same reason: lastUpdateTime is the sign of progress.
            conditions = [*without(conditions, PROGRESSING), fresh]
        elif is_timed_out(deployment, now):
            message = f"{subject} has timed out progressing."
            conditions = with_condition(conditions, condition(PROGRESSING, "False", TIMED_OUT, message, now))
    failures = _failures(new, all_sets, now)
    if failures:
        conditions = with_condition(conditions, failures[0])
    else:
        conditions = without(conditions, REPLICA_FAILURE)
    status.conditions = conditions or None
    return status


def seconds_to_deadline(deployment: Deployment, status: DeploymentStatus, now: datetime) -> float:
    """In how many seconds the rollout has to be looked at for its deadline; 0 when there is nothing to wait for."""
    current = condition_of(status, PROGRESSING)
    if not has_deadline(deployment) or current is None or current.last_update_time is None:
        return 0.0
    if is_complete(deployment, status) or current.reason in (TIMED_OUT, NEW_AVAILABLE, PAUSED):
        return 0.0
    due = after(current.last_update_time, deployment.spec.progress_deadline_seconds or 0)
    return max(0.0, (due - now).total_seconds()) + 1.0


def paused_condition(deployment: Deployment, now: datetime) -> DeploymentCondition | None:
    """The Progressing condition that pausing or resuming asks for; None when it is right already."""
    if not has_deadline(deployment):
        return None
    current = condition_of(deployment.status, PROGRESSING)
    if current is not None and current.reason == TIMED_OUT:
        return None
    is_marked = current is not None and current.reason == PAUSED
    if deployment.spec.paused and not is_marked:
        return condition(PROGRESSING, "Unknown", PAUSED, "Deployment is paused", now)
    if not deployment.spec.paused and is_marked:
        return condition(PROGRESSING, "Unknown", RESUMED, "Deployment is resumed", now)
    return None


def _failures(new: ReplicaSet | None, all_sets: Sequence[ReplicaSet], now: datetime) -> Conditions:
    """ReplicaFailure of the new ReplicaSet, or of any."""
    for replica_set in ([new] if new is not None else []) + list(all_sets):
        for found in replica_set.status.conditions or ():
            if found.type == REPLICA_FAILURE:
                return [
                    DeploymentCondition(
                        type=REPLICA_FAILURE,
                        status=found.status,
                        reason=found.reason,
                        message=found.message,
                        last_update_time=found.last_transition_time or now,
                        last_transition_time=found.last_transition_time or now,
                    )
                ]
    return []
