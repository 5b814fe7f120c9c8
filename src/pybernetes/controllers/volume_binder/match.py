"""Which volume suits a claim: pure.

Class, volume mode, access modes, selector and size have to fit. A volume that an administrator reserved for the claim
(`claimRef` without a uid) comes first; else the volume with the fewest access modes, and of those the smallest.
"""

from collections.abc import Iterable

from ...api.core import PersistentVolume, PersistentVolumeClaim
from ...api.quantity import Quantity, QuantityError, parse
from ...api.selectors import from_label_selector

BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
NOTHING = Quantity.of(0)


def class_of_claim(claim: PersistentVolumeClaim) -> str:
    """The storage class a claim asks for; "" for none."""
    annotated = (claim.metadata.annotations or {}).get(BETA_CLASS)
    return annotated if annotated is not None else claim.spec.storage_class_name or ""


def class_of_volume(volume: PersistentVolume) -> str:
    """The storage class of a volume; "" for none."""
    annotated = (volume.metadata.annotations or {}).get(BETA_CLASS)
    return annotated if annotated is not None else volume.spec.storage_class_name or ""


def requested(claim: PersistentVolumeClaim) -> Quantity:
    """How much storage a claim asks for."""
    resources = claim.spec.resources
    return _amount((resources.requests or {}).get("storage") if resources is not None else None)


def capacity(volume: PersistentVolume) -> Quantity:
    """How much storage a volume has."""
    return _amount((volume.spec.capacity or {}).get("storage"))


def _amount(text: str | None) -> Quantity:
    try:
        return parse(text) if text else NOTHING
    except QuantityError:
        return NOTHING


def refers_to(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether the volume's `claimRef` means this claim: by name, and by uid once it has one."""
    reference = volume.spec.claim_ref
    return (
        reference is not None
        and (reference.namespace, reference.name) == (claim.metadata.namespace, claim.metadata.name)
        and (not reference.uid or reference.uid == claim.metadata.uid)
    )


def mismatch(claim: PersistentVolumeClaim, volume: PersistentVolume) -> str:
    """Why a volume the claim names cannot be its volume; "" when it can."""
    if capacity(volume) < requested(claim):
        return "requested PV is too small"
    if class_of_volume(volume) != class_of_claim(claim):
        return "storageClassName does not match"
    if (volume.spec.volume_attributes_class_name or "") != (claim.spec.volume_attributes_class_name or ""):
        return "volumeAttributesClassName does not match"
    if _mode(claim) != _mode(volume):
        return "incompatible volumeMode"
    if not set(claim.spec.access_modes or ()) <= set(volume.spec.access_modes or ()):
        return "incompatible accessMode"
    return ""


def find_match(
    claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume], *, only_reserved: bool
) -> PersistentVolume | None:
    """The volume to bind; `only_reserved` when binding waits for a pod to be scheduled."""
    fitting: list[PersistentVolume] = []
    wanted = class_of_claim(claim)
    selector = from_label_selector(claim.spec.selector) if claim.spec.selector is not None else None
    for volume in volumes:
        if volume.metadata.deletion_timestamp is not None or mismatch(claim, volume):
            continue
        if volume.spec.claim_ref is not None:
            if refers_to(volume, claim):
                return volume
            continue
        if only_reserved or volume.status.phase != "Available" or class_of_volume(volume) != wanted:
            continue
        if selector is not None and not selector.matches(volume.metadata.labels or {}):
            continue
        fitting.append(volume)
    return min(fitting, key=_rank, default=None)


def _rank(volume: PersistentVolume) -> tuple[int, int, str]:
    return len(volume.spec.access_modes or ()), capacity(volume).nanos, volume.metadata.name or ""


def _mode(obj: PersistentVolumeClaim | PersistentVolume) -> str:
    return obj.spec.volume_mode or "Filesystem"
