"""Kubernetes' protobuf wire form, decoded into the same dicts as JSON (API concepts, "Kubernetes Protobuf encoding").

A body is the four bytes `k8s\\0` and a `runtime.Unknown` message: apiVersion and kind, then the object's own message.
Field numbers and types come from the schema table; nothing is generated. Go clients send built-in kinds in this form by
default, so it is part of understanding a stock kubectl.

What comes out is as Go's JSON would be before `omitempty`: zero values that Go writes unconditionally are there, and
the schema's decoder drops them afterwards, as it does for JSON.
"""

import struct
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import orjson

from .duration import format_nanoseconds
from .schema.table import table

MAGIC = b"k8s\x00"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_OPTIONS = ("DeleteOptions", "CreateOptions", "UpdateOptions", "PatchOptions", "ListOptions", "GetOptions", "Status")


class ProtobufError(ValueError):
    """Bytes that are no Kubernetes protobuf of a known kind."""


def is_protobuf(media_type: str) -> bool:
    return media_type == MEDIA_TYPE


# Reading the wire. Messages are read from memoryviews, so nothing is copied before it is text.


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ProtobufError("unexpected end of message")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(data: memoryview) -> "list[tuple[int, int, int | memoryview]]":
    """(field number, wire type, value) of every field, in order."""
    found: list[tuple[int, int, int | memoryview]] = []
    at, end = 0, len(data)
    while at < end:
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        value: int | memoryview
        if wire == 0:
            value, at = _varint(data, at)
        elif wire == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
            value, at = data[at : at + size], at + size
        else:
            raise ProtobufError(f"wire type {wire} is not in use")
        if at > end:
            raise ProtobufError("unexpected end of message")
        found.append((number, wire, value))
    return found


def _text(value: int | memoryview) -> str:
    if isinstance(value, int):
        raise ProtobufError("a number where text was expected")
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise ProtobufError("text that is not UTF-8") from None


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ProtobufError("a number where a message was expected")
    return value


