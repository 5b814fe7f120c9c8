"""CSINodes (storage.k8s.io/v1): the drivers of a node. A driver's entry is replaced by removing and adding it."""

from .. import field
from .csi_driver import driver_name
from .values import Errors, Object, nonnegative, qualified_name, same

_NODE_ID_LIMIT = 256


def validate_create(csi_node: Object) -> Errors:
    errors: Errors = []
    seen = set()
    for at, driver in enumerate((csi_node.get("spec") or {}).get("drivers") or ()):
        path, name = f"spec.drivers[{at}]", driver.get("name") or ""
        errors += driver_name(name, f"{path}.name")
        errors += _node_id(driver.get("nodeID") or "", f"{path}.nodeID")
        errors += nonnegative((driver.get("allocatable") or {}).get("count"), f"{path}.allocatable.count")
        if name in seen:
            errors.append(field.duplicate(f"{path}.name", name))
        seen.add(name)
        errors += _topology_keys(driver.get("topologyKeys") or [], path)
    return errors


def _node_id(node_id: str, path: str) -> Errors:
    if not node_id:
        return [field.required(path)]
    if len(node_id) > _NODE_ID_LIMIT:
        return [field.invalid(path, node_id, f"must be {_NODE_ID_LIMIT} characters or less")]
    return []


def _topology_keys(keys: list[str], path: str) -> Errors:
    errors: Errors = []
    seen = set()
    for key in keys:
        if not key:
            errors.append(field.required(path))
        if key in seen:
            errors.append(field.duplicate(path, key))
        seen.add(key)
        errors += [field.invalid(path, key, message) for message in qualified_name(key)]
    return errors


def validate_update(new: Object, old: Object) -> Errors:
    errors = validate_create(new)
    before = {driver.get("name"): driver for driver in (old.get("spec") or {}).get("drivers") or ()}
    for driver in (new.get("spec") or {}).get("drivers") or ():
        earlier = before.get(driver.get("name"))
        if earlier is not None and not same(driver, {**earlier, "allocatable": driver.get("allocatable")}):
            errors.append(field.invalid("CSINodeDriver", driver, "field is immutable"))
    return errors
