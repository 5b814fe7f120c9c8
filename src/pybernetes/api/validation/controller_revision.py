"""ControllerRevisions (apps/v1): data that is written once."""

from .. import field
from .values import Errors, Object, immutable, nonnegative


def validate_create(revision: Object) -> Errors:
    errors: Errors = []
    if revision.get("data") is None:
        errors.append(field.required("data", "data is mandatory"))
    return errors + nonnegative(revision.get("revision"), "revision")


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new) + immutable(new.get("data"), old.get("data"), "data")
