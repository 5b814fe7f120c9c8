"""VolumeAttributesClasses (storage.k8s.io/v1): a driver and its parameters; neither changes."""

from .. import field, names
from .values import Errors, Object, each, immutable

_COUNT_LIMIT = 512
_SIZE_LIMIT = 256 * 1024


def validate_create(attributes_class: Object) -> Errors:
    driver = attributes_class.get("driverName") or ""
    errors: Errors = [] if driver else [field.required("driverName")]
    if driver:
        errors += each("driverName", driver, names.qualified_name(driver.lower()))
    return errors + _parameters(attributes_class.get("parameters") or {})


def _parameters(parameters: dict[str, str]) -> Errors:
    if len(parameters) > _COUNT_LIMIT:
        return [field.too_long("parameters", _COUNT_LIMIT)]
    errors: Errors = []
    for key in parameters:
        if not key:
            errors.append(field.invalid("parameters", key, "field can not be empty."))
    if sum(len(key) + len(value) for key, value in parameters.items()) > _SIZE_LIMIT:
        errors.append(field.too_long("parameters", _SIZE_LIMIT))
    if not parameters:
        errors.append(field.required("parameters", "must contain at least one key/value pair"))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    errors = validate_create(new)
    for key in ("driverName", "parameters"):
        errors += immutable(new.get(key), old.get(key), key)
    return errors
