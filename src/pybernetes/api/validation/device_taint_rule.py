"""Taints that an administrator puts on devices (resource.k8s.io DeviceTaintRule; KEP-5055)."""

from .. import field
from .csi_driver import driver_name
from .resource_slice import pool_name
from .values import Errors, Object, each, label, label_value, qualified_name

_EFFECTS = ("NoExecute", "NoSchedule", "None")


def validate_create(rule: Object) -> Errors:
    return _rule(rule, None)


def validate_update(new: Object, old: Object) -> Errors:
    return _rule(new, (old.get("spec") or {}).get("taint") or {})


def _rule(rule: Object, former: Object | None) -> Errors:
    """`former`: the taint as it was; an effect that stays is not judged again."""
    spec = rule.get("spec") or {}
    selector, taint = spec.get("deviceSelector") or {}, spec.get("taint") or {}
    errors: Errors = []
    if (driver := selector.get("driver")) is not None:
        errors += driver_name(driver, "spec.deviceSelector.driver")
    if (pool := selector.get("pool")) is not None:
        errors += pool_name(pool, "spec.deviceSelector.pool")
    if (device := selector.get("device")) is not None:
        errors += each("spec.deviceSelector.device", device, label(device))
    key, value, effect = taint.get("key") or "", taint.get("value") or "", taint.get("effect") or ""
    errors += each("spec.taint.key", key, qualified_name(key))
    errors += each("spec.taint.value", value, label_value(value))
    if former is None or former.get("effect") != effect:
        if not effect:
            errors.append(field.required("spec.taint.effect"))
        elif effect not in _EFFECTS:
            errors.append(field.not_supported("spec.taint.effect", effect, _EFFECTS))
    return errors
