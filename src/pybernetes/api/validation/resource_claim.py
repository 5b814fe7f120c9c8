"""ResourceClaims (resource.k8s.io/v1): what they ask for never changes."""

from .device_claims import device_claim
from .values import Errors, Object, immutable


def validate_create(claim: Object) -> Errors:
    return device_claim((claim.get("spec") or {}).get("devices") or {}, "spec.devices")


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new) + immutable(new.get("spec"), old.get("spec"), "spec")
