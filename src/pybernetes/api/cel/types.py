"""CEL's types as the checker sees them.

A type is its name and parameters: `Type("list", (STRING,))` is shown as `list(string)`. Single capital letters are
parameters of overloads and get bound while a call is resolved. Objects (the types of schemas) carry their fields.
`limit` and `required` say how large a value can be, for cost estimates; types are equal whatever their limits.
"""

from collections.abc import Mapping
from typing import Any


class Type:
    """See the module docstring. Immutable once built (objects get their `fields` right after they are made).

    `limit`: the largest size of a string, bytes, list or map; None when nothing is known.
    `fields`: for objects, escaped name -> Field.
    `list_type`: `set` or `map` for lists whose order does not count in comparisons.
    """

    __slots__ = ("fields", "limit", "list_type", "map_keys", "name", "params")

    def __init__(self, name: str, params: "tuple[Type, ...]" = (), *, limit: int | None = None) -> None:
        self.name = name
        self.params = params
        self.limit = limit
        self.fields: Mapping[str, Field] | None = None
        self.list_type = ""
        self.map_keys: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Type) and self.name == other.name and self.params == other.params)

    def __hash__(self) -> int:
        return hash((self.name, self.params))

    def __str__(self) -> str:
        if not self.params:
            return self.name
        return f"{self.name}({', '.join(map(str, self.params))})"

    __repr__ = __str__

    @property
    def is_param(self) -> bool:
        return len(self.name) == 1


class Field:
    """One field of an object type. `key` is its name in the data, which may differ from the escaped one."""

    __slots__ = ("key", "required", "type")

    def __init__(self, key: str, type: Type, required: bool = False) -> None:
        self.key = key
        self.type = type
        self.required = required


DYN = Type("dyn")
NULL = Type("null_type")
BOOL = Type("bool")
INT = Type("int")
UINT = Type("uint")
DOUBLE = Type("double")
STRING = Type("string")
BYTES = Type("bytes")
TIMESTAMP = Type("timestamp")
DURATION = Type("duration")
ERROR = Type("!error!")

PRIMITIVES = frozenset({"bool", "int", "uint", "double", "string", "bytes"})
_NULLABLE = frozenset({"timestamp", "duration", "optional_type"})


def list_of(element: Type, limit: int | None = None) -> Type:
    return Type("list", (element,), limit=limit)


def map_of(key: Type, value: Type, limit: int | None = None) -> Type:
    return Type("map", (key, value), limit=limit)


def optional_of(inner: Type) -> Type:
    return Type("optional_type", (inner,))


def type_of(inner: Type) -> Type:
    return Type("type", (inner,))


def object_type(name: str, fields: Mapping[str, Field]) -> Type:
    """An object with these fields; `name` is shown in messages."""
    made = Type(name)
    made.fields = fields
    return made


Bindings = dict[str, Type]


def substitute(type: Type, bound: Bindings) -> Type:
    """A type with its parameters replaced; unbound ones become dyn."""
    if type.is_param:
        found = bound.get(type.name)
        return substitute(found, bound) if found is not None else DYN
    if not type.params:
        return type
    made = Type(type.name, tuple(substitute(param, bound) for param in type.params), limit=type.limit)
    made.list_type, made.map_keys = type.list_type, type.map_keys
    return made


def assignable(target: Type, value: Type, bound: Bindings) -> bool:
    """Whether a value of one type may stand where another is expected; binds parameters on the way."""
    if target.is_param:
        before = bound.get(target.name)
        if before is None:
            if not (value.is_param and value.name == target.name):
                bound[target.name] = value
            return True
        if assignable(before, value, bound):
            if before.name == "null_type":
                bound[target.name] = value
            return True
        if assignable(value, before, bound):
            bound[target.name] = value
            return True
        return False
    if value.is_param:
        return assignable(value, target, bound)
    if target.name in ("dyn", "!error!") or value.name in ("dyn", "!error!"):
        return True
    if value.name == "null_type":
        return target.name == "null_type" or target.name in _NULLABLE or target.fields is not None or _opaque(target)
    if target.name == "null_type":
        return value.name in _NULLABLE or value.fields is not None or _opaque(value)
    if target.name != value.name or len(target.params) != len(value.params):
        return False
    return all(assignable(a, b, bound) for a, b in zip(target.params, value.params, strict=True))


def _opaque(type: Type) -> bool:
    return "." in type.name


def joined(first: Type, second: Type) -> Type:
    """The type of a value that may be either: the same, or dyn."""
    if first == second:
        return first
    bound: Bindings = {}
    if assignable(first, second, bound):
        return second if first.name == "null_type" else first
    return DYN


def nested_limit(type: Type) -> int | None:
    return type.limit


Activation = Mapping[str, Any]
