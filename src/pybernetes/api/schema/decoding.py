"""Compiles the table into decoders: a wire dict in, the same dict as Go would decode and write it again.

One closure per struct type walks the dict's items once. Per field it knows a rule (scalars.py, or another struct's
closure) and, for the most common case, the Python type that needs no rule at all. What Go's decoder drops is dropped
(null, empty values that `omitempty` leaves out, unknown fields), what it always writes is added.

Unknown fields are collected as pairs of the dict that held them and their name; where that dict stands in the object
is only looked up when there are any (`unknown_paths`). A struct's decoder always gives back the dict it was given.
"""

from collections.abc import Callable
from typing import Any

from .scalars import STRUCT_LIKE, ZERO, Found, Rule, scalar_rule
from .table import LIST, MAP, UNIONS, FieldSchema, element, fields, go_name, is_struct
from .wrong import WrongType, WrongValue, described

_structs: dict[str, Rule] = {}
_building: set[str] = set()

_PLAIN = {"string": str, "bool": bool}


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


def unknown_paths(obj: Any, found: Found) -> list[list[str]]:
    """The paths of unknown fields, as parts, in the order they were met."""
    wanted = {id(holder) for holder, _ in found}
    places: dict[int, list[str]] = {}
    _locate(obj, [], wanted, places)
    return [[*places.get(id(holder), ()), name] for holder, name in found]


def _locate(value: Any, path: list[str], wanted: set[int], places: dict[int, list[str]]) -> None:
    if type(value) is dict:
        if id(value) in wanted:
            places[id(value)] = path
        for name, inner in value.items():
            _locate(inner, [*path, name], wanted, places)
    elif type(value) is list:
        for at, inner in enumerate(value):
            _locate(inner, [*path, f"[{at}]"], wanted, places)


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
    rules: dict[str, Rule] = {}
    first_look: dict[str, Any] = {}
    droppable: set[str] = set()
    always: list[tuple[str, Callable[[], Any]]] = []
    for field in fields(type_name).values():
        zero = zero_value(field)
        if zero is not None:
            always.append((field.name, zero))
        if _drops_empty(field):
            droppable.add(field.name)
        rules[field.name] = _rule(field.type, field.go_type)
        first_look[field.name] = _PLAIN.get(field.type, rules[field.name])
    look = first_look.get

    def decode(value: Any, found: Found) -> Any:
        if type(value) is not dict:
            raise WrongType(described(value), go_type)
        dropped: list[str] | None = None
        name = ""
        try:
            for name, inner in value.items():
                rule = look(name)
                if rule is type(inner) and inner:
                    continue
                if rule is None:
                    found.append((value, name))
                elif inner is not None:
                    if rule is str or rule is bool:
                        rule = rules[name]
                    result = rule(inner, found)
                    if result is not inner:
                        value[name] = result
                    if result or name not in droppable:
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


def _drops_empty(field: FieldSchema) -> bool:
    """Whether Go's omitempty leaves out an empty value of this field."""
    if not field.omit_empty or field.pointer or field.type in STRUCT_LIKE or field.type in UNIONS:
        return False
    return not is_struct(field.type)


def _rule(type_name: str, go_type: str) -> Rule:
    if type_name.startswith((LIST, MAP)):
        return _collection_rule(type_name, go_type)
    if type_name in UNIONS:
        return _union_rule(type_name)
    if is_struct(type_name):
        return _struct_rule(type_name)
    return scalar_rule(type_name, go_type)


def _struct_rule(type_name: str) -> Rule:
    if type_name not in _building:
        return struct_decoder(type_name)

    def later(value: Any, found: Found) -> Any:
        """A type that holds itself: its decoder exists by the time this is called."""
        return _structs[type_name](value, found)

    return later


def _zero_of(type_name: str) -> Callable[[], Any]:
    """What null inside a list or map becomes."""
    if is_struct(type_name):
        return lambda: _structs[type_name]({}, [])
    constant = ZERO.get(type_name)
    return lambda: constant


def _collection_rule(type_name: str, go_type: str) -> Rule:
    """The rule of a list or a map; the most common ones take a short way when nothing is out of place."""
    inner_type = element(type_name)
    rule = _rule(inner_type, go_name(inner_type))
    zero = _zero_of(inner_type)

    def each(value: Any, items: Any, found: Found) -> Any:
        for key, inner in items:
            result = zero() if inner is None else rule(inner, found)
            if result is not inner:
                value[key] = result
        return value

    if type_name.startswith(MAP):
        strings = inner_type == "string"

        def decode_map(value: Any, found: Found) -> Any:
            if type(value) is not dict:
                raise WrongType(described(value), go_type)
            if strings:
                for inner in value.values():
                    if type(inner) is not str:
                        break
                else:
                    return value
            return each(value, value.items(), found)

        return decode_map

    structs = is_struct(inner_type)

    def decode_list(value: Any, found: Found) -> Any:
        if type(value) is not list:
            raise WrongType(described(value), go_type)
        if structs and None not in value:
            for inner in value:
                rule(inner, found)
            return value
        return each(value, enumerate(value), found)

    return decode_list


def _union_rule(type_name: str) -> Rule:
    """A schema, or a list of schemas, a boolean, a list of names in its place (JSON Schema in custom resources)."""
    schema = _struct_rule("apiextensions/v1.JSONSchemaProps")
    go_type = type_name.rpartition("/")[2]
    alternative = UNIONS[type_name]

    def decode(value: Any, found: Found) -> Any:
        if type(value) is dict:
            return schema(value, found)
        if alternative == "schema or bool":
            if type(value) is not bool:
                raise WrongValue("boolean or JSON schema expected")
            return value
        if type(value) is not list:
            raise WrongType(described(value), go_type)
        for inner in value:
            if alternative == "schema or list":
                schema(inner, found)
            elif type(inner) is not str:
                raise WrongType(described(inner), "string")
        return value

    return decode
