"""GET of a collection: bytes of the cached objects joined, nothing decoded.

resourceVersion  match          limit   served from
""               -              -       cache, after it has caught up with the store
"0"              any            any     cache as it is, limit ignored
N                NotOlderThan   any     cache at N or later
N                Exact          any     the store at N (the cache when nothing changed since)
N                -              > 0     as Exact
continue         -              any     the store at the token's revision

Follows API concepts, "Resource versions" and "Retrieving large results sets in chunks".
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

import orjson

from ...api import status
from ...base.http.message import Response
from ...store.store import Compacted, FutureRevision
from ..call import Call
from ..errors import ExpiredContinue
from ..formats import lists_only
from ..history.moment import objects_at
from ..negotiation import JSON, PARTIAL_LIST, PROTOBUF, TABLE, Representation, indented
from ..watch_cache import Entry, ResourceCache, Selection
from ..watch_cache.feed import too_large_resource_version
from .list_options import ListOptions, decode_token, encode_token, list_options, revision_of, selection
from .pieces import PIECE_BYTES, PIECE_OBJECTS, groups
from .protobuf_list import protobuf_list

Write = Callable[[Sequence[bytes]], bytes]
"""Cached objects as items or rows, with commas between them."""

_WHOLE_BYTES = 256 * 1024
_END = b"]}"
_END_INDENTED = b"\n  ]\n}\n"

_EXPIRED_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
_EXPIRED_LIST = "The resourceVersion for the provided list is too old."


async def list_objects(call: Call) -> Response:
    """The selected objects, in the form the client wants."""
    options = list_options(call)
    chosen = selection(call)
    want = call.representation()
    if "at" in call.params:
        entries, revision = await objects_at(call, chosen, call.params["at"])
        return await respond(call, entries, {"resourceVersion": str(revision)}, want)
    entries, revision, metadata = await page(call, options, chosen)
    return await respond(call, entries, {"resourceVersion": str(revision), **metadata}, want)


async def page(call: Call, options: ListOptions, chosen: Selection) -> tuple[list[Entry], int, dict[str, object]]:
    """(entries, revision, list metadata beside the resourceVersion)."""
    cache = call.resource.cache
    if options.continue_token:
        if options.version not in ("", "0"):
            raise status.bad_request("specifying resource version is not allowed when using continue")
        token = decode_token(options.continue_token)
        after = cache.prefix + token.start
        revision = token.revision
        if revision < 0:
            revision = await call.cache.wait_consistent()
        try:
            entries, more = await _at(call, cache, chosen, revision, after, options.limit)
        except Compacted:
            raise ExpiredContinue(_EXPIRED_CONTINUE, encode_token(-1, token.start)) from None
        return _cut(cache, entries, revision, options.limit, chosen, more)
    version = options.version
    if version == "0":
        return cache.select(chosen), call.cache.revision, {}
    if version and (options.match == "Exact" or (not options.match and options.limit)):
        revision = revision_of(call.served, version)
        try:
            entries, more = await _at(call, cache, chosen, revision, "", options.limit)
        except Compacted:
            raise status.expired(_EXPIRED_LIST) from None
        except FutureRevision:
            raise too_large_resource_version(revision, call.cache.revision) from None
        return _cut(cache, entries, revision, options.limit, chosen, more)
    if version:
        await call.cache.wait(revision_of(call.served, version))
    else:
        await call.cache.wait_consistent()
    if options.limit and chosen.everything:
        entries, more = cache.page(chosen.namespace, "", options.limit)
        return _cut(cache, entries, call.cache.revision, options.limit, chosen, more)
    return _cut(cache, cache.select(chosen), call.cache.revision, options.limit, chosen)


async def _at(
    call: Call, cache: ResourceCache, chosen: Selection, revision: int, after: str, limit: int
) -> tuple[list[Entry], int]:
    """The selected objects as of a revision, after a key; and how many more there are behind those returned."""
    if cache.changed <= revision <= call.cache.revision:
        if chosen.everything:
            return cache.page(chosen.namespace, after, limit)
        return [entry for entry in cache.range(chosen.namespace, after) if chosen.matches(entry)], 0
    prefix = f"{cache.prefix}{chosen.namespace}/" if chosen.namespace else cache.prefix
    # Without selectors a page of the store is a page of the answer; else all of it must be looked at.
    found = await call.resource.store.list(
        prefix, revision=revision, after=after, limit=limit if chosen.everything else 0
    )
    return [entry for entry in map(cache.entry, found.items) if chosen.matches(entry)], found.remaining


def _cut(
    cache: ResourceCache, entries: list[Entry], revision: int, limit: int, chosen: Selection, more: int = 0
) -> tuple[list[Entry], int, dict[str, object]]:
    """The first `limit` entries, with a token when there are others, or `more` than those."""
    if not more and (not limit or len(entries) <= limit):
        return entries, revision, {}
    shown = entries[:limit]
    metadata: dict[str, object] = {"continue": encode_token(revision, shown[-1].key[len(cache.prefix) :])}
    if chosen.labels is None and not chosen.fields:
        metadata["remainingItemCount"] = len(entries) - limit + more
    return shown, revision, metadata


async def respond(call: Call, entries: list[Entry], metadata: dict[str, object], want: Representation) -> Response:
    """A list body. StatusError 406 when it is to be one object's metadata."""
    lists_only(want, call.served)
    if call.endpoint.read is not None:
        entries = await call.endpoint.read(entries)
    if want.media == PROTOBUF:
        return await protobuf_list(call, entries, metadata, want)
    pieces = [entry.data for entry in entries]
    start, write = _writing(call, metadata, want)
    size = sum(map(len, pieces))
    large = (len(pieces) > PIECE_OBJECTS and size > _WHOLE_BYTES) or size > 2 * PIECE_BYTES
    if large and want.media == JSON:
        headers = [("content-type", want.media)]
        if want.pretty:
            return Response(200, headers, _stream(*_indented(start, write), pieces, _END_INDENTED))
        if write is None:
            # A known length spares the copy of every piece into a chunk.
            headers.append(("content-length", str(len(start) + size + len(pieces) - 1 + len(_END))))
        return Response(200, headers, _stream(start, write, pieces, _END))
    return call.respond_raw(start + (b",".join(pieces) if write is None else write(pieces)) + _END, want=want)


