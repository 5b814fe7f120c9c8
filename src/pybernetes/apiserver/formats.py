"""The forms an object can be answered in: a `Format` turns its bytes, as the cache serves them, into what goes over
the wire.

The usual case (JSON, storage version) is the identity, so the bytes pass untouched. Formats are made once per resource
version and kind of answer, and compared by identity: watchers with the same format share encoded lines.
"""

import base64
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec
import orjson

from ..api import status
from ..api.resource import ResourceInfo
from ..api.status import StatusError
from .encoded_sizes import EncodedSizes
from .negotiation import PARTIAL, PARTIAL_LIST, PROTOBUF, TABLE, Representation
from .table import Included, ResourceRows, Rows, to_table
from .watch_cache.watcher import Format, event_line

Object = dict[str, Any]
Convert = Callable[[Object], Object]


class WrittenFormat(Format):
    """What bookmarks say of a format: the kinds of its objects and of a list of them, and their apiVersion."""

    kind: str
    list_kind: str
    api_version: str

    def bookmark(self, revision: int, initial_events_end: bool) -> bytes:
        """With the end of the initial events comes an empty list, in base64: clients fill it with what they were told
        and have what a list would have brought (KEP-3157)."""
        return orjson.dumps(self.bookmark_object(revision, self.empty_list() if initial_events_end else b""))

    def bookmark_object(self, revision: int, blueprint: bytes) -> Object:
        """A bookmark; `blueprint` is the empty list in the encoding of the stream, b"" but at the end of the initial
        events."""
        metadata: Object = {"resourceVersion": str(revision)}
        if blueprint:
            metadata["annotations"] = {
                "k8s.io/initial-events-end": "true",
                "kubernetes.io/initial-events-list-blueprint": base64.b64encode(blueprint).decode(),
            }
        return {"kind": self.kind, "apiVersion": self.api_version, "metadata": metadata}

    def empty_list(self) -> bytes:
        """A list of this format without objects."""
        found = {"kind": self.list_kind, "apiVersion": self.api_version, "metadata": {}, "items": []}
        return orjson.dumps(found) + b"\n"

    def event(self, kind: str, data: bytes) -> bytes:
        return event_line(kind, data)

    def whole(self, data: bytes) -> bytes:
        return data

    @property
    def following(self) -> Format:
        return self


class PlainFormat(WrittenFormat):
    """The bytes as they are."""

    def __init__(self, info: ResourceInfo) -> None:
        self.kind, self.list_kind, self.api_version = info.kind, info.list_kind, info.group_version

    def encode(self, data: bytes) -> bytes:
        return data


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


class PartialFormat(WrittenFormat):
    """Only the metadata (PartialObjectMetadata of a version of meta.k8s.io)."""

    def __init__(self, api_version: str = "meta.k8s.io/v1") -> None:
        self.kind, self.list_kind, self.api_version = PARTIAL, PARTIAL_LIST, api_version
        self._start = b'{"kind":"PartialObjectMetadata","apiVersion":"%b","metadata":' % api_version.encode()

    def encode(self, data: bytes) -> bytes:
        return b"%b%b}" % (self._start, _metadata(data).metadata)


class TableFormat(WrittenFormat):
    """A Table; of one row for an object. In a watch only the first carries the columns."""

    def __init__(
        self, rows: Rows, read: Callable[[bytes], Object], api_version: str, plain: PlainFormat, columns: bool = True
    ) -> None:
        """`read` gives a cached object in the version that is shown, `plain` is the form of objects of that version."""
        self.kind, self.list_kind, self.api_version = TABLE, TABLE, api_version
        self._rows = rows
        self._read = read
        self._plain = plain
        self._columns = columns
        self._following = self if not columns else TableFormat(rows, read, api_version, plain, False)

    @property
    def following(self) -> Format:
        return self._following

    def encode(self, data: bytes) -> bytes:
        obj = self._read(data)
        return self.table([obj], {"resourceVersion": obj.get("metadata", {}).get("resourceVersion", "")})

    def table(self, objects: Sequence[Object], metadata: Object) -> bytes:
        """A table of objects in the version that is shown."""
        return orjson.dumps(self._table(objects, metadata))

    def _table(self, objects: Sequence[Object], metadata: Object) -> Object:
        made = to_table(self._rows, objects, metadata, self.api_version)
        return made if self._columns else {**made, "columnDefinitions": []}

    def start(self, metadata: Object) -> bytes:
        """A table up to its rows, which go on until `]}`."""
        return orjson.dumps(to_table(self._rows, (), metadata, self.api_version))[:-2]

    def rows(self, pieces: Sequence[bytes], now: datetime) -> bytes:
        """The rows of cached objects, with commas between them."""
        return orjson.dumps(self._rows.of([self._read(piece) for piece in pieces], now))[1:-1]

    def bookmark_object(self, revision: int, blueprint: bytes) -> Object:
        """A table of one row, that of the bookmark as an object."""
        return self._table([self._plain.bookmark_object(revision, blueprint)], {"resourceVersion": str(revision)})

    def empty_list(self) -> bytes:
        return orjson.dumps(to_table(self._rows, (), {}, self.api_version)) + b"\n"