def _signed(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise ProtobufError("a message where a number was expected")
    return value - (1 << 64) if value >= 1 << 63 else value


def _integer32(value: int | memoryview) -> int:
    number = _signed(value) & 0xFFFFFFFF
    return number - (1 << 32) if number >= 1 << 31 else number


def _boolean(value: int | memoryview) -> bool:
    return bool(_signed(value))


def _double(value: int | memoryview) -> float:
    raw = bytes(_message(value))
    if len(raw) != 8:
        raise ProtobufError("a number of the wrong size")
    return float(struct.unpack("<d", raw)[0])


def _bytes(value: int | memoryview) -> str:
    return b64encode(_message(value)).decode()


def _numbers(value: int | memoryview) -> dict[int, int]:
    return {number: _signed(item) for number, wire, item in _fields(_message(value)) if wire == 0}


def _instant(value: int | memoryview, form: str) -> str | None:
    found = _numbers(value)
    if not found:
        return None
    try:
        moment = datetime.fromtimestamp(found.get(1, 0), UTC).replace(microsecond=found.get(2, 0) // 1000)
    except (ValueError, OverflowError, OSError):
        raise ProtobufError("an instant out of range") from None
    return moment.strftime(form)


def _time(value: int | memoryview) -> str | None:
    return _instant(value, "%Y-%m-%dT%H:%M:%SZ")


def _micro_time(value: int | memoryview) -> str | None:
    return _instant(value, "%Y-%m-%dT%H:%M:%S.%fZ")


def _duration(value: int | memoryview) -> str:
    return format_nanoseconds(_numbers(value).get(1, 0))


def _quantity(value: int | memoryview) -> str:
    return next((_text(item) for number, _, item in _fields(_message(value)) if number == 1), "0")


def _int_or_string(value: int | memoryview) -> int | str:
    kind, number, text = 0, 0, ""
    for field, _, item in _fields(_message(value)):
        if field == 1:
            kind = _signed(item)
        elif field == 2:
            number = _integer32(item)
        elif field == 3:
            text = _text(item)
    return text if kind == 1 else number


def _raw_json(value: int | memoryview) -> Any:
    for number, _, item in _fields(_message(value)):
        if number == 1 and len(_message(item)):
            try:
                return orjson.loads(bytes(_message(item)))
            except orjson.JSONDecodeError:
                raise ProtobufError("embedded JSON is malformed") from None
    return None


Read = Callable[["int | memoryview"], Any]
_SCALARS: dict[str, Read] = {
    "string": _text,
    "bool": _boolean,
    "int32": _integer32,
    "int64": _signed,
    "double": _double,
    "bytes": _bytes,
    "Time": _time,
    "MicroTime": _micro_time,
    "Duration": _duration,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "RawExtension": _raw_json,
    "FieldsV1": _raw_json,
    "JSON": _raw_json,
}
_PACKABLE = frozenset({"bool", "int32", "int64"})


class _Field(msgspec.Struct, frozen=True):
    """How to read one field: `shape` is one, list, map or inline."""

    name: str
    shape: str
    read: Read
    packable: bool = False


def _reader(type_name: str) -> Read:
    found = _SCALARS.get(type_name)
    if found is not None:
        return found
    special = _SPECIAL.get(type_name)
    if special is not None:
        return special
    return lambda value: _struct(type_name, _message(value))


def _wrapped_list(element: str) -> Read:
    """A list that is a message of its own, with the items as field 1 (`extra` of UserInfo)."""
    read = _reader(element)
    return lambda value: [read(item) for number, _, item in _fields(_message(value)) if number == 1]


def _field(row: dict[str, Any]) -> _Field:
    name, type_name = row["n"], row["t"]
    if row.get("inl"):
        return _Field(name, "inline", _reader(type_name))
    if type_name.startswith("map[string]"):
        element = type_name[len("map[string]") :]
        read = _wrapped_list(element[2:]) if element.startswith("[]") else _reader(element)
        return _Field(name, "map", read)
    if type_name.startswith("[]"):
        if row.get("wrap"):
            return _Field(name, "one", _wrapped_list(type_name[2:]))
        return _Field(name, "list", _reader(type_name[2:]), type_name[2:] in _PACKABLE)
    return _Field(name, "one", _reader(type_name))


@cache
def _table(type_name: str) -> dict[int, _Field]:
    rows = table().get(type_name)
    if rows is None:
        raise ProtobufError(f"no type {type_name}")
    return {row["p"]: _field(row) for row in rows.get("f", ()) if "p" in row}


def _struct(type_name: str, data: memoryview) -> dict[str, Any]:
    known = _table(type_name)
    found: dict[str, Any] = {}
    for number, wire, value in _fields(data):
        field = known.get(number)
        if field is None:
            continue
        if field.shape == "one":
            found[field.name] = field.read(value)
        elif field.shape == "list":
            items = found.setdefault(field.name, [])
            if field.packable and wire == 2:
                items += _packed(field, _message(value))
            else:
                items.append(field.read(value))
        elif field.shape == "map":
            key, item = _entry(field, _message(value))
            found.setdefault(field.name, {})[key] = item
        else:
            found.update(field.read(value))
    return found


def _packed(field: _Field, data: memoryview) -> list[Any]:
    at, items = 0, []
    while at < len(data):
        value, at = _varint(data, at)
        items.append(field.read(value))
    return items


def _entry(field: _Field, data: memoryview) -> tuple[str, Any]:
    key, value = "", None
    for number, _, item in _fields(data):
        if number == 1:
            key = _text(item)
        elif number == 2:
            value = field.read(item)
    return key, value if value is not None else field.read(memoryview(b""))


def _schema_or_array(value: int | memoryview) -> Any:
    found = _struct("apiextensions/v1.JSONSchemaPropsOrArray", _message(value))
    return found["jSONSchemas"] if found.get("jSONSchemas") else found.get("schema")


def _schema_or_bool(value: int | memoryview) -> Any:
    found = _struct("apiextensions/v1.JSONSchemaPropsOrBool", _message(value))
    return found["schema"] if found.get("schema") is not None else bool(found.get("allows"))


def _schema_or_strings(value: int | memoryview) -> Any:
    found = _struct("apiextensions/v1.JSONSchemaPropsOrStringArray", _message(value))
    return found["property"] if found.get("property") else found.get("schema")


_SPECIAL: dict[str, Read] = {
    "apiextensions/v1.JSONSchemaPropsOrArray": _schema_or_array,
    "apiextensions/v1.JSONSchemaPropsOrBool": _schema_or_bool,
    "apiextensions/v1.JSONSchemaPropsOrStringArray": _schema_or_strings,
    "apiextensions/v1.JSON": _raw_json,
}


@cache
def _type_of(api_version: str, kind: str) -> str:
    """The table's type for a kind; options and Status are meta/v1 whatever group they are sent under."""
    if kind in _OPTIONS:
        return f"meta/v1.{kind}"
    for package, version in table()["_gv"].items():
        if version == api_version and f"{package}.{kind}" in table():
            return f"{package}.{kind}"
    raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')


def decode(data: bytes) -> dict[str, Any]:
    """The object in a body, with apiVersion and kind. ProtobufError when it is none."""
    if not data.startswith(MAGIC):
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    api_version = kind = ""
    raw = memoryview(b"")
    for number, _, value in _fields(memoryview(data)[len(MAGIC) :]):
        if number == 1:
            for part, _, text in _fields(_message(value)):
                if part == 1:
                    api_version = _text(text)
                elif part == 2:
                    kind = _text(text)
        elif number == 2:
            raw = _message(value)
    if not api_version or not kind:
        raise ProtobufError("the message names no apiVersion and kind")
    try:
        body = _struct(_type_of(api_version, kind), raw)
    except RecursionError:
        raise ProtobufError("the message is nested too deeply") from None
    return {"apiVersion": api_version, "kind": kind, **body}
