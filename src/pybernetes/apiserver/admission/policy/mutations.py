"""What the expressions of a MutatingAdmissionPolicy make of an object (KEP-3962): a configuration that is merged by the
rules of server-side apply, or JSON patch operations."""

from typing import Any

from ....api.cel.values import Duration, Optional, Record, Timestamp
from ....api.managed_fields.merging import merge
from ....api.managed_fields.nodes import Items, Leaf, Members, MergeSchema, Node
from ....api.patch.json_patch import PatchError, apply_operations

Object = dict[str, Any]


class CannotApply(Exception):
    """The mutation does not fit the object; the text is upstream's where it has one."""


def plain(value: Any, expected: str = "") -> Any:
    """An expression's value as JSON. `expected` is the type an object must have been given as."""
    if isinstance(value, Record):
        if value.type_name != expected and value.type_name != "JSONPatch" and expected:
            words = "which matches field name path from root Object type"
            raise CannotApply(f'unexpected type name "{value.type_name}", expected "{expected}", {words}')
        inner = value.type_name
        return {key: plain(one, f"{inner}.{key}" if inner != "JSONPatch" else "") for key, one in value.items()}
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [plain(one, expected) for one in value]
    if isinstance(value, Optional):
        return plain(value.value) if value.present else None
    if isinstance(value, Duration | Timestamp):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def configured(obj: Object, value: Any, schema: MergeSchema) -> Object:
    """The object with a configuration merged in."""
    config = plain(value, "Object")
    if not isinstance(config, dict):
        raise CannotApply("must evaluate to Object")
    _check_atomic(schema.root, config, "")
    merged: Object = merge(schema.root, obj, config)
    return merged


def _check_atomic(node: Node, config: Any, path: str) -> None:
    """Lists and maps that are one value cannot be changed in part, so they cannot be configured."""
    if type(node) is Leaf and isinstance(config, dict | list) and node.kind in ("list", "map"):
        raise CannotApply(
            f"error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: {path}"
        )
    if type(node) is Members and isinstance(config, dict):
        for key, inner in config.items():
            _check_atomic(node.child(key), inner, f"{path}.{key}")
    elif type(node) is Items and isinstance(config, list):
        for inner in config:
            _check_atomic(node.element, inner, f"{path}[]")


def patched(obj: Object, value: Any) -> Object:
    """The object after JSON patch operations."""
    operations = plain(value)
    if not isinstance(operations, list):
        raise CannotApply("must evaluate to list(JSONPatch)")
    try:
        found = apply_operations(obj, operations)
    except PatchError as error:
        raise CannotApply(f"JSON Patch: {error}") from None
    if not isinstance(found, dict):
        raise CannotApply("JSON Patch: the patched object is no JSON object")
    return found
