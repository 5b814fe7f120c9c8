"""The order in which typed clients write an object's fields in JSON: that of Go's structs, which the type table keeps.

Most commands read objects into maps, whose keys are sorted; the generators of `create`, and others that know the types
of what they make, decode answers into structs, whose times are written even when they are empty. What the table does
not know stays in the order in which it came.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def in_struct_order(obj: dict[str, Any]) -> dict[str, Any]:
    """A copy in the order of its type's fields; the same object for a kind that the table has not."""
    from pybernetes.api.schema.table import type_of

    name = type_of(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""))
    if name is None:
        return obj
    found: dict[str, Any] = _ordered(obj, name)
    return found


def _ordered(value: Any, type_name: str) -> Any:
    from pybernetes.api.schema.table import LIST, MAP, element, fields, is_struct

    if isinstance(value, list) and type_name.startswith(LIST):
        return [_ordered(item, element(type_name)) for item in value]
    if not isinstance(value, dict):
        return value
    if type_name.startswith(MAP):
        return {key: _ordered(value[key], element(type_name)) for key in sorted(value)}
    if not is_struct(type_name):
        return value
    known = fields(type_name)
    if type_name == "meta/v1.ObjectMeta":
        value = {"creationTimestamp": None, **value}
    found = {name: _ordered(value[name], field.type) for name, field in known.items() if name in value}
    return found | {key: item for key, item in value.items() if key not in found}


def typed(obj: dict[str, Any]) -> dict[str, Any] | None:
    """The object as a typed client has it after reading it: fields that its type knows, with the empty values that Go
    always writes. None for a kind that the table has not.
    """
    from pybernetes.api.schema.table import type_of

    name = type_of(str(obj.get("apiVersion") or ""), str(obj.get("kind") or ""))
    if name is None:
        return None
    found: dict[str, Any] = _typed(obj, name)
    return found


def _typed(value: Any, type_name: str) -> Any:
    from pybernetes.api.schema.table import LIST, MAP, element, fields, is_struct

    if isinstance(value, list) and type_name.startswith(LIST):
        return [_typed(item, element(type_name)) for item in value]
    if isinstance(value, dict) and type_name.startswith(MAP):
        return {key: _typed(value[key], element(type_name)) for key in sorted(value)}
    if not isinstance(value, dict) or not is_struct(type_name):
        return value
    found: dict[str, Any] = {}
    for name, field in fields(type_name).items():
        given = value.get(name)
        always = is_struct(field.type) or field.type == "IntOrString"
        if given is None and (field.pointer or field.omit_zero or (field.omit_empty and not always)):
            continue
        item = _zero(field.type) if given is None else _typed(given, field.type)
        if item in ("", 0, [], {}) and field.omit_empty and not field.pointer and not always:
            continue
        found[name] = item
    return {"creationTimestamp": None, **found} if type_name == "meta/v1.ObjectMeta" else found


def _zero(type_name: str) -> Any:
    from pybernetes.api.schema.table import is_struct

    if is_struct(type_name):
        return _typed({}, type_name)
    if type_name in ("int32", "int64", "IntOrString"):
        return 0
    return {"string": "", "bool": False, "Quantity": "0"}.get(type_name)
