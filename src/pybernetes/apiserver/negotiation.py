"""Which form a client sends and wants: media types of bodies, and the forms an object can be answered in.

Accept         application/json (default), application/yaml, Kubernetes protobuf (built-in kinds);
               `;as=Table`, `;as=PartialObjectMetadata[List]`
Content-Type   application/json (default), application/yaml, Kubernetes protobuf; patches name their own

A `Format` turns the bytes of one object, as the cache serves them, into what goes over the wire. The usual case
(JSON, storage version) is the identity, so the bytes pass untouched. Formats are made once per resource version and
kind of answer, and compared by identity: watchers with the same format share encoded lines.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec
import orjson

from ..api import status
from ..api.resource import ResourceInfo
from ..base.http.accept import clauses
from ..base.http.message import BodyTooLarge, Request
from .watch_cache.watcher import Format, event_line

Object = dict[str, Any]
Convert = Callable[[Object], Object]

JSON = "application/json"
YAML = "application/yaml"
ACCEPTED = (JSON, YAML)
PROTOBUF = "application/vnd.kubernetes.protobuf"
PROTOBUF_WATCH = PROTOBUF + ";stream=watch"
ACCEPTED_BODIES = (JSON, YAML, PROTOBUF)
BODY_LIMIT = 3 * 1024 * 1024

_TRANSFORMS = ("", "Table", "PartialObjectMetadata", "PartialObjectMetadataList")


class Representation(msgspec.Struct, frozen=True):
    """What to answer: the media type, and `Table`, `PartialObjectMetadata`, `PartialObjectMetadataList` or ""."""

    media: str = JSON
    form: str = ""


PLAIN = Representation()
"""What most requests want; `negotiate` returns this very object for it."""


@lru_cache(256)
def negotiate(accept: str, *, transforms: bool = True, protobuf: bool = False) -> Representation:
    """The first acceptable representation in an Accept header. StatusError 406 when there is none."""
    if not accept:
        return PLAIN
    for media, options in clauses(accept):
        form = options.get("as", "")
        if form and (not transforms or form not in _TRANSFORMS or options.get("g") != "meta.k8s.io"):
            continue
        if form and options.get("v") not in ("v1", "v1beta1"):
            continue
        if media in ("*/*", "application/*", JSON):
            return Representation(JSON, form) if form else PLAIN
        if media == YAML:
            return Representation(YAML, form)
        if media == PROTOBUF and protobuf and form != "Table":
            return Representation(PROTOBUF, form)
    raise status.not_acceptable((*ACCEPTED, PROTOBUF) if protobuf else ACCEPTED)


def representation(request: Request, *, transforms: bool = True, protobuf: bool = False) -> Representation:
    """What the request wants."""
    accept = request.header("accept")
    if not accept or accept == JSON:
        return PLAIN
    return negotiate(accept, transforms=transforms, protobuf=protobuf)


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes:
    """The whole body. StatusError 413 when it is too large."""
    try:
        return await request.body.read(limit)
    except BodyTooLarge:
        raise status.too_large(f"Request entity too large: limit is {limit}") from None


def media_type(request: Request) -> str:
    """The body's media type without parameters; JSON when the header is missing."""
    value = request.header("content-type")
    return value.partition(";")[0].strip().lower() if value else JSON


def parse(data: bytes, media: str, accepted: tuple[str, ...] = ACCEPTED_BODIES) -> Any:
    """Decode a body. StatusError 415 for other media types; ValueError with the parser's words for bad syntax."""
    if media == JSON:
        return orjson.loads(data)
    if media == YAML and media in accepted:
        return parse_yaml(data)
    if media == PROTOBUF and media in accepted:
        from ..api.protobuf import decode

        return decode(data)
    raise status.unsupported_media_type(accepted)


def parse_yaml(data: bytes) -> Any:
    """One YAML document as JSON values: dates stay text, aliases are refused (they can grow without bound)."""
    from .yaml_body import load

    return load(data)


def render_yaml(data: bytes) -> bytes:
    """JSON bytes as a YAML document."""
    from .yaml_body import dump

    return dump(orjson.loads(data))


class JsonEvents:
    """Formats that write JSON."""

    def event(self, kind: str, data: bytes) -> bytes:
        return event_line(kind, data)

    def whole(self, data: bytes) -> bytes:
        return data


class PlainFormat(JsonEvents):
    """The bytes as they are."""

    def __init__(self, info: ResourceInfo) -> None:
        self._info = info

    @property
    def following(self) -> Format:
        return self

    def encode(self, data: bytes) -> bytes:
        return data

    def bookmark(self, revision: int, initial_events_end: bool) -> bytes:
        info = self._info
        return orjson.dumps(_bookmark(info.kind, info.group_version, revision, initial_events_end))