def _writing(call: Call, metadata: dict[str, object], want: Representation) -> tuple[bytes, Write | None]:
    """The list up to its items or rows, and what writes those; None when they go out as they are."""
    formats, info = call.endpoint.formats, call.served
    if want.form == TABLE:
        table, now = formats.table(want, call.params.get("includeObject", "")), datetime.now(UTC)
        return table.start(metadata), lambda pieces: table.rows(pieces, now)
    kind, api_version = (PARTIAL_LIST, want.meta) if want.form else (info.list_kind, info.group_version)
    start = b'{"kind":"%b","apiVersion":"%b","metadata":%b,"items":[' % (
        kind.encode(),
        api_version.encode(),
        orjson.dumps(metadata),
    )
    if not want.form and call.endpoint.to_served is None:
        return start, None
    encode = formats.of(want).encode
    return start, lambda pieces: b",".join(map(encode, pieces))


def _indented(start: bytes, write: Write | None) -> tuple[bytes, Write]:
    """The same for people: an item begins on a line of its own."""

    def indent(pieces: Sequence[bytes]) -> bytes:
        written = b",".join(pieces) if write is None else write(pieces)
        items = [orjson.dumps(item, option=orjson.OPT_INDENT_2) for item in orjson.loads(b"[" + written + b"]")]
        return b",".join(b"\n    " + item.replace(b"\n", b"\n    ") for item in items)

    return indented(start + _END)[: -len(b"]\n}\n")], indent


async def _stream(start: bytes, write: Write | None, pieces: list[bytes], end: bytes) -> AsyncIterator[bytes]:
    # One large join costs page faults; joins of this size stay in the allocator's pools (measured in STACK 2). The
    # empty piece in front puts a comma between one join and the next without a copy.
    # What must be written first is so when the client has taken what was before: it never has a list of its own here.
    pieces_of = groups(pieces, len)
    if write is None:
        yield start + b",".join(next(pieces_of))
        for group in pieces_of:
            yield b",".join([b"", *group])
    else:
        yield start + write(next(pieces_of))
        for group in pieces_of:
            await asyncio.sleep(0)  # writing takes its time, and whoever reads fast would have the loop alone
            yield b"," + write(group)
    yield end
