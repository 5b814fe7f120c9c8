"""Namespaces (core/v1)."""

from .. import field
from .object_meta import validate_finalizer
from .values import Errors, Object


def validate_create(namespace: Object) -> Errors:
    errors: Errors = []
    for finalizer in (namespace.get("spec") or {}).get("finalizers") or ():
        errors += validate_finalizer(finalizer, "spec.finalizers")
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return []


def validate_status_update(new: Object, old: Object) -> Errors:
    """The phase follows from whether the namespace is being deleted."""
    phase = (new.get("status") or {}).get("phase") or ""
    deleting = bool(new["metadata"].get("deletionTimestamp"))
    wanted = "Terminating" if deleting else "Active"
    if phase == wanted:
        return []
    state = "not empty" if deleting else "empty"
    words = f"may only be '{wanted}' if `deletionTimestamp` is {state}"
    return [field.invalid("status.Phase", phase, words)]


def _finalize(new: Object, old: Object) -> Errors:
    errors: Errors = []
    for index, finalizer in enumerate((new.get("spec") or {}).get("finalizers") or ()):
        errors += validate_finalizer(finalizer, f"spec.finalizers[{index}]")
    return errors


SUBRESOURCES = {"finalize": _finalize}
