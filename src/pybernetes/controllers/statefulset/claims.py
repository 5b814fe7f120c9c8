"""Who owns the claims of a pod, by `persistentVolumeClaimRetentionPolicy`: pure.

    whenDeleted  whenScaled   in range        scaled away
    Retain       Retain       nobody          nobody
    Delete       Retain       StatefulSet     StatefulSet
    Retain       Delete       nobody          pod
    Delete       Delete       StatefulSet     pod

The garbage collector deletes a claim with its owner. A claim that something else controls is left alone.
"""

import msgspec

from ...api.apps import StatefulSet
from ...api.core import PersistentVolumeClaim, Pod
from ...api.meta import OwnerReference
from ...reconcile.ownership import controller_of, controller_reference
from .identity import ordinal_of, ordinals


def wanted_owner(stateful_set: StatefulSet, pod: Pod) -> StatefulSet | Pod | None:
    """Who should own the claims of this pod."""
    policy = stateful_set.spec.persistent_volume_claim_retention_policy
    when_deleted = (policy.when_deleted if policy is not None else None) or "Retain"
    when_scaled = (policy.when_scaled if policy is not None else None) or "Retain"
    if when_scaled == "Delete" and ordinal_of(pod) not in ordinals(stateful_set):
        return pod
    return stateful_set if when_deleted == "Delete" else None


def with_owner(
    stateful_set: StatefulSet, pod: Pod, claim: PersistentVolumeClaim, *, pod_exists: bool
) -> list[OwnerReference] | None:
    """The owner references the claim should have; None when it has them, or when it is not ours to change.

    A pod that does not exist yet cannot own anything.
    """
    current = list(claim.metadata.owner_references or ())
    ours = {stateful_set.metadata.uid, pod.metadata.uid}
    controller = controller_of(claim)
    if controller is not None and controller.uid not in ours:
        return None
    owner = wanted_owner(stateful_set, pod)
    if isinstance(owner, Pod) and not pod_exists:
        return None
    uid = owner.metadata.uid if owner is not None else None
    kept = [reference for reference in current if reference.uid not in ours or reference.uid == uid]
    if owner is not None and not any(reference.uid == uid for reference in kept):
        kept.append(controller_reference(owner))
    return kept if kept != current else None


def is_stale(claim: PersistentVolumeClaim, pod: Pod) -> bool:
    """Whether the claim belongs to an earlier pod of that name and is about to be deleted with it."""
    return any(
        reference.kind == "Pod" and reference.name == pod.metadata.name and reference.uid != pod.metadata.uid
        for reference in claim.metadata.owner_references or ()
    )


def owned_by(claim: PersistentVolumeClaim, owners: list[OwnerReference]) -> PersistentVolumeClaim:
    """The claim with these owners, to be written over the state they were decided for."""
    metadata = msgspec.structs.replace(claim.metadata, owner_references=owners or None)
    return msgspec.structs.replace(claim, metadata=metadata)
