"""CSIStorageCapacities (storage.k8s.io/v1): how much of a class there is where; which and where never change."""

from .. import field, names
from ..quantity import milli
from .values import Errors, Object, each, immutable

_FIXED = ("nodeTopology", "storageClassName")


def validate_create(capacity: Object) -> Errors:
    name = capacity.get("storageClassName") or ""
    errors = each("storageClassName", name, names.dns1123_subdomain(name))
    for key in ("capacity", "maximumVolumeSize"):
        amount = capacity.get(key)
        if amount is not None and milli(amount) < 0:
            errors.append(field.invalid(key, amount, "must be greater than or equal to 0"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    errors = validate_create(new)
    for key in _FIXED:
        errors += immutable(new.get(key), old.get(key), key)
    return errors
