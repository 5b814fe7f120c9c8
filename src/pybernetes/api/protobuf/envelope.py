"""The outside of a protobuf object: four bytes of magic, then runtime.Unknown with the type and the message."""

from collections.abc import Iterable
from typing import Any

import msgspec

from ..schema.table import type_of
from .messages import message
from .values import SCALARS
from .wire import ProtobufError, fields, write_delimited

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\0"

_TYPE_META, _RAW, _CONTENT_TYPE = 1, 2, 4
_text = SCALARS["string"][1]


def encode(obj: dict[str, Any]) -> bytes:
    """A wire dict in its envelope. ProtobufError for kinds the table does not know (custom resources)."""
    api_version, kind = obj.get("apiVersion", ""), obj.get("kind", "")
    return _enveloped(api_version, kind, message(_type_name(api_version, kind)).write(obj))


def encode_list(api_version: str, kind: str, metadata: dict[str, Any], items: Iterable[bytes]) -> bytes:
    """A list in its envelope, from the bare messages of its items."""
    raw = bytearray()
    write_delimited(raw, 1, message("meta/v1.ListMeta").write(metadata))
    for item in items:
        write_delimited(raw, 2, item)
    return _enveloped(api_version, kind, raw)


def encode_event(kind: str, enveloped: bytes) -> bytes:
    """One event of a watch: four bytes of length, then the bare WatchEvent around an object in its envelope."""
    raw = bytearray()
    write_delimited(raw, 1, enveloped)
    event = bytearray()
    write_delimited(event, 1, kind.encode())
    write_delimited(event, 2, raw)
    return len(event).to_bytes(4, "big") + event


def _enveloped(api_version: str, kind: str, raw: bytearray) -> bytes:
    type_meta = bytearray()
    write_delimited(type_meta, 1, api_version.encode())
    write_delimited(type_meta, 2, kind.encode())
    out = bytearray(MAGIC)
    write_delimited(out, _TYPE_META, type_meta)
    write_delimited(out, _RAW, raw)
    write_delimited(out, 3, b"")
    write_delimited(out, _CONTENT_TYPE, b"")
    return bytes(out)


def decode(data: bytes | memoryview) -> dict[str, Any]:
    """The wire dict in an envelope, with kind and apiVersion. ProtobufError when it is broken or of an unknown kind."""
    view = memoryview(data)
    if bytes(view[:4]) != MAGIC:
        raise ProtobufError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    members = dict(fields(view[4:]))
    head = members.get(_TYPE_META)
    type_meta = dict(fields(head)) if isinstance(head, memoryview) else {}
    api_version, kind = _text(type_meta.get(1, memoryview(b""))), _text(type_meta.get(2, memoryview(b"")))
    raw = members.get(_RAW, memoryview(b""))
    if not isinstance(raw, memoryview) or not api_version or not kind:
        raise ProtobufError("the message names no apiVersion and kind")
    obj: dict[str, Any] = {"kind": kind, "apiVersion": api_version}
    if _CONTENT_TYPE in members and _text(members[_CONTENT_TYPE]) == "application/json":
        obj.update(msgspec.json.decode(raw))
    else:
        try:
            obj.update(decode_message(raw, _type_name(api_version, kind)))
        except RecursionError:
            raise ProtobufError("the message is nested too deeply") from None
    return obj


def encode_message(obj: dict[str, Any], type_name: str) -> bytes:
    """A wire dict as the bare message of a struct type (`core/v1.Pod`)."""
    return bytes(message(type_name).write(obj))


def decode_message(data: bytes | memoryview, type_name: str) -> dict[str, Any]:
    """A bare message of a struct type as a wire dict."""
    return message(type_name).read(memoryview(data))


def _type_name(api_version: str, kind: str) -> str:
    name = type_of(api_version, kind)
    if name is None:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    return name
