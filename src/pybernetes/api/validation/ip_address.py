"""IPAddresses (networking.k8s.io/v1): whose an address is; that never changes."""

from .. import field, names
from .values import Errors, Object, each, immutable, named, subdomain

_PARENT = "spec.parentRef"


def validate_create(address: Object) -> Errors:
    parent = (address.get("spec") or {}).get("parentRef")
    if parent is None:
        return [field.required(_PARENT)]
    errors: Errors = []
    # Services are of the core group, whose name is empty.
    if group := parent.get("group"):
        errors += each(f"{_PARENT}.group", group, subdomain(group))
    for key in ("resource", "name"):
        errors += named(f"{_PARENT}.{key}", parent.get(key) or "", names.path_segment)
    if namespace := parent.get("namespace"):
        errors += each(f"{_PARENT}.namespace", namespace, names.path_segment(namespace))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    after, before = new.get("spec") or {}, old.get("spec") or {}
    return validate_create(new) + immutable(after.get("parentRef"), before.get("parentRef"), _PARENT)
