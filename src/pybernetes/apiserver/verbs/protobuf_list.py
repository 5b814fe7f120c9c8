"""A list as one protobuf message, which says how long it is before its first item.

    sizes ─▶ start of the message ─▶ pieces: so many items encoded when the client has taken those before ─▶ end

A small list is encoded at once. Of a large one the size of every item is learned first, by encoding those that nobody
listed before: sizes are kept (a number an object), what was encoded is not. So a list takes the room of one piece,
however many objects and clients there are, and costs twice only the first time.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import msgspec
import orjson

from ...base.http.message import Response
from ..call import Call
from ..encoded_sizes import EncodedSizes
from ..negotiation import JSON, PARTIAL_LIST, PROTOBUF, Representation
from ..watch_cache import Entry
from .pieces import groups

_WHOLE_BYTES = 1024 * 1024
"""Lists up to this, as JSON, are encoded at once."""


async def protobuf_list(
    call: Call, entries: list[Entry], metadata: dict[str, object], want: Representation
) -> Response:
    """The entries in an envelope, whole or in pieces."""
    from ...api.protobuf import item_encoder, list_around

    info = call.served
    kind, api_version, type_name = info.list_kind, info.group_version, info.schema
    if want.form:
        kind, api_version, type_name = PARTIAL_LIST, want.meta, "meta/v1.PartialObjectMetadata"
    write = item_encoder(api_version, type_name)
    served = call.endpoint.formats.of(msgspec.structs.replace(want, media=JSON)).encode

    def encode(entry: Entry) -> bytes:
        return write(orjson.loads(served(entry.data)))

    headers = [("content-type", PROTOBUF)]
    if sum(len(entry.data) for entry in entries) <= _WHOLE_BYTES:
        items = b"".join([encode(entry) for entry in entries])
        start, end = list_around(api_version, kind, metadata, len(items))
        return Response(200, headers, b"".join((start, items, end)))
    # What an endpoint reads for itself (a webhook's conversions) may differ from one time to the next.
    sizes = call.endpoint.formats.protobuf_sizes(want) if call.endpoint.read is None else EncodedSizes()
    size = await _measured(entries, sizes, encode)
    sizes.trim(len(call.resource.cache))
    start, end = list_around(api_version, kind, metadata, size)
    headers.append(("content-length", str(len(start) + size + len(end))))
    return Response(200, headers, _pieces(start, entries, encode, end))


async def _measured(entries: list[Entry], sizes: EncodedSizes, encode: Callable[[Entry], bytes]) -> int:
    """How long all items are together. The loop gets its turn between those that must be encoded for that; lists that
    go on at once share what they learn."""
    total = 0
    for group in _groups(entries):
        learned = False
        for entry in group:
            size = sizes.of(entry)
            if size is None:
                size = len(encode(entry))
                sizes.learn(entry, size)
                learned = True
            total += size
        if learned:
            await asyncio.sleep(0)
    return total


async def _pieces(
    start: bytes, entries: list[Entry], encode: Callable[[Entry], bytes], end: bytes
) -> AsyncIterator[bytes]:
    yield start
    for group in _groups(entries):
        yield b"".join([encode(entry) for entry in group])
        await asyncio.sleep(0)
    yield end


def _groups(entries: list[Entry]) -> Iterator[Sequence[Entry]]:
    return groups(entries, lambda entry: len(entry.data))
