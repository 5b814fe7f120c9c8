"""ResourceClaimTemplates (resource.k8s.io/v1): claims made from them are as they were made."""

from .device_claims import device_claim
from .values import Errors, Object, immutable


def validate_create(template: Object) -> Errors:
    spec = (template.get("spec") or {}).get("spec") or {}
    return device_claim(spec.get("devices") or {}, "spec.spec.devices")


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new) + immutable(new.get("spec"), old.get("spec"), "spec")
