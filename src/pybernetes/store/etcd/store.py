"""`Store` over etcd: each call is one request, linearizable by etcd's own word.

    get, list ─────────────▶ Range          put, delete ─▶ Put / DeleteRange, or Txn when a revision is expected
    watch ◀── Broadcaster ◀── Feed ◀── one Watch of everything
    revision() ─▶ the newest revision that any member acknowledged; returns when the feed has handed out all up to it

The store keeps no objects. What it remembers is how far it knows the world to be: `_seen`, the highest revision in any
answer, is "now" for a watch from now on, even where the feed is a moment behind.

A note is a key of its own, `NOTES` + key, written in the same transaction and so with the same revision: the note of a
revision is the one key below NOTES with that mod revision.

Several API servers use one etcd, each with a store of its own. etcd drops the state before a compacted revision, and
with it the `previous` of that revision's change, so the contract's `compact(r)` is etcd's `compact(r - 1)`.
"""

import asyncio
from contextlib import aclosing

from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.store.broadcast import Broadcaster
from pybernetes.store.mvcc import prefix_end
from pybernetes.store.store import (
    VALUE_LIMIT,
    Compacted,
    Conflict,
    FutureRevision,
    KeyValue,
    LeaseNotFound,
    Page,
    TimedOut,
    Unavailable,
    Watch,
    too_large,
)

from . import messages as m
from .connection import Connection, EtcdAddress, PastIsGone
from .feed import NOTES, Feed, changes, key_value

_PAGE = 1000
"""Keys a request: a list of everything stays a row of bounded answers."""
_CATCH_UP_SECONDS = 5.0


