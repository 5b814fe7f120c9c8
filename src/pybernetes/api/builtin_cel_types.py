"""CEL types of the built-in kinds, from the type table: what an expression may say of a Deployment.

Fields are looked up when they are asked for, so types may hold themselves. Quantities and int-or-strings are dyn.
"""

from collections.abc import Iterator, Mapping
from functools import cache

from .cel.types import BOOL, BYTES, DOUBLE, DYN, INT, STRING, TIMESTAMP, Field, Type, list_of, map_of, object_type
from .schema.table import LIST, MAP, fields, is_struct, type_of
from .structural.cel_types import escape

_SCALARS = {
    "string": STRING,
    "bool": BOOL,
    "int32": INT,
    "int64": INT,
    "double": DOUBLE,
    "float": DOUBLE,
    "bytes": BYTES,
    "Time": TIMESTAMP,
    "MicroTime": TIMESTAMP,
    "Duration": STRING,
}


class _Fields(Mapping[str, Field]):
    """The fields of one struct type."""

    def __init__(self, type_name: str, root: bool) -> None:
        self._keys = {escape(name): name for name in fields(type_name) if escape(name)}
        self._type = type_name
        self._root = root

    def __getitem__(self, name: str) -> Field:
        if self._root and name in ("apiVersion", "kind"):
            return Field(name, STRING)
        key = self._keys[name]
        return Field(key, _type(fields(self._type)[key].type))

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


@cache
def _type(name: str) -> Type:
    if name.startswith(LIST):
        return list_of(_type(name[len(LIST) :]))
    if name.startswith(MAP):
        return map_of(STRING, _type(name[len(MAP) :]))
    if is_struct(name):
        return object_type(name.rpartition("/")[2], _Fields(name, False))
    return _SCALARS.get(name, DYN)


@cache
def builtin_type(api_version: str, kind: str) -> Type | None:
    """The type of whole objects of a kind; None for kinds the table does not know."""
    name = type_of(api_version, kind)
    return object_type(kind, _Fields(name, True)) if name is not None else None
