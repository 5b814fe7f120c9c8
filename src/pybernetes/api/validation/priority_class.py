"""PriorityClasses (scheduling.k8s.io/v1): the system's own names, and values that stay."""

from .. import field
from .pod_spec import preemption_policy
from .values import Errors, Object, immutable

_SYSTEM_PREFIX = "system-"
_SYSTEM_CLASSES = {"system-node-critical": 2000001000, "system-cluster-critical": 2000000000}
_HIGHEST = 1_000_000_000


def validate_create(priority_class: Object) -> Errors:
    name, value = priority_class["metadata"].get("name") or "", priority_class.get("value") or 0
    errors: Errors = []
    if name.startswith(_SYSTEM_PREFIX):
        why = _not_the_systems(name, value, bool(priority_class.get("globalDefault")))
        if why:
            words = (
                f"priority class names with '{_SYSTEM_PREFIX}' prefix are reserved for system use only. error: {why}"
            )
            errors.append(field.forbidden("metadata.name", words))
    elif value > _HIGHEST:
        words = f"maximum allowed value of a user defined priority is {_HIGHEST}"
        errors.append(field.forbidden("value", words))
    return errors + preemption_policy(priority_class.get("preemptionPolicy"), "preemptionPolicy")


def _not_the_systems(name: str, value: int, is_default: bool) -> str:
    known = _SYSTEM_CLASSES.get(name)
    if known is None:
        return f"{name} is not a known system priority class"
    if value != known:
        return f"value of {name} PriorityClass must be {known}"
    return f"globalDefault of {name} PriorityClass must be false" if is_default else ""


def validate_update(new: Object, old: Object) -> Errors:
    errors: Errors = []
    if (new.get("value") or 0) != (old.get("value") or 0):
        errors.append(field.forbidden("value", "may not be changed in an update."))
    return errors + immutable(new.get("preemptionPolicy"), old.get("preemptionPolicy"), "preemptionPolicy")
