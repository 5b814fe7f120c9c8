"""What to do with one claim, or one volume, as it stands: pure.

    claim   Pending ─▶ a volume fits: bind · its class provisions: ask · else wait            ─▶ Bound
            Bound   ─▶ its volume is gone or another's                                       ─▶ Lost
    volume  nobody's: Available · reserved: Available, wait · its claim's: Bound
            its claim is gone: Released, then reclaimed (Retain: nothing, Delete: by its provisioner)

A bind is four writes, each of which says what is decided, so that after a crash it is taken up where it stopped:
the volume's `claimRef`, the volume's phase, the claim's `volumeName`, the claim's phase.
"""

import enum
from collections.abc import Iterable, Mapping

import msgspec

from ...api.core import PersistentVolume, PersistentVolumeClaim
from ...api.storage import StorageClass
from ...reconcile.pods import EPOCH
from .match import class_of_claim, find_match, mismatch, refers_to

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
IN_TREE = "kubernetes.io/"
"""How the names of provisioners begin that upstream itself had."""
SELECTED_NODE = "volume.kubernetes.io/selected-node"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
BETA_DEFAULT_CLASS = "storageclass.beta.kubernetes.io/is-default-class"


class Do(enum.Enum):
    """What to do with a claim or a volume."""

    WAIT = "nothing but keep the phase"
    BIND = "bind the claim and the volume"
    PROVISION = "ask the class' provisioner for a volume"
    LOSE = "the claim's volume is lost"
    AVAILABLE = "the volume is free, or reserved"
    BOUND = "the volume is its claim's"
    SYNC_CLAIM = "the claim has to decide"
    UNBIND = "let go of a claim that has another volume"
    RELEASE = "the claim is gone: reclaim the volume"


class Step(msgspec.Struct, frozen=True):
    """What to do, with which volume, and the event to record about it (reason and message; "" for none)."""

    do: Do
    volume: PersistentVolume | None = None
    reason: str = ""
    message: str = ""


def is_bind_completed(claim: PersistentVolumeClaim) -> bool:
    """Whether the claim was bound before; it is never bound to another volume afterwards."""
    return BIND_COMPLETED in (claim.metadata.annotations or {})


def waits_for_consumer(claim: PersistentVolumeClaim, storage_class: StorageClass | None) -> bool:
    """Whether binding is put off until a pod that uses the claim is scheduled."""
    if SELECTED_NODE in (claim.metadata.annotations or {}):
        return False
    return storage_class is not None and storage_class.volume_binding_mode == "WaitForFirstConsumer"


def default_class(classes: Iterable[StorageClass]) -> StorageClass | None:
    """The default class; of several the youngest, then the first by name."""
    defaults = [
        found
        for found in classes
        if "true" in ((found.metadata.annotations or {}).get(name) for name in (DEFAULT_CLASS, BETA_DEFAULT_CLASS))
    ]
    defaults.sort(key=lambda found: found.metadata.name or "")
    defaults.sort(key=lambda found: found.metadata.creation_timestamp or EPOCH, reverse=True)
    return defaults[0] if defaults else None


def plan_claim(
    claim: PersistentVolumeClaim,
    volumes: Mapping[str, PersistentVolume],
    storage_class: StorageClass | None,
    waiting_pods: Iterable[str] = (),
) -> Step:
    """The next step of a claim. `waiting_pods` are the names of unscheduled pods that use it."""
    if is_bind_completed(claim):
        return _bound_claim(claim, volumes)
    if claim.spec.volume_name:
        return _claim_of_volume(claim, volumes.get(claim.spec.volume_name))
    delayed = waits_for_consumer(claim, storage_class)
    # Also with a selected node only reserved volumes are taken here: the scheduler chose one that is reachable.
    is_late = storage_class is not None and storage_class.volume_binding_mode == "WaitForFirstConsumer"
    volume = find_match(claim, volumes.values(), only_reserved=is_late)
    if volume is not None:
        return Step(Do.BIND, volume)
    if delayed:
        pods = sorted(waiting_pods)
        if pods:
            return Step(Do.WAIT, None, "WaitForPodScheduled", f"waiting for pod {', '.join(pods)} to be scheduled")
        message = "waiting for first consumer to be created before binding"
        return Step(Do.WAIT, None, "WaitForFirstConsumer", message)
    if class_of_claim(claim):
        return Step(Do.PROVISION)
    message = "no persistent volumes available for this claim and no storage class is set"
    return Step(Do.WAIT, None, "FailedBinding", message)


