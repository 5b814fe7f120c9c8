"""Compiles the type table into writers and readers of protobuf messages.

A message is written from, and read into, the wire dict of its type. A struct that JSON inlines is a message of its own
here: it is written from the dict around it, and read back into that.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ..schema.table import LIST, MAP, UNIONS, element, is_struct, resolved, table
from .values import EMPTY, SCALARS, Reader, Writer, bytes_of
from .wire import fields, read_varint, write_delimited, write_integer

_SCHEMA = "apiextensions/v1.JSONSchemaProps"


class _Field(msgspec.Struct, frozen=True):
    """One field of a message. `collect` says how repeated occurrences come together: "", "list",
    "numbers" (a list whose items may come packed into one field), "map" or "inline"."""

    name: str
    number: int
    write: Writer
    read: Reader
    collect: str = ""


class Message:
    """The writer and reader of one struct type, compiled on first use."""

    def __init__(self, type_name: str) -> None:
        self._type = type_name
        self._fields: list[_Field] | None = None
        self._by_number: dict[int, _Field] = {}
        self._by_name: dict[str, _Field] = {}
        self._inlined: list[_Field] = []

    def _compiled(self) -> list[_Field]:
        if self._fields is None:
            self._fields = sorted(
                (_field(row) for row in table()[self._type]["f"] if "p" in row), key=lambda field: field.number
            )
            self._by_number = {field.number: field for field in self._fields}
            self._inlined = [field for field in self._fields if field.collect == "inline"]
            self._by_name = {field.name: field for field in self._fields if field.collect != "inline"}
        return self._fields

    def write(self, obj: dict[str, Any]) -> bytearray:
        """In the order of the dict, which says what is there; types have several times as many fields."""
        out = bytearray()
        if self._fields is None:
            self._compiled()
        find = self._by_name.get
        for name, value in obj.items():
            field = find(name)
            if field is None or value is None:
                continue
            collect = field.collect
            if not collect:
                field.write(out, field.number, value)
            elif collect == "map":
                for entry in sorted(value.items()):
                    field.write(out, field.number, entry)
            else:
                for item in value:
                    field.write(out, field.number, item)
        for field in self._inlined:
            field.write(out, field.number, obj)
        return out

    def read(self, data: memoryview) -> dict[str, Any]:
        self._compiled()
        obj: dict[str, Any] = {}
        for number, value in fields(data):
            field = self._by_number.get(number)
            if field is None:
                continue
            found = field.read(value)
            if field.collect == "inline":
                obj.update(found)
            elif field.collect == "list":
                obj.setdefault(field.name, []).append(found)
            elif field.collect == "numbers":
                obj.setdefault(field.name, []).extend(found)
            elif field.collect == "map":
                key, inner = found
                obj.setdefault(field.name, {})[key] = inner
            else:
                obj[field.name] = found
        return obj


_messages: dict[str, Message] = {}


def message(type_name: str) -> Message:
    """The message of a struct type of the table."""
    found = _messages.get(type_name)
    if found is None:
        found = _messages[type_name] = Message(type_name)
    return found


def _field(row: dict[str, Any]) -> _Field:
    number, type_name = row["p"], resolved(row["t"])
    if row.get("inl"):
        write, read = _type(type_name)
        return _Field(row["n"], number, write, read, "inline")
    if row.get("wrap") and not type_name.startswith(MAP):
        write, read = _wrapped(type_name)
        return _Field(row["n"], number, write, read)
    if type_name.startswith(LIST):
        write, read = _type(element(type_name))
        if element(type_name) in ("bool", "int32", "int64"):
            return _Field(row["n"], number, write, _packed(read), "numbers")
        return _Field(row["n"], number, write, read, "list")
    if type_name.startswith(MAP):
        inner = element(type_name)
        write, read = _entry(*(_wrapped(inner) if inner.startswith(LIST) else _type(inner)), EMPTY.get(inner))
        return _Field(row["n"], number, write, read, "map")
    write, read = _type(type_name)
    return _Field(row["n"], number, write, read)


def _type(type_name: str) -> tuple[Writer, Reader]:
    if type_name in UNIONS:
        return _union(type_name)
    if is_struct(type_name):
        inner = message(type_name)
        return (
            lambda out, number, value: write_delimited(out, number, inner.write(value)),
            lambda value: inner.read(bytes_of(value)),
        )
    return SCALARS[type_name]


def _packed(read_item: Reader) -> Reader:
    """One number, or several in a row without tags; always as a list."""

    def read(value: Any) -> Any:
        if not isinstance(value, memoryview):
            return [read_item(value)]
        items, at = [], 0
        while at < len(value):
            number, at = read_varint(value, at)
            items.append(read_item(number))
        return items

    return read


def _wrapped(type_name: str) -> tuple[Writer, Reader]:
    """A list that is a message of its own, with the items as field 1."""
    write_item, read_item = _type(element(type_name))

    def write(out: bytearray, number: int, value: Any) -> None:
        inner = bytearray()
        for item in value:
            write_item(inner, 1, item)
        write_delimited(out, number, inner)

    def read(value: Any) -> Any:
        return [read_item(item) for number, item in fields(bytes_of(value)) if number == 1]

    return write, read


def _entry(write_value: Writer, read_value: Reader, empty: Any) -> tuple[Writer, Reader]:
    """A map is a list of entries: the key as field 1, the value as field 2."""

    def write(out: bytearray, number: int, entry: Any) -> None:
        key, value = entry
        inner = bytearray()
        write_delimited(inner, 1, key.encode())
        if value is not None:
            write_value(inner, 2, value)
        write_delimited(out, number, inner)

    read_key: Callable[[Any], Any] = SCALARS["string"][1]

    def read(value: Any) -> Any:
        members = dict(fields(bytes_of(value)))
        key = read_key(members[1]) if 1 in members else ""
        return key, read_value(members[2]) if 2 in members else empty

    return write, read


def _union(type_name: str) -> tuple[Writer, Reader]:
    """JSON Schema's unions: one field per alternative (a schema; or schemas, names, a boolean)."""
    schema = message(_SCHEMA)
    alternative = UNIONS[type_name]
    schema_number, other_number = (2, 1) if alternative == "schema or bool" else (1, 2)

    def write(out: bytearray, number: int, value: Any) -> None:
        inner = bytearray()
        if alternative == "schema or bool":
            write_integer(inner, other_number, int(value is not False))
        if isinstance(value, dict):
            write_delimited(inner, schema_number, schema.write(value))
        elif isinstance(value, list):
            for item in value:
                data = schema.write(item) if alternative == "schema or list" else item.encode()
                write_delimited(inner, other_number, data)
        write_delimited(out, number, inner)

    def read(value: Any) -> Any:
        found = list(fields(bytes_of(value)))
        for number, inner in found:
            if number == schema_number:
                return schema.read(bytes_of(inner))
        others = [inner for number, inner in found if number == other_number]
        if alternative == "schema or bool":
            return bool(others and others[0])
        if alternative == "schema or list":
            return [schema.read(bytes_of(inner)) for inner in others]
        return [SCALARS["string"][1](inner) for inner in others]

    return write, read
