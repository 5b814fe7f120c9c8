"""ResourceSlices (resource.k8s.io/v1): devices of one driver's pool, and the nodes that reach them."""

from .. import field, names
from .csi_driver import driver_name
from .values import Errors, Object, each, immutable, label

DEVICES_LIMIT = 128
_NODES = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_ONE_OF = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
_POOL_NAME_LIMIT = 253


def validate_create(resource_slice: Object) -> Errors:
    spec = resource_slice.get("spec") or {}
    errors = driver_name(spec.get("driver") or "", "spec.driver")
    errors += _pool(spec.get("pool") or {}, "spec.pool")
    set_fields = [key for key in _NODES if spec.get(key)]
    if not set_fields:
        errors.append(field.required("spec", _ONE_OF))
    elif len(set_fields) > 1:
        shown = "{" + ", ".join(f"`{key}`" for key in set_fields) + "}"
        errors.append(field.invalid("spec", shown, f"{_ONE_OF}, but multiple fields are set"))
    if node := spec.get("nodeName"):
        errors += each("spec.nodeName", node, names.dns1123_subdomain(node))
    return errors + _devices(spec.get("devices") or [], "spec.devices")


def pool_name(name: str, path: str) -> Errors:
    """Subdomains joined by slashes."""
    if not name:
        return [field.required(path)]
    errors: Errors = [field.too_long(path, _POOL_NAME_LIMIT)] if len(name) > _POOL_NAME_LIMIT else []
    for part in name.split("/"):
        errors += each(path, part, names.dns1123_subdomain(part))
    return errors


def _pool(pool: Object, path: str) -> Errors:
    errors = pool_name(pool.get("name") or "", f"{path}.name")
    count, generation = pool.get("resourceSliceCount") or 0, pool.get("generation") or 0
    if count <= 0:
        errors.append(field.invalid(f"{path}.resourceSliceCount", count, "must be greater than zero"))
    if generation < 0:
        errors.append(field.invalid(f"{path}.generation", generation, "must be greater than or equal to zero"))
    return errors


def _devices(devices: list[Object], path: str) -> Errors:
    errors: Errors = []
    if len(devices) > DEVICES_LIMIT:
        errors.append(field.too_many(path, len(devices), DEVICES_LIMIT))
    seen = set()
    for at, device in enumerate(devices):
        name, where = device.get("name") or "", f"{path}[{at}].name"
        errors += each(where, name, label(name)) if name else [field.required(where)]
        if name in seen:
            errors.append(field.duplicate(where, name))
        seen.add(name)
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    errors = validate_create(new)
    after, before = new.get("spec") or {}, old.get("spec") or {}
    errors += immutable(after.get("driver"), before.get("driver"), "spec.driver")
    pool, former = (after.get("pool") or {}).get("name"), (before.get("pool") or {}).get("name")
    errors += immutable(pool, former, "spec.pool.name")
    return errors + immutable(after.get("nodeName"), before.get("nodeName"), "spec.nodeName")
