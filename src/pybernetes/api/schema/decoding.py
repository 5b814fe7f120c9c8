"""Compiles the table into decoders: a wire dict in, the same dict as Go would decode and write it again.

One closure per struct type walks the dict's items once. Per field it knows a rule (scalars.py, or another struct's
closure) and, for the most common case, the Python type that needs no rule at all. What Go's decoder drops is dropped
(null, empty values that `omitempty` leaves out, unknown fields), what it always writes is added.

Unknown fields are collected as lists of path parts, innermost first; each level around adds its own part.
"""

from collections.abc import Callable
from typing import Any

from .scalars import STRUCT_LIKE, ZERO, Rule, any_rule, scalar_rule, string_rule
from .table import LIST, MAP, UNIONS, FieldSchema, element, fields, go_name, is_struct
from .wrong import WrongType, WrongValue, described

_structs: dict[str, Rule] = {}
_building: set[str] = set()

_NO_RULE = object()


def struct_decoder(type_name: str) -> Rule:
    """The decoder of a struct type, compiled on first use."""
    decoder = _structs.get(type_name)
    if decoder is None:
        _building.add(type_name)
        try:
            decoder = _structs[type_name] = _compile_struct(type_name)
        finally:
            _building.discard(type_name)
    return decoder


def zero_value(field: FieldSchema) -> Callable[[], Any] | None:
    """What to write when a field is absent; None when nothing is written."""
    if is_struct(field.type) and not field.pointer:
        if field.omit_zero:
            return None
        inner = {name: zero for name, sub in fields(field.type).items() if (zero := zero_value(sub)) is not None}
        return lambda: {name: zero() for name, zero in inner.items()}
    if field.omit_zero or (field.omit_empty and (field.pointer or field.type not in STRUCT_LIKE)):
        return None
    constant = None if field.pointer else ZERO.get(field.type)
    return lambda: constant


def _compile_struct(type_name: str) -> Rule:
    go_type = type_name.rpartition("/")[2]
    struct = go_type.rpartition(".")[2]
    rules: dict[str, tuple[Any, Rule, bool]] = {}
    always: list[tuple[str, Callable[[], Any]]] = []
    for field in fields(type_name).values():
        zero = zero_value(field)
        if zero is not None:
            always.append((field.name, zero))
        rules[field.name] = (_plain_type(field), _rule(field.type, field.go_type), _drops_empty(field))
    get = rules.get

    def decode(value: Any, found: list[list[str]]) -> Any:
        if type(value) is not dict:
            raise WrongType(described(value), go_type)
        dropped: list[str] | None = None
        name = ""
        try:
            for name, inner in value.items():
                entry = get(name)
                if entry is None:
                    found.append([name])
                elif inner is not None:
                    plain, rule, drops_empty = entry
                    if type(inner) is plain and inner:
                        continue
                    before = len(found)
                    result = rule(inner, found)
                    if result is not inner:
                        value[name] = result
                    if len(found) > before:
                        for path in found[before:]:
                            path.append(name)
                    if result or not drops_empty:
                        continue
                if dropped is None:
                    dropped = [name]
                else:
                    dropped.append(name)
        except WrongValue as error:
            error.inside(struct, name)
            raise
        if dropped is not None:
            for name in dropped:
                del value[name]
        for name, zero in always:
            if name not in value:
                value[name] = zero()
        return value

    return decode


def _plain_type(field: FieldSchema) -> object:
    """The Python type whose non-empty values need no further look."""
    return {"string": str, "bool": bool}.get(field.type, _NO_RULE)


def _drops_empty(field: FieldSchema) -> bool:
    """Whether Go's omitempty leaves out an empty value of this field."""
    if not field.omit_empty or field.pointer or field.type in STRUCT_LIKE or field.type in UNIONS:
        return False
    return not is_struct(field.type)


def _rule(type_name: str, go_type: str) -> Rule:
    if type_name.startswith(LIST):
        return _list_rule(type_name, go_type)
    if type_name.startswith(MAP):
        return _map_rule(type_name, go_type)
    if type_name in UNIONS:
        return _union_rule(type_name)
    if is_struct(type_name):
        return _struct_rule(type_name)
    return scalar_rule(type_name, go_type)


def _struct_rule(type_name: str) -> Rule:
    if type_name not in _building:
        return struct_decoder(type_name)

    def later(value: Any, found: list[list[str]]) -> Any:
        """A type that holds itself: its decoder exists by the time this is called."""
        return _structs[type_name](value, found)

    return later


def _zero_of(type_name: str) -> Callable[[], Any]:
    """What null inside a list or map becomes."""
    if is_struct(type_name):
        return lambda: _structs[type_name]({}, [])
    constant = ZERO.get(type_name)
    return lambda: constant


def _list_rule(type_name: str, go_type: str) -> Rule:
    inner_type = element(type_name)
    rule = _rule(inner_type, go_name(inner_type))
    zero = _zero_of(inner_type)
    plain = str if inner_type == "string" else None

    def decode(value: Any, found: list[list[str]]) -> Any:
        if type(value) is not list:
            raise WrongType(described(value), go_type)
        for at, inner in enumerate(value):
            if type(inner) is plain:
                continue
            if inner is None:
                value[at] = zero()
                continue
            before = len(found)
            result = rule(inner, found)
            if result is not inner:
                value[at] = result
            if len(found) > before:
                for path in found[before:]:
                    path.append(f"[{at}]")
        return value

    return decode


def _map_rule(type_name: str, go_type: str) -> Rule:
    inner_type = element(type_name)
    rule = _rule(inner_type, go_name(inner_type))
    zero = _zero_of(inner_type)
    plain = str if inner_type == "string" else None

    def decode(value: Any, found: list[list[str]]) -> Any:
        if type(value) is not dict:
            raise WrongType(described(value), go_type)
        for key, inner in value.items():
            if type(inner) is plain:
                continue
            if inner is None:
                value[key] = zero()
                continue
            before = len(found)
            result = rule(inner, found)
            if result is not inner:
                value[key] = result
            if len(found) > before:
                for path in found[before:]:
                    path.append(key)
        return value

    return decode


def _union_rule(type_name: str) -> Rule:
    """A schema, or a list of schemas, a boolean, a list of names in its place (JSON Schema in custom resources)."""
    schema = _struct_rule("apiextensions/v1.JSONSchemaProps")
    alternative = UNIONS[type_name]
    schemas = _lazy_list("apiextensions/v1.JSONSchemaProps", schema)
    strings = _lazy_list("string", string_rule("string"))

    def decode(value: Any, found: list[list[str]]) -> Any:
        if type(value) is dict:
            return schema(value, found)
        if alternative == "schema or bool" and type(value) is bool:
            return value
        if type(value) is list and alternative != "schema or bool":
            return schemas(value, found) if alternative == "schema or list" else strings(value, found)
        wanted = "boolean or JSON schema expected" if alternative == "schema or bool" else ""
        raise WrongValue(wanted) if wanted else WrongType(described(value), "v1." + type_name.rpartition(".")[2])

    return decode


def _lazy_list(inner_type: str, rule: Rule) -> Rule:
    def decode(value: Any, found: list[list[str]]) -> Any:
        for at, inner in enumerate(value):
            before = len(found)
            value[at] = rule(inner, found)
            for path in found[before:]:
                path.append(f"[{at}]")
        return value

    return any_rule if inner_type == "any" else decode
