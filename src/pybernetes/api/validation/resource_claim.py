"""ResourceClaims (resource.k8s.io/v1): what they ask for never changes."""

from .. import field
from .device_claims import device_claim
from .values import Errors, Object, immutable

_MOST_USERS = 256


def validate_create(claim: Object) -> Errors:
    return device_claim((claim.get("spec") or {}).get("devices") or {}, "spec.devices")


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new) + immutable(new.get("spec"), old.get("spec"), "spec")


def validate_status_update(new: Object, old: Object) -> Errors:
    """Who uses a claim is told while it is allocated; where it is allocated stays."""
    after, before = new.get("status") or {}, old.get("status") or {}
    users, known = after.get("reservedFor") or [], before.get("reservedFor") or []
    errors: Errors = []
    for index, row in enumerate(users):
        where = f"status.reservedFor[{index}]"
        if not row.get("resource"):
            errors.append(field.required(f"{where}.resource"))
        if not row.get("name"):
            errors.append(field.required(f"{where}.name"))
        if not row.get("uid"):
            errors.append(field.required(f"{where}.uid"))
    uids = [row.get("uid") for row in users]
    for index, uid in enumerate(uids):
        if uid and uid in uids[:index]:
            errors.append(field.duplicate(f"status.reservedFor[{index}].uid", uid))
    if len(users) > _MOST_USERS:
        errors.append(field.too_many("status.reservedFor", len(users), _MOST_USERS))
    if users and after.get("allocation") is None:
        errors.append(field.forbidden("status.reservedFor", "may not be specified when `allocated` is not set"))
    if new["metadata"].get("deletionTimestamp") and any(row not in known for row in users):
        words = "new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set"
        errors.append(field.forbidden("status.reservedFor", words))
    if after.get("allocation") is not None and before.get("allocation") is not None:
        errors += immutable(after["allocation"], before["allocation"], "status.allocation")
    return errors
