"""How documents of the API become gnostic's messages, which Go clients read: tables of fields, and what writes them.

    MESSAGES = Messages(extensions={"Schema": 31})
    MESSAGES.fields.update({"Info": {"title": (1, text), "version": (2, text)}})
    MESSAGES.encode("Info", {"title": "Kubernetes"})

`fields` names, by message, those that our documents use: JSON key -> (field number, how to write it). Messages hold one
another, so `message` may name one that is told later. Keys that start with `x-` become vendor extensions, whose values
travel as YAML text; JSON is YAML. What is not named is left out.
"""

import struct
from collections.abc import Callable
from typing import Any

import orjson

Write = Callable[[bytearray, int, Any], None]
"""Appends a field with that number and value."""


def varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def delimited(out: bytearray, number: int, data: bytes | bytearray) -> None:
    """A field of that many bytes: text, or a message."""
    varint(out, number << 3 | 2)
    varint(out, len(data))
    out += data


def text(out: bytearray, number: int, value: Any) -> None:
    delimited(out, number, str(value).encode())


def texts(out: bytearray, number: int, value: Any) -> None:
    for item in value:
        text(out, number, item)


def flag(out: bytearray, number: int, value: Any) -> None:
    """False is not written."""
    if value:
        choice(out, number, value)


def choice(out: bytearray, number: int, value: Any) -> None:
    """A boolean that tells by its presence which of several a message holds."""
    varint(out, number << 3)
    out.append(bool(value))


def integer(out: bytearray, number: int, value: Any) -> None:
    varint(out, number << 3)
    varint(out, int(value))


def double(out: bytearray, number: int, value: Any) -> None:
    varint(out, number << 3 | 1)
    out += struct.pack("<d", value)


def yaml(out: bytearray, number: int, value: Any) -> None:
    """gnostic's Any: the value as YAML text in field 2."""
    inner = bytearray()
    text(inner, 2, orjson.dumps(value).decode())
    delimited(out, number, inner)


def each(write: Write) -> Write:
    """A repeated field."""

    def outer(out: bytearray, number: int, value: Any) -> None:
        for item in value:
            write(out, number, item)

    return outer


def wrapped(field: int, write: Write) -> Write:
    """A message whose one field holds the value."""

    def outer(out: bytearray, number: int, value: Any) -> None:
        inner = bytearray()
        write(inner, field, value)
        delimited(out, number, inner)

    return outer


def named(field: int, write: Write) -> Write:
    """A message that repeats, as `field`, pairs of a name (1) and a value (2)."""

    def outer(out: bytearray, number: int, value: Any) -> None:
        inner = bytearray()
        for name, item in value.items():
            pair = bytearray()
            text(pair, 1, name)
            write(pair, 2, item)
            delimited(inner, field, pair)
        delimited(out, number, inner)

    return outer


def or_choice(write: Write) -> Write:
    """A message that holds this (1), or a boolean (2)."""
    itself, boolean = wrapped(1, write), wrapped(2, choice)
    return lambda out, number, value: (boolean if isinstance(value, bool) else itself)(out, number, value)


class Messages:
    """The messages of one version of OpenAPI."""

    def __init__(self, extensions: dict[str, int]) -> None:
        """`extensions`: the number of the field that holds vendor extensions, by message."""
        self.fields: dict[str, dict[str, tuple[int, Write]]] = {}
        self._extensions = extensions

    def encode(self, name: str, value: dict[str, Any]) -> bytearray:
        """One message."""
        fields = self.fields[name]
        out = bytearray()
        for key, item in value.items():
            known = fields.get(key)
            if known is not None:
                known[1](out, known[0], item)
            elif key.startswith("x-") and name in self._extensions:
                pair = bytearray()
                text(pair, 1, key)
                yaml(pair, 2, item)
                delimited(out, self._extensions[name], pair)
        return out

    def message(self, name: str) -> Write:
        """A field that holds that message."""
        return lambda out, number, value: delimited(out, number, self.encode(name, value))
