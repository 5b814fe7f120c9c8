"""StorageClasses (storage.k8s.io/v1)."""

from .. import field
from .selectors import label_name
from .values import Errors, Object, each, one_of_if_set, qualified_name, same

_PARAMETERS_LIMIT, _PARAMETERS_LIMIT_BYTES = 512, 256 * 1024
_RECLAIM = ("Delete", "Retain")
_BINDING = ("Immediate", "WaitForFirstConsumer")


def validate_create(storage_class: Object) -> Errors:
    provisioner = storage_class.get("provisioner") or ""
    errors: Errors = []
    if not provisioner:
        errors.append(field.required("provisioner"))
    else:
        errors += each("provisioner", provisioner, qualified_name(provisioner.lower()))
    errors += _parameters(storage_class.get("parameters") or {})
    policy = storage_class.get("reclaimPolicy")
    errors += one_of_if_set(policy, _RECLAIM, "reclaimPolicy")
    mode = storage_class.get("volumeBindingMode")
    if mode is None:
        errors.append(field.required("volumeBindingMode"))
    errors += one_of_if_set(mode, _BINDING, "volumeBindingMode")
    return errors + _topologies(storage_class.get("allowedTopologies") or [])


def _parameters(parameters: dict[str, str]) -> Errors:
    if len(parameters) > _PARAMETERS_LIMIT:
        return [field.too_long("parameters", _PARAMETERS_LIMIT)]
    errors: Errors = []
    if "" in parameters:
        errors.append(field.invalid("parameters", "", "field can not be empty."))
    if sum(len(key.encode()) + len(value.encode()) for key, value in parameters.items()) > _PARAMETERS_LIMIT_BYTES:
        errors.append(field.too_long("parameters", _PARAMETERS_LIMIT_BYTES))
    return errors


def _topologies(terms: list[Object]) -> Errors:
    errors: Errors = []
    for index, term in enumerate(terms):
        path = f"allowedTopologies[{index}].matchLabelExpressions"
        keys: set[str] = set()
        for place, row in enumerate(term.get("matchLabelExpressions") or ()):
            where, values, key = f"{path}[{place}]", row.get("values") or [], row.get("key") or ""
            if not values:
                errors.append(field.required(f"{where}.values"))
            for at, value in enumerate(values):
                if value in values[:at]:
                    errors.append(field.duplicate(f"{where}.values[{at}]", value))
            errors += label_name(key, f"{where}.key")
            if key in keys:
                errors.append(field.duplicate(f"{where}.key", key))
            keys.add(key)
        if any(same(term, other) for other in terms[:index]):
            errors.append(field.duplicate(f"allowedTopologies[{index}].matchLabelExpressions", ""))
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return [
        field.forbidden(key, f"updates to {key} are forbidden.")
        for key in ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
        if not same(new.get(key), old.get(key))
    ]
