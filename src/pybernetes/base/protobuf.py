"""Protocol buffers for the few gRPC services that are spoken to: one table per Struct, no generated code, no runtime.

A message is a `Message` Struct whose annotations carry the field numbers:

    class PortMapping(Message):
        protocol: Annotated[int, 1] = 0
        container_port: Annotated[int, 2] = 0

The Python type decides the wire form:

    int, bool                    varint (negative numbers as 64-bit two's complement, as int32 and int64 are)
    str, bytes                   length-delimited
    Message | None               length-delimited message, absent when None
    int | None                   a wrapper message (Int64Value, UInt64Value, ...StateValue), absent when None
    list[str | int | Message]    repeated (numbers packed)
    dict[str, str]               map entries

As in proto3, zero values are not written and unknown fields are skipped. The tables are built on first use of a class
and kept. Used by the container runtime's client (`kubelet/cri`) and the etcd store (`store/etcd`).
"""

import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec


class Message(msgspec.Struct, kw_only=True):
    """Base of every message; fields are `Annotated[type, number]` with a default."""


class WireError(ValueError):
    """Bytes that are not a protocol buffer of the expected message."""


M = TypeVar("M", bound=Message)
Encode = Callable[[Any, bytearray], None]
Decode = Callable[[bytes, int, int], Any]


class Field(msgspec.Struct, frozen=True):
    """One row of a message's table."""

    name: str
    number: int
    kind: str
    """int, bool, str, bytes, wrapper, message, list.int, list.str, list.message or map."""
    message: type[Message] | None = None


def fields(cls: type[Message]) -> tuple[Field, ...]:
    """The table of a message, in the order of its annotations."""
    hints = typing.get_type_hints(cls, include_extras=True)
    rows = []
    for name in cls.__struct_fields__:
        annotated, number = get_args(hints[name])
        rows.append(_field(name, number, annotated))
    return tuple(rows)


def _field(name: str, number: int, annotated: Any) -> Field:
    if annotated in (int, bool, str, bytes):
        return Field(name, number, annotated.__name__)
    origin = get_origin(annotated)
    if origin in (Union, types.UnionType):
        inner = next(a for a in get_args(annotated) if a is not type(None))
        return Field(name, number, "wrapper") if inner is int else Field(name, number, "message", inner)
    if origin is dict:
        return Field(name, number, "map")
    (inner,) = get_args(annotated)
    if inner in (int, str):
        return Field(name, number, f"list.{inner.__name__}")
    return Field(name, number, "list.message", inner)


def encode(message: Message) -> bytes:
    """The message as bytes."""
    out = bytearray()
    _encode_into(message, out)
    return bytes(out)


def decode(cls: type[M], data: bytes) -> M:
    """The message in data; WireError if it is malformed."""
    try:
        return _decode_range(cls, data, 0, len(data))
    except (IndexError, UnicodeDecodeError) as error:
        raise WireError(f"malformed {cls.__name__}") from error


_encoders: dict[type[Message], list[tuple[str, Encode]]] = {}
_decoders: dict[type[Message], dict[int, tuple[str, str, Any]]] = {}


def _encode_into(message: Message, out: bytearray) -> None:
    cls = type(message)
    table = _encoders.get(cls)
    if table is None:
        table = _encoders[cls] = [(f.name, _encoder(f)) for f in fields(cls)]
    for name, write in table:
        value = getattr(message, name)
        if value or (value == 0 and value is not False and value is not None):
            write(value, out)


def _varint(value: int, out: bytearray) -> None:
    if value < 0:
        value += 1 << 64
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _chunk(tag: int, data: bytes | bytearray, out: bytearray) -> None:
    _varint(tag, out)
    _varint(len(data), out)
    out += data


