"""Validates objects by the schemas of OpenAPI v2, for servers that do not validate fields themselves (before v1.25).

Finds what kubectl always found: unknown fields, missing ones, values of another type. Pure; errors are texts.
"""

from __future__ import annotations

from .errors import quoted
from .wire.json_read import kind_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Schema = dict[str, Any]

_PREFIX = "#/definitions/"
_FITS = {"boolean": ("boolean",), "integer": ("integer", "number"), "number": ("integer", "number")}


def validate(definitions: dict[str, Schema], obj: dict[str, Any]) -> list[str]:
    """What is wrong with an object; nothing for a kind that the schemas do not have."""
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    wanted = (group, version, obj["kind"])
    for name, schema in definitions.items():
        for mark in schema.get("x-kubernetes-group-version-kind") or ():
            if (mark.get("group"), mark.get("version"), mark.get("kind")) == wanted:
                errors = _Validation(definitions).value(schema, obj, str(obj["kind"]), name)
                return [f"ValidationError({path}): {why}" for path, why in errors]
    return []


class _Validation:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def value(self, schema: Schema, value: Any, path: str, where: str) -> Iterator[tuple[str, str]]:
        """(path in the object, what is wrong) of a value. `where`: the path of its schema."""
        while "$ref" in schema:
            where = schema["$ref"].removeprefix(_PREFIX)
            schema = self._definitions.get(where) or {}
        kind = schema.get("type")
        if kind == "object" or (not kind and schema.get("properties")):
            if "properties" in schema:
                yield from self._fields(schema, value, path, where)
            elif isinstance(schema.get("additionalProperties"), dict):
                yield from self._entries(schema["additionalProperties"], value, path, where)
        elif kind == "array":
            if not isinstance(value, list):
                yield path, _mismatch(where, value, "array")
                return
            for position, item in enumerate(value):
                yield from self._item(schema.get("items") or {}, item, path, f"[{position}]", where)
        elif isinstance(kind, str) and kind != "string" and _kind(value) not in _FITS.get(kind, ()):
            yield path, _mismatch(where, value, kind)
        elif kind == "string" and isinstance(value, dict | list):
            yield path, _mismatch(where, value, "string")

    def _item(self, schema: Schema, value: Any, path: str, step: str, where: str) -> Iterator[tuple[str, str]]:
        if value is None:
            yield path, f"unknown object type {quoted('nil')} in {path}{step}"
        else:
            yield from self.value(schema, value, f"{path}{step}", where)

    def _fields(self, schema: Schema, value: Any, path: str, where: str) -> Iterator[tuple[str, str]]:
        if not isinstance(value, dict):
            yield path, _mismatch(where, value, "map")
            return
        known = schema["properties"]
        for name in sorted(value):
            if value[name] is None:
                continue
            if name in known:
                yield from self.value(known[name], value[name], f"{path}.{name}", f"{where}.{name}")
            else:
                yield path, f"unknown field {quoted(name)} in {where}"
        for name in schema.get("required") or ():
            if value.get(name) is None:
                yield path, f"missing required field {quoted(name)} in {where}"

    def _entries(self, schema: Schema, value: Any, path: str, where: str) -> Iterator[tuple[str, str]]:
        if not isinstance(value, dict):
            yield path, _mismatch(where, value, "map")
            return
        for name in sorted(value):
            yield from self._item(schema, value[name], path, f".{name}", where)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    return {"object": "map"}.get(kind_of(value), kind_of(value))


def _mismatch(where: str, value: Any, expected: str) -> str:
    return f"invalid type for {where}: got {quoted(_kind(value))}, expected {quoted(expected)}"