def _claim_of_volume(claim: PersistentVolumeClaim, volume: PersistentVolume | None) -> Step:
    """A claim that names its volume, chosen by the user or by an earlier, interrupted bind."""
    if volume is None:
        return Step(Do.WAIT)
    if volume.spec.claim_ref is None or (refers_to(volume, claim) and not volume.spec.claim_ref.uid):
        problem = mismatch(claim, volume)
        if problem:
            message = f'Cannot bind to requested volume "{volume.metadata.name}": {problem}'
            return Step(Do.WAIT, None, "VolumeMismatch", message)
        return Step(Do.BIND, volume)
    if refers_to(volume, claim):
        return Step(Do.BIND, volume)
    message = f'volume "{volume.metadata.name}" already bound to a different claim.'
    return Step(Do.WAIT, None, "FailedBinding", message)


def _bound_claim(claim: PersistentVolumeClaim, volumes: Mapping[str, PersistentVolume]) -> Step:
    if not claim.spec.volume_name:
        message = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
        return Step(Do.LOSE, None, "ClaimLost", message)
    volume = volumes.get(claim.spec.volume_name)
    if volume is None:
        message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!"
        return Step(Do.LOSE, None, "ClaimLost", message)
    if volume.spec.claim_ref is None or refers_to(volume, claim):
        return Step(Do.BIND, volume)
    message = "Two claims are bound to the same volume, this one is bound incorrectly"
    return Step(Do.LOSE, None, "ClaimMisbound", message)


def plan_volume(volume: PersistentVolume, claim: PersistentVolumeClaim | None) -> Step:
    """The next step of a volume; `claim` is the one its `claimRef` names, None when it does not exist."""
    reference = volume.spec.claim_ref
    if reference is None or not reference.uid:
        return Step(Do.AVAILABLE)
    if claim is None or claim.metadata.uid != reference.uid:
        return Step(Do.RELEASE)
    if not claim.spec.volume_name:
        return Step(Do.SYNC_CLAIM)
    if claim.spec.volume_name == volume.metadata.name:
        return Step(Do.BOUND)
    annotations = volume.metadata.annotations or {}
    if PROVISIONED_BY in annotations and volume.spec.persistent_volume_reclaim_policy == "Delete":
        # Made for this claim, which found another in the meantime: nobody else will want it.
        return Step(Do.RELEASE)
    return Step(Do.UNBIND)


def undeletable(volume: PersistentVolume) -> str:
    """Why a volume whose claim is gone cannot be deleted as its policy asks; "" when its provisioner does that."""
    provisioner = (volume.metadata.annotations or {}).get(PROVISIONED_BY, "")
    if provisioner.startswith(IN_TREE):
        return f"no volume plugin matched name: {provisioner}"
    if provisioner:
        return ""
    spec = volume.spec
    if spec.host_path is not None and not spec.host_path.path.startswith("/tmp/"):
        return f"host_path deleter only supports /tmp/.+ but received provided {spec.host_path.path}"
    is_known = any(one is not None for one in (spec.csi, spec.nfs, spec.local, spec.host_path))
    kind = "deletable volume" if is_known else "volume"
    return f'error getting deleter volume plugin for volume "{volume.metadata.name}": no {kind} plugin matched'
