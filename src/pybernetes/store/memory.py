"""The store in memory: for tests and throw-away clusters. Nothing survives it.

A write is applied and broadcast in the call itself, without a suspension point, so it is linearizable by construction.
"""

import asyncio
from collections.abc import Iterable
from itertools import islice

import msgspec

from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.store.broadcast import Broadcaster
from pybernetes.store.lease import Leases, expire
from pybernetes.store.mvcc import Index
from pybernetes.store.store import (
    VALUE_LIMIT,
    Batch,
    Compacted,
    Conflict,
    Event,
    FutureRevision,
    KeyValue,
    LeaseNotFound,
    Page,
    Unavailable,
    Watch,
    too_large,
)

_REPLAY_STEP = 2000


class _Row(msgspec.Struct, frozen=True, gc=False):
    """One revision: the state it made and the revision of the state before (0: none)."""

    kv: KeyValue
    previous: int
    deleted: bool
    note: bytes


class MemoryStore:
    """See `Store`. Usable at once; `serve` adds lease expiry and progress."""

    def __init__(
        self,
        *,
        clock: Clock = SYSTEM_CLOCK,
        watcher_limit: int = 8192,
        progress_seconds: float = 0.25,
    ) -> None:
        """watcher_limit: events a watcher may leave waiting; progress_seconds: at most this long after a change every
        watcher knows its revision."""
        self._clock = clock
        self._index = Index()
        self._rows: dict[int, _Row] = {}
        self._leases = Leases()
        self._next_lease = 1
        self._broadcaster = Broadcaster(limit=watcher_limit)
        self._progress_seconds = progress_seconds
        self._closed = False

    async def serve(self, ready: asyncio.Event) -> None:
        """Work until cancelled; afterwards every call is Unavailable."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(expire(self._leases, self._clock, self._revoke), name="store leases")
                group.create_task(self._broadcaster.pace(self._clock, self._progress_seconds), name="store progress")
                ready.set()
        finally:
            self._closed = True
            self._broadcaster.close("the store is closed")

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable("the store is closed")

    async def revision(self) -> int:
        self._check_open()
        self._broadcaster.progress(self._index.revision)
        return self._index.revision

    async def get(self, key: str, *, revision: int = 0) -> KeyValue | None:
        self._check_open()
        if revision:
            self._check_readable(revision)
            mod_revision = self._index.at(key, revision)
        else:
            mod_revision = self._index.current.get(key, (0, 0))[0]
        return self._rows[mod_revision].kv if mod_revision else None

    def _check_readable(self, revision: int) -> None:
        if revision > self._index.revision:
            raise FutureRevision(f"revision {revision} is above the present one, {self._index.revision}")
        if revision < self._index.compacted:
            raise Compacted(self._index.compacted)

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        self._check_open()
        index, rows = self._index, self._rows
        if not revision or revision == index.revision:
            current = index.current
            keys = index.range(prefix, after)
            items = [rows[current[key][0]].kv for key in (islice(keys, limit) if limit else keys)]
            remaining = index.count(prefix, items[-1].key) if limit and items else 0
            return Page(index.revision, items, remaining)
        self._check_readable(revision)
        found = index.range_at(revision, prefix, after)
        items = [rows[mod_revision].kv for _, mod_revision in (islice(found, limit) if limit else found)]
        return Page(revision, items, sum(1 for _ in found))

    async def count(self, prefix: str) -> int:
        self._check_open()
        return self._index.count(prefix)

    async def put(
        self, key: str, value: bytes, *, expected: int | None = None, lease: int = 0, note: bytes = b""
    ) -> int:
        self._check_open()
        if len(value) > VALUE_LIMIT:
            raise too_large(key, value)
        index = self._index
        before = index.current.get(key, (0, 0))[0]
        if expected is not None and expected != before:
            raise Conflict(key, self._rows[before].kv if before else None)
        if lease and lease not in self._leases:
            raise LeaseNotFound(f"lease {lease} does not exist")
        revision = index.revision + 1
        create_revision = index.put(key, revision)
        self._leases.attach(key, lease)
        self._write(_Row(KeyValue(key, value, revision, create_revision, lease), before, False, note))
        return revision

    async def delete(self, key: str, *, expected: int | None = None, note: bytes = b"") -> int:
        self._check_open()
        before = self._index.current.get(key, (0, 0))[0]
        if expected is not None and (expected != before or not before):
            raise Conflict(key, self._rows[before].kv if before else None)
        if not before:
            return self._index.revision
        return self._delete(key, before, note)

    def _delete(self, key: str, before: int, note: bytes = b"") -> int:
        revision = self._index.revision + 1
        self._index.delete(key, revision)
        self._leases.attach(key, 0)
        self._write(_Row(KeyValue(key, b"", revision, 0), before, True, note))
        return revision

    def _write(self, row: _Row) -> None:
        revision = row.kv.mod_revision
        self._rows[revision] = row
        self._broadcaster.publish(revision, (Event(row.kv, None, row.deleted, row.note),))

    def _replayed(self, row: _Row) -> Event:
        return Event(row.kv, self._rows[row.previous].kv if row.previous else None, row.deleted, row.note)

    async def note(self, revision: int) -> bytes:
        self._check_open()
        self._check_readable(revision)
        row = self._rows.get(revision)
        return row.note if row is not None else b""

    async def size(self) -> int:
        return sum(len(row.kv.key) + len(row.kv.value) + len(row.note) for row in self._rows.values())

    def watch(self, prefix: str, *, after: int = 0) -> Watch:
        self._check_open()
        present = self._index.revision
        watcher = self._broadcaster.watch(prefix, after or present, present, self._history)
        if after and after + 1 < self._index.compacted:
            watcher.end(Compacted(self._index.compacted))
        return watcher

    async def _history(self, prefix: str, after: int, until: int) -> Batch:
        if after + 1 < self._index.compacted:
            raise Compacted(self._index.compacted)
        last = min(after + _REPLAY_STEP, until)
        events = (self._rows[revision] for revision in range(after + 1, last + 1))
        return Batch(last, tuple(self._replayed(row) for row in events if row.kv.key.startswith(prefix)))

    async def compact(self, revision: int) -> None:
        self._check_open()
        if revision > self._index.revision:
            raise FutureRevision(f"revision {revision} is above the present one, {self._index.revision}")
        while dropped := self._index.compact(revision, 1000):
            self._forget(dropped)
            await asyncio.sleep(0)

    def _forget(self, dropped: Iterable[int]) -> None:
        for revision in dropped:
            del self._rows[revision]

    async def grant(self, ttl_seconds: int) -> int:
        self._check_open()
        lease = self._next_lease
        self._next_lease += 1
        self._leases.grant(lease, ttl_seconds, self._clock.monotonic())
        return lease

    async def revoke(self, lease: int) -> None:
        self._check_open()
        await self._revoke(lease)

    async def _revoke(self, lease: int) -> None:
        for key in self._leases.keys(lease):
            self._delete(key, self._index.current[key][0])
        self._leases.remove(lease)

    async def keep_alive(self, lease: int) -> int:
        self._check_open()
        return self._leases.keep_alive(lease, self._clock.monotonic())
