"""The merge nodes of the built-in kinds, from the type table.

A list merges by item when the table gives it a list type, or else a patch strategy `merge`; all other lists are atomic,
as in the schema upstream derives from its OpenAPI document.
"""

from collections.abc import Callable
from functools import cache

from ..schema import schema_of_type
from ..schema.table import LIST, MAP, UNIONS, FieldSchema, element, fields, is_struct, resolved, table, type_of
from .nodes import DEDUCED, Items, Leaf, Members, MergeSchema, Node, Object

_STRING, _NUMERIC, _BOOLEAN, _ANY = Leaf("string"), Leaf("numeric"), Leaf("boolean"), Leaf()
_ATOMIC_LIST, _ATOMIC_MAP = Leaf("list"), Leaf("map")
_SCALARS: dict[str, Node] = {
    "string": _STRING,
    "bytes": _STRING,
    "bool": _BOOLEAN,
    "int32": _NUMERIC,
    "int64": _NUMERIC,
    "double": _NUMERIC,
    "float": _NUMERIC,
    "FieldsV1": DEDUCED,
    "RawExtension": DEDUCED,
    "JSON": DEDUCED,
}
_structs: dict[str, Members] = {}


def struct_node(type_name: str) -> Members:
    """The node of a struct type, made on first use."""
    found = _structs.get(type_name)
    if found is None:
        found = _structs[type_name] = Members()
        for field in fields(type_name).values():
            found.fields[field.name] = _field_node(type_name, field)
    return found


@cache
def _rows(type_name: str) -> dict[str, dict[str, object]]:
    """The table's rows of a struct's fields by name, inlined structs flattened."""
    found: dict[str, dict[str, object]] = {}
    for row in table()[type_name]["f"]:
        if row.get("inl"):
            found.update(_rows(resolved(row["t"])))
        else:
            found[row["n"]] = row
    return found


def _field_node(type_name: str, field: FieldSchema) -> Node:
    row = _rows(type_name).get(field.name, {})
    if field.is_list:
        kind = field.list_type
        if not kind and "merge" in field.patch_strategies:
            kind = "map" if field.patch_merge_key else "set"
        return _list_node(field, kind)
    if field.is_map:
        return _ATOMIC_MAP if field.map_type == "atomic" else Members(rest=_value_node(field.element))
    if row.get("st") == "atomic" or field.map_type == "atomic":
        return _ATOMIC_MAP
    return _value_node(field.type)


def _list_node(field: FieldSchema, kind: str) -> Node:
    inner = field.element
    if kind == "set":
        return Items(_value_node(inner))
    if kind == "map":
        keys = field.list_map_keys or ((field.patch_merge_key,) if field.patch_merge_key else ())
        if keys and is_struct(inner):
            rows = _rows(inner)
            defaults = {key: rows[key]["def"] for key in keys if "def" in rows.get(key, {})}
            return Items(struct_node(inner), keys, defaults)
    return _ATOMIC_LIST


def _value_node(type_name: str) -> Node:
    if type_name in UNIONS:
        return _ANY
    if is_struct(type_name):
        return _ATOMIC_MAP if table()[type_name].get("st") == "atomic" else struct_node(type_name)
    if type_name.startswith(LIST):
        return _ATOMIC_LIST
    if type_name.startswith(MAP):
        return Members(rest=_value_node(element(type_name)))
    return _SCALARS.get(type_name, _ANY)


class BuiltinSchema:
    """A `MergeSchema` out of the type table. `convert(obj, from, to)` knows the other versions, None when there is no
    way between these two."""

    def __init__(
        self,
        api_version: str,
        kind: str,
        convert: Callable[[Object, str, str], Object | None] | None = None,
    ) -> None:
        type_name = type_of(api_version, kind)
        if type_name is None:
            raise KeyError(f"{api_version} {kind}")
        self.api_version = api_version
        self.kind = kind
        self.root: Node = struct_node(type_name)
        self._type = type_name
        self._convert = convert
        self._zero: Object | None = None

    @property
    def zero(self) -> Object:
        if self._zero is None:
            zero: Object = {"apiVersion": self.api_version, "kind": self.kind}
            schema_of_type(self._type).decode(zero)
            self._zero = zero
        return self._zero

    def other(self, api_version: str) -> tuple[MergeSchema, Callable[[Object], Object]] | None:
        convert = self._convert
        if convert is None or type_of(api_version, self.kind) is None:
            return None
        try:
            there = BuiltinSchema(api_version, self.kind, convert)
        except KeyError:
            return None

        def converted(obj: Object) -> Object:
            found = convert(obj, self.api_version, api_version)
            return obj if found is None else found

        return there, converted