class ProtobufFormat:
    """What another format writes, as protobuf."""

    def __init__(self, inner: WrittenFormat) -> None:
        self._inner = inner

    @property
    def following(self) -> Format:
        return self

    def encode(self, data: bytes) -> bytes:
        return to_protobuf(self._inner.encode(data))

    def bookmark(self, revision: int, initial_events_end: bool) -> bytes:
        from ..api.protobuf import encode, list_around

        inner = self._inner
        blueprint = b""
        if initial_events_end:
            blueprint = b"".join(list_around(inner.api_version, inner.list_kind, {}, 0))
        return encode(inner.bookmark_object(revision, blueprint))

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
        self._tables: dict[Included, TableFormat] = {}
        self._partial: dict[str, PartialFormat] = {}
        self._protobuf: dict[Representation, ProtobufFormat] = {}
        self._protobuf_sizes: dict[Representation, EncodedSizes] = {}
        self.plain: PlainFormat = ConvertedFormat(info, convert) if convert else PlainFormat(info)

    def of(self, want: Representation, include_object: str = "") -> Format:
        """The format of a representation; `include_object` is the request parameter for tables."""
        if want.form == TABLE:
            return self.table(want, include_object)
        if want.media != PROTOBUF:
            return self._written(want)
        found = self._protobuf.get(want)
        if found is None:
            found = self._protobuf[want] = ProtobufFormat(self._written(want))
        return found

    def table(self, want: Representation, include_object: str) -> TableFormat:
        """That of tables. StatusError 400."""
        if include_object not in ("", "None", "Metadata", "Object"):
            raise status.bad_request(
                f'Unable to convert to Table as requested: includeObject: Invalid value: "{include_object}": '
                "must be 'Metadata', 'Object', 'None', or empty"
            )
        included = Included(include_object or "Metadata", want.meta)
        found = self._tables.get(included)
        if found is None:
            found = self._tables[included] = TableFormat(self._rows(included), self._read, want.meta, self.plain)
        return found

    def protobuf_sizes(self, want: Representation) -> EncodedSizes:
        """How long the items of lists of that form are, as far as they were listed before."""
        return self._protobuf_sizes.setdefault(want, EncodedSizes())

    def _written(self, want: Representation) -> WrittenFormat:
        if not want.form:
            return self.plain
        found = self._partial.get(want.meta)
        if found is None:
            found = self._partial[want.meta] = PartialFormat(want.meta)
        return found

    def _rows(self, included: Included) -> Rows:
        return ResourceRows(self._info, included)

    def _read(self, data: bytes) -> Object:
        obj: Object = orjson.loads(data)
        return self._convert(obj) if self._convert is not None else obj


def single_only(want: Representation, info: ResourceInfo) -> None:
    """StatusError 406 when one object is asked for as a list."""
    if want.form == PARTIAL_LIST:
        raise _not_acceptable(f"you requested {PARTIAL_LIST}, but the requested object is not a list", info, info.kind)


def lists_only(want: Representation, info: ResourceInfo) -> None:
    """StatusError 406 when a list is asked for as one object."""
    if want.form == PARTIAL:
        raise _not_acceptable(f"you requested {PARTIAL}, but the requested object is a list", info, info.list_kind)


def _not_acceptable(words: str, info: ResourceInfo, kind: str) -> StatusError:
    package, _, name = info.schema.partition("/")
    if "." in package or not name:
        go_type = "unstructured.UnstructuredList" if kind == info.list_kind else "unstructured.Unstructured"
    else:
        go_type = f"{'core' if package == 'events' else package}.{kind}"
    return StatusError(406, "NotAcceptable", f"{words} (*{go_type})")
