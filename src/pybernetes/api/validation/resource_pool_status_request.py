"""Questions about the devices of pools, answered once in their status (resource.k8s.io, KEP-5677)."""

from .by_schema import SchemaRules
from .csi_driver import driver_name
from .values import Errors, Object, immutable

_RULES = SchemaRules("resource/v1alpha3.ResourcePoolStatusRequest")


def validate_create(request: Object) -> Errors:
    return _RULES.validate_create(request)


def validate_update(new: Object, old: Object) -> Errors:
    return _RULES.validate_update(new, old)


def validate_status_update(new: Object, old: Object) -> Errors:
    status, former = new.get("status"), old.get("status")
    if former is not None:
        return immutable(status, former, "status")
    errors: Errors = []
    for at, pool in enumerate((status or {}).get("pools") or ()):
        errors += driver_name(pool.get("driver") or "", f"status.pools[{at}].driver")
    return errors
