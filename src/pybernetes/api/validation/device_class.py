"""DeviceClasses (resource.k8s.io/v1)."""

from .. import field
from .device_claims import CONFIG_LIMIT, device_config, selectors
from .values import Errors, Object


def validate_create(device_class: Object) -> Errors:
    spec = device_class.get("spec") or {}
    errors = selectors(spec.get("selectors") or [], "spec.selectors")
    configs = spec.get("config") or []
    if len(configs) > CONFIG_LIMIT:
        errors.append(field.too_many("spec.config", len(configs), CONFIG_LIMIT))
    for at, config in enumerate(configs):
        errors += device_config(config, f"spec.config[{at}]")
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    return validate_create(new)
