"""The Swagger document as protobuf: `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`.

kubectl asks for `/openapi/v2` in this form only (explain before 1.28; validation of lists). The messages are gnostic's
OpenAPIv2; the table below names the fields our document uses, by message: JSON key -> (field number, how to write it).
Keys that start with `x-` become vendor extensions, whose values travel as YAML text; JSON is YAML.
"""

from collections.abc import Callable
from typing import Any

import orjson

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
ANSWERED_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""What the answer is labelled: Go refuses the `@` of the name that it asks for."""

Write = Callable[[bytearray, int, Any], None]


def _varint(out: bytearray, value: int) -> None:
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _delimited(out: bytearray, number: int, data: bytes | bytearray) -> None:
    _varint(out, number << 3 | 2)
    _varint(out, len(data))
    out += data


def _text(out: bytearray, number: int, value: Any) -> None:
    _delimited(out, number, str(value).encode())


def _texts(out: bytearray, number: int, value: Any) -> None:
    for item in value:
        _text(out, number, item)


def _flag(out: bytearray, number: int, value: Any) -> None:
    if value:
        _varint(out, number << 3)
        out.append(1)


def _yaml(out: bytearray, number: int, value: Any) -> None:
    """gnostic's Any: the value as YAML text in field 2."""
    inner = bytearray()
    _text(inner, 2, orjson.dumps(value).decode())
    _delimited(out, number, inner)


def _yamls(out: bytearray, number: int, value: Any) -> None:
    for item in value:
        _yaml(out, number, item)


def _message(name: str) -> Write:
    return lambda out, number, value: _delimited(out, number, _encode(name, value))


def _messages(name: str) -> Write:
    def write(out: bytearray, number: int, value: Any) -> None:
        for item in value:
            _delimited(out, number, _encode(name, item))

    return write


def _wrapped(field: int, write: Write) -> Write:
    """A message whose one field holds the value."""

    def outer(out: bytearray, number: int, value: Any) -> None:
        inner = bytearray()
        write(inner, field, value)
        _delimited(out, number, inner)

    return outer


def _named(field: int, write: Write) -> Write:
    """A message that repeats, as `field`, pairs of a name (1) and a value (2)."""

    def outer(out: bytearray, number: int, value: Any) -> None:
        inner = bytearray()
        for name, item in value.items():
            pair = bytearray()
            _text(pair, 1, name)
            write(pair, 2, item)
            _delimited(inner, field, pair)
        _delimited(out, number, inner)

    return outer


def _type(out: bytearray, number: int, value: Any) -> None:
    _wrapped(1, _text)(out, number, value)


def _additional(out: bytearray, number: int, value: Any) -> None:
    inner = bytearray()
    if isinstance(value, bool):
        _varint(inner, 2 << 3)
        inner.append(value)
    else:
        _delimited(inner, 1, _encode("Schema", value))
    _delimited(out, number, inner)


def _parameters(out: bytearray, number: int, value: Any) -> None:
    """ParametersItem{Parameter{body | non-body{query | path}}}."""
    for item in value:
        place = item["in"]
        inner = bytearray()
        if place == "body":
            _delimited(inner, 1, _encode("BodyParameter", item))
        else:
            choice = bytearray()
            kind = {"query": 3, "path": 4}[place]
            _delimited(choice, kind, _encode("QueryParameter" if place == "query" else "PathParameter", item))
            _delimited(inner, 2, choice)
        parameter = bytearray()
        _delimited(parameter, 1, inner)
        _delimited(out, number, parameter)


_FIELDS: dict[str, dict[str, tuple[int, Write]]] = {
    "Document": {
        "swagger": (1, _text),
        "info": (2, _message("Info")),
        "paths": (8, _named(2, _message("PathItem"))),
        "definitions": (9, _named(1, _message("Schema"))),
    },
    "Info": {"title": (1, _text), "version": (2, _text)},
    "PathItem": {
        "get": (2, _message("Operation")),
        "put": (3, _message("Operation")),
        "post": (4, _message("Operation")),
        "delete": (5, _message("Operation")),
        "patch": (8, _message("Operation")),
        "parameters": (9, _parameters),
    },
    "Operation": {
        "tags": (1, _texts),
        "operationId": (5, _text),
        "produces": (6, _texts),
        "consumes": (7, _texts),
        "parameters": (8, _parameters),
        "responses": (9, _named(1, _wrapped(1, _message("Response")))),
    },
    "BodyParameter": {
        "name": (2, _text),
        "in": (3, _text),
        "required": (4, _flag),
        "schema": (5, _message("Schema")),
    },
    "QueryParameter": {
        "required": (1, _flag),
        "in": (2, _text),
        "name": (4, _text),
        "type": (6, _text),
        "uniqueItems": (18, _flag),
    },
    "PathParameter": {
        "required": (1, _flag),
        "in": (2, _text),
        "name": (4, _text),
        "type": (5, _text),
        "uniqueItems": (17, _flag),
    },
    "Response": {"description": (1, _text), "schema": (2, _wrapped(1, _message("Schema")))},
    "Schema": {
        "$ref": (1, _text),
        "format": (2, _text),
        "description": (4, _text),
        "default": (5, _yaml),
        "required": (19, _texts),
        "enum": (20, _yamls),
        "additionalProperties": (21, _additional),
        "type": (22, _type),
        "items": (23, _wrapped(1, _message("Schema"))),
        "properties": (25, _named(1, _message("Schema"))),
    },
}
_EXTENSIONS = {"Operation": 13, "Schema": 31}


def _encode(name: str, value: dict[str, Any]) -> bytearray:
    fields = _FIELDS[name]
    out = bytearray()
    for key, item in value.items():
        known = fields.get(key)
        if known is not None:
            known[1](out, known[0], item)
        elif key.startswith("x-") and name in _EXTENSIONS:
            pair = bytearray()
            _text(pair, 1, key)
            _yaml(pair, 2, item)
            _delimited(out, _EXTENSIONS[name], pair)
    return out


def encode(document: dict[str, Any]) -> bytes:
    """A Swagger 2.0 document, as `documents.py` makes it, as an OpenAPIv2 Document message."""
    return bytes(_encode("Document", document))
