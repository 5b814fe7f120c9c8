"""The outside of a protobuf object: four bytes of magic, then runtime.Unknown with the type and the message."""

from collections.abc import Callable
from typing import Any

import msgspec

from ..schema.table import type_of
from .messages import message
from .values import SCALARS
from .wire import DELIMITED, ProtobufError, fields, write_delimited, write_varint

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\0"

_META_BETA = "meta.k8s.io/v1beta1"
"""It has v1's PartialObjectMetadata, and a list of them whose two fields have changed their numbers."""
_TYPE_META, _RAW, _CONTENT_TYPE = 1, 2, 4
_END = bytes((3 << 3 | DELIMITED, 0, _CONTENT_TYPE << 3 | DELIMITED, 0))
"""contentEncoding and contentType, both empty."""
_text = SCALARS["string"][1]


def encode(obj: dict[str, Any]) -> bytes:
    """A wire dict in its envelope. ProtobufError for kinds the table does not know (custom resources)."""
    api_version, kind = obj.get("apiVersion", ""), obj.get("kind", "")
    return _enveloped(api_version, kind, message(_type_name(api_version, kind)).write(obj))


def item_encoder(api_version: str, type_name: str) -> Callable[[dict[str, Any]], bytes]:
    """What writes one item of a list, so that they stand one behind the other as `list_around` wants them; `type_name`
    is that of an item."""
    field, write = _list_fields(api_version)[1], message(type_name).write

    def item(obj: dict[str, Any]) -> bytes:
        raw = bytearray()
        write_delimited(raw, field, write(obj))
        return bytes(raw)

    return item


def list_around(api_version: str, kind: str, metadata: dict[str, Any], items_size: int) -> tuple[bytes, bytes]:
    """What is before and behind the items of a list in its envelope, when those are so many bytes."""
    head = bytearray()
    write_delimited(head, _list_fields(api_version)[0], message("meta/v1.ListMeta").write(metadata))
    start, end = _around(api_version, kind, len(head) + items_size)
    return bytes(start + head), end


def _list_fields(api_version: str) -> tuple[int, int]:
    """The numbers of `metadata` and `items`."""
    return (2, 1) if api_version == _META_BETA else (1, 2)


def encode_event(kind: str, enveloped: bytes) -> bytes:
    """One event of a watch: four bytes of length, then the bare WatchEvent around an object in its envelope."""
    raw = bytearray()
    write_delimited(raw, 1, enveloped)
    event = bytearray()
    write_delimited(event, 1, kind.encode())
    write_delimited(event, 2, raw)
    return len(event).to_bytes(4, "big") + event


def _enveloped(api_version: str, kind: str, raw: bytearray) -> bytes:
    start, end = _around(api_version, kind, len(raw))
    return bytes(start + raw + end)


def _around(api_version: str, kind: str, size: int) -> tuple[bytearray, bytes]:
    """The envelope of a message of so many bytes."""
    type_meta = bytearray()
    write_delimited(type_meta, 1, api_version.encode())
    write_delimited(type_meta, 2, kind.encode())
    start = bytearray(MAGIC)
    write_delimited(start, _TYPE_META, type_meta)
    write_varint(start, _RAW << 3 | DELIMITED)
    write_varint(start, size)
    return start, _END


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


def decode_message(data: bytes | memoryview, type_name: str) -> dict[str, Any]:
    """A bare message of a struct type as a wire dict."""
    return message(type_name).read(memoryview(data))


def _type_name(api_version: str, kind: str) -> str:
    if api_version == _META_BETA and kind == "PartialObjectMetadata":
        return "meta/v1.PartialObjectMetadata"
    name = type_of(api_version, kind)
    if name is None:
        raise ProtobufError(f'no kind "{kind}" is registered for version "{api_version}"')
    return name