class EtcdStore:
    """See the module docstring. Usable while `serve` runs."""

    def __init__(
        self,
        address: EtcdAddress,
        *,
        clock: Clock = SYSTEM_CLOCK,
        watcher_limit: int = 8192,
        progress_seconds: float = 0.25,
    ) -> None:
        """As for MemoryStore."""
        self._connection = Connection(address)
        self._clock = clock
        self._progress_seconds = progress_seconds
        self._broadcaster = Broadcaster(limit=watcher_limit)
        self._feed = Feed(self._connection, self._broadcaster, clock, self._present)
        self._seen = 0
        self._compacted = 1
        self._closed = "the store is not open"

    # life

    async def serve(self, ready: asyncio.Event) -> None:
        """Connect, work until cancelled, close. Unavailable when no member answers."""
        try:
            self._feed.position = self._seen = await self._present()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed.follow(), name="store feed")
                group.create_task(self._broadcaster.pace(self._clock, self._progress_seconds), name="store progress")
                await self._feed.standing.wait()
                self._closed = ""
                ready.set()
        finally:
            self._closed = "the store is closed"
            self._broadcaster.close(self._closed)
            await self._connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable(self._closed)

    def _saw(self, header: m.ResponseHeader | None) -> int:
        revision = header.revision if header is not None else 0
        self._seen = max(self._seen, revision)
        return revision

    # reading

    async def _present(self) -> int:
        request = m.RangeRequest(key=b"/", count_only=True)
        return self._saw((await self._connection.read("KV/Range", request, m.RangeResponse)).header)

    async def revision(self) -> int:
        self._check_open()
        revision = await self._present()
        try:
            async with asyncio.timeout(_CATCH_UP_SECONDS):
                await self._feed.reached(revision)
        except TimeoutError:
            raise TimedOut(f"the watch of etcd has not reached revision {revision} yet") from None
        self._broadcaster.progress(revision)
        return revision

    async def _range(self, request: m.RangeRequest, *, begun: bool = False) -> m.RangeResponse:
        """`begun`: etcd has answered at this revision before, which after a restore may be the very one that everything
        was compacted at."""
        self._check_open()
        if request.revision and request.revision < self._compacted and not begun:
            raise Compacted(self._compacted)
        try:
            answer = await self._connection.read("KV/Range", request, m.RangeResponse)
        except PastIsGone:
            raise await self._compacted_before(request.revision) from None
        self._saw(answer.header)
        return answer

    async def _compacted_before(self, revision: int) -> Compacted:
        """The error for a revision that is gone: a watch, unlike a range, is told which is the oldest."""
        async with aclosing(changes(self._connection, revision - 1)) as batches:
            try:
                while not await anext(batches):
                    pass
            except Compacted as error:
                self._compacted = max(self._compacted, error.oldest)
                return error
        return Compacted(max(self._compacted, revision + 1))

    async def get(self, key: str, *, revision: int = 0) -> KeyValue | None:
        answer = await self._range(m.RangeRequest(key=key.encode(), revision=revision))
        return key_value(answer.kvs[0]) if answer.kvs else None

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        start = prefix.encode() if after < prefix else after.encode() + b"\0"
        end = prefix_end(prefix)
        items: list[KeyValue] = []
        at = revision
        while True:
            step = min(limit - len(items), _PAGE) if limit else _PAGE
            wanted = m.RangeRequest(key=start, range_end=end.encode() if end else b"\0", limit=step, revision=at)
            answer = await self._range(wanted, begun=bool(items))
            at = at or (answer.header.revision if answer.header else 0)
            items += map(key_value, answer.kvs)
            remaining = answer.count - len(answer.kvs)
            if remaining <= 0 or not answer.kvs or (limit and len(items) >= limit):
                return Page(at, items, max(remaining, 0) if limit else 0)
            start = answer.kvs[-1].key + b"\0"

    async def count(self, prefix: str) -> int:
        end = prefix_end(prefix)
        request = m.RangeRequest(key=prefix.encode(), range_end=end.encode() if end else b"\0", count_only=True)
        return (await self._range(request)).count

    async def note(self, revision: int) -> bytes:
        answer = await self._range(
            m.RangeRequest(
                key=NOTES,
                range_end=NOTES[:-1] + b"0",
                revision=revision,
                min_mod_revision=revision,
                max_mod_revision=revision,
            )
        )
        return answer.kvs[0].value if answer.kvs else b""

    async def size(self) -> int:
        self._check_open()
        answer = await self._connection.read("Maintenance/Status", m.StatusRequest(), m.StatusResponse)
        return answer.db_size_in_use or answer.db_size

    # writing

    async def put(
        self, key: str, value: bytes, *, expected: int | None = None, lease: int = 0, note: bytes = b""
    ) -> int:
        self._check_open()
        if len(value) > VALUE_LIMIT:
            raise too_large(key, value)
        put = m.PutRequest(key=key.encode(), value=value, lease=lease)
        if expected is None and not note:
            return self._saw((await self._connection.write("KV/Put", put, m.PutResponse)).header)
        answer = await self._transaction(key, expected, m.RequestOp(request_put=put), note)
        return self._saw(answer.header)

    async def _transaction(self, key: str, expected: int | None, action: m.RequestOp, note: bytes) -> m.TxnResponse:
        """Do it, with its note, if the key is at the expected mod revision (0: absent; None: any); else Conflict with
        what is there."""
        noted = m.RequestOp(request_put=m.PutRequest(key=NOTES + key.encode(), value=note))
        request = m.TxnRequest(
            compare=[m.Compare(key=key.encode(), mod_revision=expected)] if expected is not None else [],
            success=[action, noted] if note else [action],
            failure=[m.RequestOp(request_range=m.RangeRequest(key=key.encode()))],
        )
        answer = await self._connection.write("KV/Txn", request, m.TxnResponse)
        self._saw(answer.header)
        if not answer.succeeded:
            found = answer.responses[0].response_range
            raise Conflict(key, key_value(found.kvs[0]) if found is not None and found.kvs else None)
        return answer

    async def delete(self, key: str, *, expected: int | None = None, note: bytes = b"") -> int:
        self._check_open()
        request = m.DeleteRangeRequest(key=key.encode())
        if expected is None and note:
            current = await self.get(key)
            if current is None:
                return self._seen
            try:
                return await self.delete(key, expected=current.mod_revision, note=note)
            except Conflict:
                return await self.delete(key, note=note)
        if expected is None:
            answer = await self._connection.write("KV/DeleteRange", request, m.DeleteRangeResponse)
            return self._saw(answer.header)
        if expected == 0:
            raise Conflict(key, await self.get(key))
        done = await self._transaction(key, expected, m.RequestOp(request_delete_range=request), note)
        return self._saw(done.header)

    # watch and compaction

    def watch(self, prefix: str, *, after: int = 0) -> Watch:
        self._check_open()
        # What is known to have happened is replayed, though the feed may not have told it yet: with what was before it.
        present = max(self._seen, self._feed.position)
        watcher = self._broadcaster.watch(prefix, after or self._seen, present if after else 0, self._feed.replay)
        if after and after + 1 < self._compacted:
            watcher.end(Compacted(self._compacted))
        return watcher

    async def compact(self, revision: int) -> None:
        self._check_open()
        if revision > self._seen and revision > await self._present():
            raise FutureRevision(f"revision {revision} is above the present one, {self._seen}")
        if revision <= self._compacted:
            return
        if revision > 2:
            try:
                request = m.CompactionRequest(revision=revision - 1)
                await self._connection.write("KV/Compact", request, m.CompactionResponse)
            except PastIsGone:
                pass
        self._compacted = max(self._compacted, revision)

    # leases

    async def grant(self, ttl_seconds: int) -> int:
        self._check_open()
        request = m.LeaseGrantRequest(ttl=ttl_seconds)
        return (await self._connection.write("Lease/LeaseGrant", request, m.LeaseGrantResponse)).id

    async def revoke(self, lease: int) -> None:
        self._check_open()
        await self._connection.write("Lease/LeaseRevoke", m.LeaseRevokeRequest(id=lease), m.LeaseRevokeResponse)
        await self._present()

    async def keep_alive(self, lease: int) -> int:
        self._check_open()
        request = m.LeaseKeepAliveRequest(id=lease)
        async with aclosing(
            self._connection.stream("Lease/LeaseKeepAlive", request, m.LeaseKeepAliveResponse)
        ) as answers:
            ttl = (await anext(answers)).ttl
        if ttl <= 0:
            raise LeaseNotFound(f"lease {lease} does not exist")
        return ttl