class ConvertedFormat(PlainFormat):
    """Another version of the resource than the stored one."""

    def __init__(self, info: ResourceInfo, convert: Convert) -> None:
        super().__init__(info)
        self._convert = convert

    def encode(self, data: bytes) -> bytes:
        return orjson.dumps(self._convert(orjson.loads(data)))


class _Metadata(msgspec.Struct, gc=False):
    """The text of an object's metadata; the rest is passed over, which takes a pod from 20 us to 4."""

    metadata: msgspec.Raw = msgspec.Raw(b"{}")


_metadata = msgspec.json.Decoder(_Metadata).decode
_PARTIAL = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":%b}'


class PartialFormat(JsonEvents):
    """Only the metadata (meta/v1 PartialObjectMetadata)."""

    @property
    def following(self) -> Format:
        return self

    def encode(self, data: bytes) -> bytes:
        return _PARTIAL % _metadata(data).metadata

    def bookmark(self, revision: int, initial_events_end: bool) -> bytes:
        return orjson.dumps(_bookmark("PartialObjectMetadata", "meta.k8s.io/v1", revision, initial_events_end))


class TableFormat(JsonEvents):
    """A meta/v1 Table of one row; in a watch only the first carries the columns."""

    def __init__(self, info: ResourceInfo, convert: Convert | None, include_object: str, columns: bool = True) -> None:
        self._info = info
        self._convert = convert
        self._include_object = include_object
        self._columns = columns
        self._following = self if not columns else TableFormat(info, convert, include_object, False)

    @property
    def following(self) -> Format:
        return self._following

    def encode(self, data: bytes) -> bytes:
        obj = orjson.loads(data)
        metadata = {"resourceVersion": obj.get("metadata", {}).get("resourceVersion", "")}
        return self.table([obj], metadata)

    def table(self, objects: list[Object], metadata: Object) -> bytes:
        """A table of many objects, given in the storage version."""
        from .table import to_table

        if self._convert is not None:
            objects = [self._convert(obj) for obj in objects]
        table = to_table(self._info, objects, metadata, self._include_object, with_columns=self._columns)
        return orjson.dumps(table)

    def bookmark(self, revision: int, initial_events_end: bool) -> bytes:
        found = _bookmark("Table", "meta.k8s.io/v1", revision, initial_events_end)
        return orjson.dumps({**found, "columnDefinitions": [], "rows": []})


def _bookmark(kind: str, api_version: str, revision: int, initial_events_end: bool) -> Object:
    metadata: Object = {"resourceVersion": str(revision)}
    if initial_events_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"kind": kind, "apiVersion": api_version, "metadata": metadata}


class ProtobufFormat:
    """What another format writes, as protobuf."""

    def __init__(self, inner: Format) -> None:
        self._inner = inner

    @property
    def following(self) -> Format:
        return self

    def encode(self, data: bytes) -> bytes:
        return to_protobuf(self._inner.encode(data))

    def bookmark(self, revision: int, initial_events_end: bool) -> bytes:
        return to_protobuf(self._inner.bookmark(revision, initial_events_end))

    def event(self, kind: str, data: bytes) -> bytes:
        from ..api.protobuf import encode_event

        return encode_event(kind, data)

    def whole(self, data: bytes) -> bytes:
        return to_protobuf(data)


def to_protobuf(data: bytes) -> bytes:
    """JSON of a built-in kind in its protobuf envelope."""
    from ..api.protobuf import encode

    return encode(orjson.loads(data))


class Formats:
    """The formats of one served resource version. `convert` leads from the stored version, None when it is that."""

    def __init__(self, info: ResourceInfo, convert: Convert | None) -> None:
        self._info = info
        self._convert = convert
        self.plain: PlainFormat = ConvertedFormat(info, convert) if convert else PlainFormat(info)
        self._partial = PartialFormat()
        self._tables: dict[str, TableFormat] = {}
        self._protobuf: dict[str, ProtobufFormat] = {}

    def of(self, form: str, include_object: str = "", media: str = JSON) -> Format:
        """The format of a representation; `include_object` is the request parameter for tables."""
        if media == PROTOBUF:
            found = self._protobuf.get(form)
            if found is None:
                found = self._protobuf[form] = ProtobufFormat(self.of(form))
            return found
        if not form:
            return self.plain
        if form == "Table":
            return self.table(include_object)
        return self._partial

    def table(self, include_object: str) -> TableFormat:
        include_object = include_object or "Metadata"
        if include_object not in ("None", "Metadata", "Object"):
            raise status.bad_request(
                f'includeObject: Invalid value: "{include_object}": must be Metadata, Object or None'
            )
        found = self._tables.get(include_object)
        if found is None:
            found = self._tables[include_object] = TableFormat(self._info, self._convert, include_object)
        return found
