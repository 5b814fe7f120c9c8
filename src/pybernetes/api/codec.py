"""Structs to and from JSON and wire dicts, with Kubernetes' formats for points in time.

msgspec writes a datetime with its fraction if it has one; the API wants whole seconds for Time and six digits for
MicroTime. Almost all values already look as wanted, so `encode` first asks whether any does not (a walk over the time
fields alone) and only then takes the slower way over a dict. Encoders, decoders and walks are built once per class.

Decoding accepts `null` wherever Go does: for fields that are always written the fast decoder refuses it, and a second
try without the nulls follows.
"""

from datetime import UTC, datetime
from functools import cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from .instants import format_micro_time, format_time

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}
_TIME, _MICRO_TIME, _TIME_MAP, _ONE, _LIST, _MAP = range(6)


def encode(obj: Any) -> bytes:
    """A Struct (or a wire dict) as JSON bytes."""
    if isinstance(obj, msgspec.Struct) and _has_odd_time(obj):
        return _encode(to_wire(obj))
    return _encode(obj)


def decode(cls: type[T], data: bytes | bytearray | memoryview | str) -> T:
    """JSON as an instance of `cls`. msgspec.ValidationError on a wrong type, DecodeError on malformed JSON."""
    try:
        decoded: T = _decoder(cls).decode(data)
        return decoded
    except msgspec.ValidationError:
        return msgspec.convert(_without_nulls(msgspec.json.decode(data)), cls)


def to_wire(obj: msgspec.Struct) -> dict[str, Any]:
    """A Struct as the dict its JSON would decode to."""
    table = _times(type(obj))
    if not table:
        plain: dict[str, Any] = msgspec.to_builtins(obj)
        return plain
    wire: dict[str, Any] = msgspec.to_builtins(obj, builtin_types=(datetime,))
    _format_times(wire, type(obj))
    return wire


def from_wire(cls: type[T], wire: dict[str, Any]) -> T:
    """A wire dict as an instance of `cls`; the dict is not changed. msgspec.ValidationError on a wrong type."""
    try:
        return msgspec.convert(wire, cls)
    except msgspec.ValidationError:
        return msgspec.convert(_without_nulls(wire), cls)


def _decoder(cls: type[Any]) -> msgspec.json.Decoder[Any]:
    decoder = _decoders.get(cls)
    if decoder is None:
        decoder = _decoders[cls] = msgspec.json.Decoder(cls)
    return decoder


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_nulls(inner) for inner in value]
    return value


class _Field(msgspec.Struct, frozen=True):
    """One field that is, or leads to, a point in time. `cls` is the struct it leads to."""

    attribute: str
    wire: str
    shape: int
    cls: Any = None


@cache
def _times(cls: type[msgspec.Struct]) -> tuple[_Field, ...]:
    """The fields of a class that are, or lead to, points in time."""
    return _time_fields(cls, frozenset())


def _time_fields(cls: type[msgspec.Struct], above: frozenset[type]) -> tuple[_Field, ...]:
    hints = get_type_hints(cls, include_extras=True)
    found = []
    for attribute, wire in zip(cls.__struct_fields__, cls.__struct_encode_fields__, strict=True):
        shape, target = _shape(hints[attribute])
        if shape in (_TIME, _MICRO_TIME, _TIME_MAP):
            found.append(_Field(attribute, wire, shape))
        elif target is not None and target is not cls and target not in above and _time_fields(target, above | {cls}):
            found.append(_Field(attribute, wire, shape, target))
    return tuple(found)


def _shape(hint: Any) -> tuple[int, type[msgspec.Struct] | None]:
    origin = get_origin(hint)
    if origin is Annotated:
        return (_MICRO_TIME if "MicroTime" in hint.__metadata__ else _shape(hint.__origin__)[0]), None
    if origin in (Union, UnionType):
        inner = [_shape(part) for part in get_args(hint) if part is not type(None)]
        return inner[0] if len(inner) == 1 else (_ONE, None)
    if origin in (list, dict):
        shape, target = _shape(get_args(hint)[-1])
        if shape == _TIME:
            return _TIME_MAP, None
        return (_LIST if origin is list else _MAP), (target if shape == _ONE else None)
    if hint is datetime:
        return _TIME, None
    return _ONE, (hint if isinstance(hint, type) and issubclass(hint, msgspec.Struct) else None)


def _has_odd_time(obj: msgspec.Struct) -> bool:
    """Whether a time inside is one that msgspec would write differently from Kubernetes."""
    for field in _times(type(obj)):
        value = getattr(obj, field.attribute)
        if value is None:
            continue
        shape = field.shape
        if shape == _TIME:
            if value.microsecond or value.tzinfo is not UTC:
                return True
        elif shape == _MICRO_TIME:
            if not value.microsecond or value.tzinfo is not UTC:
                return True
        elif shape == _TIME_MAP:
            if any(instant.microsecond or instant.tzinfo is not UTC for instant in value.values()):
                return True
        elif shape == _ONE:
            if _has_odd_time(value):
                return True
        else:
            for inner in value if shape == _LIST else value.values():
                if _has_odd_time(inner):
                    return True
    return False


def _format_times(wire: dict[str, Any], cls: type[msgspec.Struct]) -> None:
    for field in _times(cls):
        value = wire.get(field.wire)
        if value is None:
            continue
        if field.shape == _TIME:
            wire[field.wire] = format_time(value)
        elif field.shape == _MICRO_TIME:
            wire[field.wire] = format_micro_time(value)
        elif field.shape == _TIME_MAP:
            wire[field.wire] = {key: format_time(instant) for key, instant in value.items()}
        elif field.shape == _ONE:
            _format_times(value, field.cls)
        else:
            for inner in value if field.shape == _LIST else value.values():
                _format_times(inner, field.cls)
