"""The documents of `/openapi/v3` as protobuf: `application/com.github.proto-openapi.spec.v3@v1.0+protobuf`.

Go libraries ask for this form when they need the types of a group version (typed server-side apply, for one). The
messages are gnostic's OpenAPIv3; `_FIELDS` names the fields that our documents and the schemas of definitions use.
"""

from typing import Any

from .gnostic import (
    Messages,
    Write,
    choice,
    delimited,
    double,
    each,
    flag,
    integer,
    named,
    or_choice,
    text,
    texts,
    wrapped,
    yaml,
)

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v3@v1.0+protobuf"
ANSWERED_TYPE = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"
"""As with Swagger: what the answer is labelled, and may be asked for by."""


_MESSAGES = Messages({"Operation": 13, "Parameter": 14, "PathItem": 14, "Schema": 36})
_message = _MESSAGES.message


def _or_reference(name: str) -> Write:
    """A message that holds that one (1), or a reference to one (2)."""
    itself, reference = wrapped(1, _message(name)), wrapped(2, wrapped(1, text))

    def write(out: bytearray, number: int, value: Any) -> None:
        if "$ref" in value:
            reference(out, number, value["$ref"])
        else:
            itself(out, number, value)

    return write


_schema = _or_reference("Schema")


def _default(out: bytearray, number: int, value: Any) -> None:
    """A number (1), a boolean (2) or a text (3); objects and lists are only told to be there."""
    inner = bytearray()
    if isinstance(value, bool):
        choice(inner, 2, value)
    elif isinstance(value, int | float):
        double(inner, 1, value)
    elif isinstance(value, str):
        text(inner, 3, value)
    delimited(out, number, inner)


def _responses(out: bytearray, number: int, value: Any) -> None:
    inner = bytearray()
    write = _or_reference("Response")
    for code, response in value.items():
        if code == "default":
            write(inner, 1, response)
            continue
        pair = bytearray()
        text(pair, 1, code)
        write(pair, 2, response)
        delimited(inner, 2, pair)
    delimited(out, number, inner)


_OPERATION = _message("Operation")
_CONTENT = named(1, _message("MediaType"))
_FIELDS: dict[str, dict[str, tuple[int, Write]]] = {
    "Document": {
        "openapi": (1, text),
        "info": (2, _message("Info")),
        "paths": (4, named(1, _message("PathItem"))),
        "components": (5, _message("Components")),
    },
    "Info": {"title": (1, text), "description": (2, text), "version": (6, text)},
    "Components": {
        "schemas": (1, named(1, _schema)),
        "securitySchemes": (7, named(1, _or_reference("SecurityScheme"))),
    },
    "SecurityScheme": {"type": (1, text), "description": (2, text), "name": (3, text), "in": (4, text)},
    "PathItem": {
        "get": (4, _OPERATION),
        "put": (5, _OPERATION),
        "post": (6, _OPERATION),
        "delete": (7, _OPERATION),
        "options": (8, _OPERATION),
        "head": (9, _OPERATION),
        "patch": (10, _OPERATION),
        "parameters": (13, each(_or_reference("Parameter"))),
    },
    "Operation": {
        "tags": (1, texts),
        "summary": (2, text),
        "description": (3, text),
        "operationId": (5, text),
        "parameters": (6, each(_or_reference("Parameter"))),
        "requestBody": (7, _or_reference("RequestBody")),
        "responses": (8, _responses),
        "deprecated": (10, flag),
    },
    "Parameter": {
        "name": (1, text),
        "in": (2, text),
        "description": (3, text),
        "required": (4, flag),
        "schema": (10, _schema),
    },
    "RequestBody": {"description": (1, text), "content": (2, _CONTENT), "required": (3, flag)},
    "Response": {"description": (1, text), "content": (3, _CONTENT)},
    "MediaType": {"schema": (1, _schema)},
    "Schema": {
        "nullable": (1, flag),
        "example": (7, yaml),
        "title": (9, text),
        "multipleOf": (10, double),
        "maximum": (11, double),
        "exclusiveMaximum": (12, flag),
        "minimum": (13, double),
        "exclusiveMinimum": (14, flag),
        "maxLength": (15, integer),
        "minLength": (16, integer),
        "pattern": (17, text),
        "maxItems": (18, integer),
        "minItems": (19, integer),
        "uniqueItems": (20, flag),
        "maxProperties": (21, integer),
        "minProperties": (22, integer),
        "required": (23, texts),
        "enum": (24, each(yaml)),
        "type": (25, text),
        "allOf": (26, each(_schema)),
        "oneOf": (27, each(_schema)),
        "anyOf": (28, each(_schema)),
        "not": (29, _message("Schema")),
        "items": (30, wrapped(1, _schema)),
        "properties": (31, named(1, _schema)),
        "additionalProperties": (32, or_choice(_schema)),
        "default": (33, _default),
        "description": (34, text),
        "format": (35, text),
    },
}
_MESSAGES.fields.update(_FIELDS)


def encode(document: dict[str, Any]) -> bytes:
    """An OpenAPI 3.0 document, as `documents.py` makes it, as an OpenAPIv3 Document message."""
    return bytes(_MESSAGES.encode("Document", document))
