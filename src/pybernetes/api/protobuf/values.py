"""Scalar types on the protobuf wire: plain ones, and those that are a small message of their own."""

import struct
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from .. import duration
from ..instants import format_micro_time, format_time, parse_time
from .wire import (
    ProtobufError,
    fields,
    signed,
    write_delimited,
    write_fixed64,
    write_integer,
)

# A writer appends one field; a reader turns what `wire.fields` gave for one into a JSON value.
Writer = Callable[[bytearray, int, Any], None]
Reader = Callable[[Any], Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bytes_of(value: Any) -> memoryview:
    if not isinstance(value, memoryview):
        raise ProtobufError("a number stands where bytes are wanted")
    return value


def number_of(value: Any) -> int:
    if not isinstance(value, int):
        raise ProtobufError("bytes stand where a number is wanted")
    return value


def _members(value: Any) -> dict[int, Any]:
    return dict(fields(bytes_of(value)))


def _text(value: Any) -> str:
    try:
        return str(bytes_of(value), "utf-8")
    except UnicodeDecodeError as error:
        raise ProtobufError("text is not UTF-8") from error


def _write_string(out: bytearray, field: int, value: Any) -> None:
    write_delimited(out, field, value.encode())


def _write_integer(out: bytearray, field: int, value: Any) -> None:
    write_integer(out, field, int(value))


def _read_integer(value: Any) -> int:
    return signed(number_of(value))


def _read_int32(value: Any) -> int:
    number = number_of(value) & 0xFFFFFFFF
    return number - 2**32 if number >= 2**31 else number


def _read_bool(value: Any) -> bool:
    return number_of(value) != 0


def _write_double(out: bytearray, field: int, value: Any) -> None:
    write_fixed64(out, field, struct.pack("<d", value))


def _read_double(value: Any) -> float | int:
    data = bytes_of(value)
    if len(data) != 8:
        raise ProtobufError("a double has eight bytes")
    number: float = struct.unpack("<d", data)[0]
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


def _write_bytes(out: bytearray, field: int, value: Any) -> None:
    write_delimited(out, field, b64decode(value))


def _read_bytes(value: Any) -> str:
    return b64encode(bytes_of(value)).decode()


def _write_time(out: bytearray, field: int, value: Any) -> None:
    since = parse_time(value) - _EPOCH
    message = bytearray()
    write_integer(message, 1, since.days * 86400 + since.seconds)
    write_integer(message, 2, since.microseconds * 1000)
    write_delimited(out, field, message)


def _read_instant(value: Any) -> datetime | None:
    members = _members(value)
    seconds, nanos = signed(members.get(1, 0)), signed(members.get(2, 0))
    if not seconds and not nanos:
        return None
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError as error:
        raise ProtobufError("a time beyond the year 9999") from error


def _read_time(value: Any) -> str | None:
    instant = _read_instant(value)
    return None if instant is None else format_time(instant)


def _read_micro_time(value: Any) -> str | None:
    instant = _read_instant(value)
    return None if instant is None else format_micro_time(instant)


def _write_duration(out: bytearray, field: int, value: Any) -> None:
    message = bytearray()
    write_integer(message, 1, duration.parse_nanoseconds(value))
    write_delimited(out, field, message)


def _read_duration(value: Any) -> str:
    return duration.format_nanoseconds(signed(_members(value).get(1, 0)))


def _write_quantity(out: bytearray, field: int, value: Any) -> None:
    message = bytearray()
    write_delimited(message, 1, str(value).encode())
    write_delimited(out, field, message)


def _read_quantity(value: Any) -> str:
    return _text(_members(value).get(1, memoryview(b"0")))


def _write_int_or_string(out: bytearray, field: int, value: Any) -> None:
    text = isinstance(value, str)
    message = bytearray()
    write_integer(message, 1, int(text))
    write_integer(message, 2, 0 if text else value)
    write_delimited(message, 3, value.encode() if text else b"")
    write_delimited(out, field, message)


def _read_int_or_string(value: Any) -> int | str:
    members = _members(value)
    return _text(members.get(3, memoryview(b""))) if members.get(1) else _read_int32(members.get(2, 0))


def _write_json(out: bytearray, field: int, value: Any) -> None:
    message = bytearray()
    write_delimited(message, 1, msgspec.json.encode(value))
    write_delimited(out, field, message)


def _read_json(value: Any) -> Any:
    raw = _members(value).get(1)
    if raw is None or not len(raw):
        return None
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise ProtobufError("raw bytes are no JSON") from error


SCALARS: dict[str, tuple[Writer, Reader]] = {
    "string": (_write_string, _text),
    "bool": (_write_integer, _read_bool),
    "int32": (_write_integer, _read_int32),
    "int64": (_write_integer, _read_integer),
    "double": (_write_double, _read_double),
    "bytes": (_write_bytes, _read_bytes),
    "Time": (_write_time, _read_time),
    "MicroTime": (_write_time, _read_micro_time),
    "Duration": (_write_duration, _read_duration),
    "Quantity": (_write_quantity, _read_quantity),
    "IntOrString": (_write_int_or_string, _read_int_or_string),
    "RawExtension": (_write_json, _read_json),
    "FieldsV1": (_write_json, _read_json),
    "JSON": (_write_json, _read_json),
}
# What Go shows for a list item or map value that was written empty.
EMPTY: dict[str, Any] = {"string": "", "bool": False, "int32": 0, "int64": 0, "double": 0, "bytes": "", "Quantity": "0"}
