"""CEL types of structural schemas (apiserver `cel/common` SchemaDeclType).

Names that are no identifiers are escaped (`foo-bar` is `foo__dash__bar`). Every type knows how large its values can
be: by maxLength, maxItems and maxProperties, or by what fits into a request of 3 MiB when those are missing.
"""

import re

from ..cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    INT,
    TIMESTAMP,
    Field,
    Type,
    list_of,
    map_of,
    object_type,
)
from .schema import Structural

REQUEST_BYTES = 3 * 1024 * 1024
_RESERVED = frozenset(
    "true false null in as break const continue else for function if import let loop package namespace return var "
    "void while".split()
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*\Z", re.ASCII)
_SPECIAL = re.compile(r"__|[./-]")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_FORMATS = {"byte": BYTES, "date": TIMESTAMP, "date-time": TIMESTAMP, "duration": DURATION}
_NUMBER_BYTES, _BOOL_BYTES, _STRING_BYTES, _CONTAINER_BYTES = 1, 4, 2, 2


def escape(name: str) -> str:
    """A property's name in expressions, "" when it has none."""
    if name in _RESERVED:
        return f"__{name}__"
    if _NAME.match(name) is None:
        return ""
    return _SPECIAL.sub(lambda found: _ESCAPES[found[0]], name)


class Sized:
    """A type and the smallest number of bytes its values take in JSON."""

    __slots__ = ("least_bytes", "type")

    def __init__(self, type: Type, least_bytes: int) -> None:
        self.type = type
        self.least_bytes = least_bytes


def cel_type(schema: Structural, name: str = "object", *, root: bool = False) -> Type | None:
    """The type of values of a schema; None where nothing is known of them (unknown fields are preserved)."""
    found = sized(schema, name, root=root)
    return found.type if found is not None else None


def sized(schema: Structural, name: str = "object", *, root: bool = False) -> Sized | None:
    """As `cel_type`, with sizes."""
    if schema.int_or_string:
        return Sized(Type("dyn", limit=REQUEST_BYTES - 2), _NUMBER_BYTES)
    match schema.type:
        case "array":
            return _array(schema, name)
        case "object":
            return _object(schema, name, whole=root or schema.embedded)
        case "string":
            return _string(schema)
        case "boolean":
            return Sized(BOOL, _BOOL_BYTES)
        case "number":
            return Sized(DOUBLE, _NUMBER_BYTES)
        case "integer":
            return Sized(INT, _NUMBER_BYTES)
    return None


def _array(schema: Structural, name: str) -> Sized | None:
    items = sized(schema.items, f"{name}.@idx") if schema.items is not None else None
    if items is None:
        return None
    limit = schema.raw.get("maxItems")
    if limit is None:
        limit = (REQUEST_BYTES - 2) // (items.least_bytes + 1)
    made = list_of(items.type, limit)
    made.list_type = schema.list_type if schema.list_type in ("set", "map") else ""
    made.map_keys = schema.list_keys
    return Sized(made, _CONTAINER_BYTES)


def _object(schema: Structural, name: str, *, whole: bool) -> Sized | None:
    if isinstance(schema.additional, Structural):
        values = sized(schema.additional, f"{name}.@elem")
        if values is None:
            return None
        limit = schema.raw.get("maxProperties")
        if limit is None:
            limit = (REQUEST_BYTES - 2) // (values.least_bytes + 6)
        key = Type("string", limit=REQUEST_BYTES - 2)
        return Sized(map_of(key, values.type, limit), _CONTAINER_BYTES)
    if schema.preserve and not schema.properties and not whole:
        return Sized(object_type(name, {}), _CONTAINER_BYTES)
    required = set(schema.raw.get("required") or ())
    fields: dict[str, Field] = {}
    least = _CONTAINER_BYTES
    for key, child in schema.properties.items():
        inner = sized(child, f"{name}.{key}")
        if inner is None:
            continue
        escaped = escape(key)
        if escaped:
            fields[escaped] = Field(key, inner.type, key in required)
        if key in required and not child.has_default:
            least += len(key) + inner.least_bytes + 4
    if whole:
        for meta in ("apiVersion", "kind"):
            fields[meta] = Field(meta, Type("string", limit=REQUEST_BYTES - 2), True)
        names = {key: Field(key, Type("string", limit=REQUEST_BYTES - 2)) for key in ("name", "generateName")}
        fields["metadata"] = Field("metadata", object_type(f"{name}.metadata", names), True)
    return Sized(object_type(name, fields), least)


def _string(schema: Structural) -> Sized:
    known = _FORMATS.get(schema.raw.get("format") or "")
    limit = schema.raw.get("maxLength")
    if known is not None:
        if known is BYTES:
            return Sized(Type("bytes", limit=limit if limit is not None else REQUEST_BYTES - 2), _STRING_BYTES)
        return Sized(known, _STRING_BYTES)
    enum = schema.raw.get("enum")
    if limit is not None:
        size = 4 * limit
    elif enum:
        size = max((len(value.encode()) for value in enum if isinstance(value, str)), default=0)
    else:
        size = REQUEST_BYTES - 2
    return Sized(Type("string", limit=size), _STRING_BYTES)


__all__ = ["REQUEST_BYTES", "Sized", "cel_type", "escape", "sized"]