def _encoder(field: Field) -> Encode:
    varint_tag = field.number << 3
    bytes_tag = varint_tag | 2

    def number(value: int, out: bytearray) -> None:
        if value:
            _varint(varint_tag, out)
            _varint(int(value), out)

    def text(value: str, out: bytearray) -> None:
        _chunk(bytes_tag, value.encode(), out)

    def raw(value: bytes, out: bytearray) -> None:
        _chunk(bytes_tag, value, out)

    def wrapper(value: int, out: bytearray) -> None:
        body = bytearray()
        if value:
            body.append(8)
            _varint(value, body)
        _chunk(bytes_tag, body, out)

    def message(value: Message, out: bytearray) -> None:
        body = bytearray()
        _encode_into(value, body)
        _chunk(bytes_tag, body, out)

    def numbers(value: list[int], out: bytearray) -> None:
        body = bytearray()
        for item in value:
            _varint(item, body)
        _chunk(bytes_tag, body, out)

    def texts(value: list[str], out: bytearray) -> None:
        for item in value:
            text(item, out)

    def messages(value: list[Message], out: bytearray) -> None:
        for item in value:
            message(item, out)

    def mapping(value: dict[str, str], out: bytearray) -> None:
        for key, item in value.items():
            body = bytearray()
            _chunk(10, key.encode(), body)
            _chunk(18, item.encode(), body)
            _chunk(bytes_tag, body, out)

    by_kind: dict[str, Encode] = {
        "int": number,
        "bool": number,
        "str": text,
        "bytes": raw,
        "wrapper": wrapper,
        "message": message,
        "list.int": numbers,
        "list.str": texts,
        "list.message": messages,
        "map": mapping,
    }
    return by_kind[field.kind]


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    if value < 0x80:
        return value, at + 1
    value &= 0x7F
    shift = 7
    while True:
        at += 1
        byte = data[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7
        if shift > 63:
            raise WireError("varint too long")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _decode_range(cls: type[M], data: bytes, at: int, end: int) -> M:
    table = _decoders.get(cls)
    if table is None:
        table = _decoders[cls] = {f.number: (f.name, f.kind, f.message) for f in fields(cls)}
    values: dict[str, Any] = {}
    while at < end:
        tag, at = _read_varint(data, at)
        row = table.get(tag >> 3)
        wire = tag & 7
        if wire == 0:
            number, at = _read_varint(data, at)
            if row is not None:
                name, kind, _ = row
                if kind == "list.int":
                    values.setdefault(name, []).append(_signed(number))
                else:
                    values[name] = bool(number) if kind == "bool" else _signed(number)
            continue
        if wire != 2:
            at += 8 if wire == 1 else 4
            if wire not in (1, 5):
                raise WireError(f"wire type {wire} in {cls.__name__}")
            continue
        length, at = _read_varint(data, at)
        stop = at + length
        if stop > end:
            raise WireError(f"{cls.__name__} is cut short")
        if row is not None:
            _read_chunk(values, row, data, at, stop)
        at = stop
    return cls(**values)


def _read_chunk(values: dict[str, Any], row: tuple[str, str, Any], data: bytes, at: int, stop: int) -> None:
    name, kind, inner = row
    if kind == "str":
        values[name] = data[at:stop].decode()
    elif kind == "message":
        values[name] = _decode_range(inner, data, at, stop)
    elif kind == "map":
        key, value = _read_entry(data, at, stop)
        values.setdefault(name, {})[key] = value
    elif kind == "list.str":
        values.setdefault(name, []).append(data[at:stop].decode())
    elif kind == "list.message":
        values.setdefault(name, []).append(_decode_range(inner, data, at, stop))
    elif kind == "wrapper":
        values[name] = _read_wrapper(data, at, stop)
    elif kind == "bytes":
        values[name] = data[at:stop]
    elif kind == "list.int":
        found = values.setdefault(name, [])
        while at < stop:
            number, at = _read_varint(data, at)
            found.append(_signed(number))
    else:
        raise WireError(f"{name} is not length-delimited")


def _read_wrapper(data: bytes, at: int, stop: int) -> int:
    value = 0
    while at < stop:
        _, at = _read_varint(data, at)
        value, at = _read_varint(data, at)
    return _signed(value)


def _read_entry(data: bytes, at: int, stop: int) -> tuple[str, str]:
    parts = {1: "", 2: ""}
    while at < stop:
        tag, at = _read_varint(data, at)
        length, at = _read_varint(data, at)
        parts[tag >> 3] = data[at : at + length].decode()
        at += length
    return parts[1], parts[2]
