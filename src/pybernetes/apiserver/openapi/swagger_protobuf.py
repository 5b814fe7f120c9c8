"""The Swagger document as protobuf: `application/com.github.proto-openapi.spec.v2@v1.0+protobuf`.

kubectl asks for `/openapi/v2` in this form only (explain before 1.28; validation of lists). The messages are gnostic's
OpenAPIv2; `_FIELDS` names the fields our document uses.
"""

from typing import Any

from .gnostic import Messages, Write, delimited, each, flag, named, or_choice, text, texts, wrapped, yaml

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
ANSWERED_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
"""What the answer is labelled: Go refuses the `@` of the name that it asks for. It may be asked for by this as well."""


_MESSAGES = Messages({"Operation": 13, "Schema": 31})
_message = _MESSAGES.message


def _parameter(out: bytearray, number: int, item: Any) -> None:
    """ParametersItem{Parameter{body | non-body{query | path}}}."""
    place = item["in"]
    inner = bytearray()
    if place == "body":
        _message("BodyParameter")(inner, 1, item)
    else:
        kind, name = {"query": (3, "QueryParameter"), "path": (4, "PathParameter")}[place]
        wrapped(kind, _message(name))(inner, 2, item)
    parameter = bytearray()
    delimited(parameter, 1, inner)
    delimited(out, number, parameter)


_FIELDS: dict[str, dict[str, tuple[int, Write]]] = {
    "Document": {
        "swagger": (1, text),
        "info": (2, _message("Info")),
        "paths": (8, named(2, _message("PathItem"))),
        "definitions": (9, named(1, _message("Schema"))),
    },
    "Info": {"title": (1, text), "version": (2, text)},
    "PathItem": {
        "get": (2, _message("Operation")),
        "put": (3, _message("Operation")),
        "post": (4, _message("Operation")),
        "delete": (5, _message("Operation")),
        "patch": (8, _message("Operation")),
        "parameters": (9, each(_parameter)),
    },
    "Operation": {
        "tags": (1, texts),
        "operationId": (5, text),
        "produces": (6, texts),
        "consumes": (7, texts),
        "parameters": (8, each(_parameter)),
        "responses": (9, named(1, wrapped(1, _message("Response")))),
    },
    "BodyParameter": {
        "name": (2, text),
        "in": (3, text),
        "required": (4, flag),
        "schema": (5, _message("Schema")),
    },
    "QueryParameter": {
        "required": (1, flag),
        "in": (2, text),
        "name": (4, text),
        "type": (6, text),
        "uniqueItems": (18, flag),
    },
    "PathParameter": {
        "required": (1, flag),
        "in": (2, text),
        "name": (4, text),
        "type": (5, text),
        "uniqueItems": (17, flag),
    },
    "Response": {"description": (1, text), "schema": (2, wrapped(1, _message("Schema")))},
    "Schema": {
        "$ref": (1, text),
        "format": (2, text),
        "description": (4, text),
        "default": (5, yaml),
        "required": (19, texts),
        "enum": (20, each(yaml)),
        "additionalProperties": (21, or_choice(_message("Schema"))),
        "type": (22, wrapped(1, text)),
        "items": (23, wrapped(1, _message("Schema"))),
        "properties": (25, named(1, _message("Schema"))),
    },
}
_MESSAGES.fields.update(_FIELDS)


def encode(document: dict[str, Any]) -> bytes:
    """A Swagger 2.0 document, as `documents.py` makes it, as an OpenAPIv2 Document message."""
    return bytes(_MESSAGES.encode("Document", document))
