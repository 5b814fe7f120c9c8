"""The type table as data: which fields a type has, and what is known of each.

Types are named `alias.Name` as in `api/data/types.json` (`core/v1.PodSpec`, `meta/v1.ObjectMeta`). A type expression is
such a name, a scalar (`string`, `int32`, `Quantity` …), or either behind `[]` and `map[string]`.
"""

from functools import cache
from typing import Any

import msgspec

from ..resource import load_data

LIST, MAP = "[]", "map[string]"

# Unions that JSON writes without a wrapper: a schema, or something simpler in its place.
UNIONS = {
    "apiextensions/v1.JSONSchemaPropsOrArray": "schema or list",
    "apiextensions/v1.JSONSchemaPropsOrBool": "schema or bool",
    "apiextensions/v1.JSONSchemaPropsOrStringArray": "schema or names",
}
ANY_JSON = {"apiextensions/v1.JSON": "JSON"}


class FieldSchema(msgspec.Struct, frozen=True):
    """One field as it appears in JSON.

    `type` is its type with aliases replaced, `go_type` the name Go prints in errors. `pointer`: null differs from zero.
    `omit_empty`: left out of JSON when empty. The patch and list facts steer strategic merge and server-side apply.
    """

    name: str
    type: str
    go_type: str
    pointer: bool = False
    omit_empty: bool = False
    omit_zero: bool = False
    required: bool = False
    patch_strategies: tuple[str, ...] = ()
    patch_merge_key: str = ""
    list_type: str = ""
    list_map_keys: tuple[str, ...] = ()
    map_type: str = ""

    @property
    def is_list(self) -> bool:
        return self.type.startswith(LIST)

    @property
    def is_map(self) -> bool:
        return self.type.startswith(MAP)

    @property
    def element(self) -> str:
        """The type of the items of a list or the values of a map; the type itself otherwise."""
        return element(self.type)


@cache
def table() -> dict[str, dict[str, Any]]:
    """The whole table as stored."""
    rows: dict[str, dict[str, Any]] = load_data("types")
    return rows


def element(type_name: str) -> str:
    """`[]core/v1.Container` -> `core/v1.Container`."""
    for wrapper in (LIST, MAP):
        if type_name.startswith(wrapper):
            return type_name[len(wrapper) :]
    return type_name


def is_struct(type_name: str) -> bool:
    """Whether this is a type with fields of its own."""
    return "f" in table().get(type_name, ()) and type_name not in UNIONS and type_name not in ANY_JSON


@cache
def resolved(type_name: str) -> str:
    """A type expression with named aliases replaced by what they stand for."""
    for wrapper in (LIST, MAP):
        if type_name.startswith(wrapper):
            return wrapper + resolved(type_name[len(wrapper) :])
    if type_name in ANY_JSON:
        return ANY_JSON[type_name]
    alias = table().get(type_name, {}).get("alias")
    return resolved(alias) if alias else type_name


def go_name(type_name: str) -> str:
    """The name Go prints: `core/v1.PodSpec` -> `v1.PodSpec`, `double` -> `float64`."""
    for wrapper in (LIST, MAP):
        if type_name.startswith(wrapper):
            return wrapper + go_name(type_name[len(wrapper) :])
    if type_name == "bytes":
        return "[]uint8"
    if "/" in type_name:
        return type_name.rpartition("/")[2]
    return "float64" if type_name == "double" else type_name


@cache
def fields(type_name: str) -> dict[str, FieldSchema]:
    """The fields of a struct type by JSON name, inlined structs flattened; kind and apiVersion first on roots."""
    row = table()[type_name]
    found: dict[str, FieldSchema] = {}
    if row.get("root"):
        for name in ("kind", "apiVersion"):
            found[name] = FieldSchema(name, "string", "string", omit_empty=True)
    for entry in row["f"]:
        target = resolved(entry["t"])
        if entry.get("inl"):
            found.update(fields(target))
            continue
        found[entry["n"]] = FieldSchema(
            entry["n"],
            target,
            go_name(entry["a"] if "a" in entry and not target.startswith(LIST) else entry["t"]),
            pointer=bool(entry.get("ptr")),
            omit_empty=bool(entry.get("oe")),
            omit_zero=bool(entry.get("oz")),
            required=bool(entry.get("req")),
            patch_strategies=tuple(entry["ps"].split(",")) if entry.get("ps") else (),
            patch_merge_key=entry.get("pmk", ""),
            list_type=entry.get("lt", ""),
            list_map_keys=tuple(entry.get("lmk", ())),
            map_type=entry.get("mt", ""),
        )
    return found


@cache
def aliases() -> dict[str, str]:
    """apiVersion -> alias: `apps/v1` -> `apps/v1`, `v1` -> `core/v1`."""
    return {api_version: alias for alias, api_version in table()["_gv"].items()}


# Kinds of meta/v1 that every group version accepts under its own name.
_EVERYWHERE = {
    "DeleteOptions",
    "CreateOptions",
    "UpdateOptions",
    "PatchOptions",
    "GetOptions",
    "ListOptions",
    "WatchEvent",
    "Status",
    "APIGroup",
    "APIGroupList",
    "APIResourceList",
    "APIVersions",
}


def type_of(api_version: str, kind: str) -> str | None:
    """The root type of an apiVersion and kind, or None when the table has none."""
    alias = aliases().get(api_version)
    if alias is not None:
        name = f"{alias}.{kind}"
        row = table().get(name)
        if row is not None and "alias" in row:
            name = resolved(name)
            row = table().get(name)
        if row is not None and row.get("root"):
            return name
    if kind in _EVERYWHERE and (alias is not None or api_version == "v1"):
        return f"meta/v1.{kind}"
    return None
