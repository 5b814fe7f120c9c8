"""The store in one SQLite file: durable, for clusters with one API server.

    put ─▶ compare with the index and with writes on their way ─▶ queue ─▶ writer thread: one transaction, one fsync
                                                                                 │
    watchers ◀─ publish ◀─ answer the callers ◀─ apply to the index ◀────────────┘

Group commit: while the thread writes one batch the next one gathers, so 64 writers share an fsync and one writer does
not wait for company. The comparison happens on the event loop, against the index and the `staged` writes that are
queued or in the thread; such a write may still fail (a full disk), so a conflict with one is only reported when it is
decided, and reads, which look at the index alone, never see it.

When a transaction fails, every write after it fails with it, nothing has happened, the revision counter goes on where
it was, and the next write tries the disk again: the store recovers as soon as the disk does.

Reads look the revision up in the index and the bytes in a bounded cache or in the file.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.log import logger
from pybernetes.store.broadcast import Broadcaster
from pybernetes.store.lease import Leases, expire
from pybernetes.store.mvcc import Index
from pybernetes.store.sqlite_file import (
    DataFile,
    Statement,
    changes,
    drop_revisions,
    grant_lease,
    key_value,
    load,
    mark_compacted,
    note_of,
    open_file,
    read,
    reclaim,
    remove_lease,
    size,
    write,
)
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
    StoreError,
    Unavailable,
    Watch,
    too_large,
)
from pybernetes.store.value_cache import ValueCache
from pybernetes.store.write_batch import Thunk, Write, WriteBatch, attempt, finished

_REPLAY_STEP = 500
_COMPACTION_STEP = 500
_INLINE_READS = 500
_RECLAIM_PAGES = 64
_ABSENT = (0, 0)

log = logger(__name__)

T = TypeVar("T")


class SqliteStore:
    """See `Store`. Usable while `serve` runs."""

    def __init__(
        self,
        path: Path | str,
        *,
        clock: Clock = SYSTEM_CLOCK,
        watcher_limit: int = 8192,
        progress_seconds: float = 0.25,
        cache_bytes: int = 2 * 1024 * 1024,
    ) -> None:
        """path: the data file (`-wal`, `-shm` and `.lock` appear beside it); cache_bytes: values kept in memory, for
        writers that look again at what another has just written; the rest as for MemoryStore."""
        self._path = Path(path)
        self._clock = clock
        self._progress_seconds = progress_seconds
        self._index = Index()
        self._cache = ValueCache(cache_bytes)
        self._leases = Leases()
        self._last_lease = 0
        self._broadcaster = Broadcaster(limit=watcher_limit)
        self._closed = "the store is not open"
        self._staged: dict[str, Write] = {}
        self._last_revision = 1
        self._gathering: WriteBatch | None = None
        self._busy = False
        self._inbox: SimpleQueue[WriteBatch | None] = SimpleQueue()
        self._garbage: list[int] = []
        self._exclusive = asyncio.Lock()
        """Held by long reads in a thread and by each step of a compaction: a revision is not deleted under a reader."""

    # life

    async def serve(self, ready: asyncio.Event) -> None:
        """Open, work until cancelled, close. Unavailable when the file cannot be used."""
        file = await finished(open_file, self._path)
        try:
            await self._open(file)
            thread = threading.Thread(
                target=self._write_batches, args=(asyncio.get_running_loop(),), name="store writer", daemon=True
            )
            thread.start()
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(expire(self._leases, self._clock, self._expire), name="store leases")
                    group.create_task(
                        self._broadcaster.pace(self._clock, self._progress_seconds), name="store progress"
                    )
                    ready.set()
            finally:
                self._closed = "the store is closed"
                self._inbox.put(None)
                await finished(thread.join)
                self._fail_all(Unavailable(self._closed))
                self._broadcaster.close(self._closed)
        finally:
            file.close()

    async def _open(self, file: DataFile) -> None:
        self._writer = file.connect()
        self._reader = file.connect()
        self._scanner = file.connect()
        loaded = await finished(load, file, self._reader)
        index = self._index = loaded.index
        self._last_revision = index.revision
        self._garbage = index.compact(index.compacted)
        now = self._clock.monotonic()
        for lease, ttl_seconds in loaded.leases:
            self._leases.grant(lease, ttl_seconds, now)
            self._last_lease = max(self._last_lease, lease)
        for key, lease in loaded.leased:
            self._leases.attach(key, lease)
        self._closed = ""

    def _check_open(self) -> None:
        if self._closed:
            raise Unavailable(self._closed)

    # writing

    def _write_batches(self, loop: asyncio.AbstractEventLoop) -> None:
        """The writer thread: one transaction per batch until None comes."""
        connection = self._writer
        while (batch := self._inbox.get()) is not None:
            failure: Exception | None = None
            more = False
            try:
                if batch.rows or batch.statements:
                    write(connection, batch.rows, batch.statements)
                if batch.work is not None:
                    more = attempt(batch.work, connection)
            except Exception as error:
                failure = error
            loop.call_soon_threadsafe(self._decided, batch, failure, more)

    def _gather(self) -> WriteBatch:
        """The batch that is gathering; it leaves one turn of the loop after the writer is free."""
        batch = self._gathering
        if batch is None:
            batch = self._gathering = WriteBatch()
            if not self._busy:
                self._busy = True
                self._dispatch_soon()
        return batch

    def _dispatch_soon(self) -> None:
        """In that turn the requests are read that came meanwhile, and their writes go along. When the first of sixteen
        clients left alone, and the others while it was written, a create cost a fifth more; and a fifth more again when
        whatever was there left as soon as the batch before was written (a status patch and an apply 5 to 10 %)."""
        loop = asyncio.get_running_loop()
        loop.call_soon(loop.call_soon, self._dispatch)

    def _dispatch(self) -> None:
        batch, self._gathering = self._gathering, None
        if batch is None:
            self._busy = False
        elif self._closed:
            self._refuse(batch, Unavailable(self._closed))
        else:
            self._inbox.put(batch)

    def _decided(self, batch: WriteBatch, failure: Exception | None, more: bool) -> None:
        """The writer thread is done with a batch: apply and answer, or undo and refuse."""
        if failure is not None:
            if not isinstance(failure, sqlite3.Error):
                log.error("Store writer failed", err=repr(failure))
            batch_error = Unavailable(f"the write to {self._path} failed: {failure}")
            self._refuse(batch, batch_error)
            self._fail_all(batch_error)
            self._busy = False
            return
        self._dispatch_soon()
        events: list[Event] = []
        staged, index, cache = self._staged, self._index, self._cache
        for change in batch.writes:
            kv = change.kv
            key = kv.key
            if kv.create_revision:
                index.put(key, kv.mod_revision)
                cache.add(kv)
            else:
                index.delete(key, kv.mod_revision)
            self._leases.attach(key, kv.lease)
            if change.previous:
                cache.drop(change.previous)
            events.append(Event(kv, None, not kv.create_revision, change.note))
            if staged.get(key) is change:
                del staged[key]
        if events:
            self._broadcaster.publish(index.revision, events)
        for change in batch.writes:
            if not change.answer.done():
                change.answer.set_result(None)
        batch.decided.set_result(more)

    def _refuse(self, batch: WriteBatch, error: Unavailable) -> None:
        for change in batch.writes:
            if not change.answer.done():
                change.answer.set_exception(error)
        if not batch.decided.done():
            batch.decided.set_exception(error)
            batch.decided.exception()  # mark as seen: often nobody waits for the batch itself

    def _fail_all(self, error: Unavailable) -> None:
        """Refuse what is gathering: it was compared with writes that did not happen."""
        batch, self._gathering = self._gathering, None
        self._staged.clear()
        self._last_revision = self._index.revision
        if batch is not None:
            self._refuse(batch, error)

    async def _compare(self, key: str, expected: int | None) -> tuple[int, int]:
        """(mod revision, create revision) of the key after all writes on their way, (0, 0) where it does not exist.
        Conflict when it is not at `expected`; only then the value is looked up."""
        while True:
            self._check_open()
            staged = self._staged.get(key)
            if staged is None:
                current = self._index.current.get(key, _ABSENT)
            else:
                kv = staged.kv
                current = (kv.mod_revision, kv.create_revision) if kv.create_revision else _ABSENT
            if expected is None or expected == current[0]:
                return current
            if staged is None:
                raise Conflict(key, self._load(current[0]) if current[0] else None)
            await asyncio.wait([staged.batch.decided])

    def _stage(self, key: str, value: bytes | None, before: tuple[int, int], lease: int, note: bytes) -> Write:
        revision = self._last_revision = self._last_revision + 1
        batch = self._gather()
        previous, created = before
        if value is None:
            kv = KeyValue(key, b"", revision, 0)
        else:
            kv = KeyValue(key, value, revision, created or revision, lease)
        batch.rows.append((revision, key, kv.create_revision, previous, lease, note or None, value))
        change = Write(kv, previous, batch, note)
        batch.writes.append(change)
        self._staged[key] = change
        return change

    async def put(
        self, key: str, value: bytes, *, expected: int | None = None, lease: int = 0, note: bytes = b""
    ) -> int:
        if len(value) > VALUE_LIMIT:
            raise too_large(key, value)
        before = await self._compare(key, expected)
        if lease and lease not in self._leases:
            raise LeaseNotFound(f"lease {lease} does not exist")
        change = self._stage(key, value, before, lease, note)
        await change.answer
        return change.kv.mod_revision

    async def delete(self, key: str, *, expected: int | None = None, note: bytes = b"") -> int:
        before = await self._compare(key, expected)
        while not before[0]:
            if expected is not None:
                raise Conflict(key, None)
            staged = self._staged.get(key)
            if staged is None:
                return self._index.revision
            await asyncio.wait([staged.batch.decided])
            before = await self._compare(key, expected)
        change = self._stage(key, None, before, 0, note)
        await change.answer
        return change.kv.mod_revision

    async def _run(self, *statements: Statement, work: Thunk | None = None) -> bool:
        """Statements in the next transaction and work after it; the answer of work."""
        batch = self._gather()
        batch.statements.extend(statements)
        batch.work = work or batch.work
        return await asyncio.shield(batch.decided)

    # reading

    def _load(self, revision: int) -> KeyValue:
        """One state, from the cache or by a short read."""
        found = self._cache.get(revision)
        if found is None:
            try:
                found = read(self._reader, (revision,))[revision]
            except sqlite3.Error as error:
                raise Unavailable(f"the read of {self._path} failed: {error}") from None
            self._cache.add(found)
        return found

    async def _load_all(self, revisions: Callable[[], Iterable[int]]) -> list[KeyValue]:
        """Many states; a long read of the file happens in a thread, where nothing is deleted meanwhile."""
        cache = self._cache
        wanted = list(revisions())
        missing = [revision for revision in wanted if revision not in cache]
        if len(missing) <= _INLINE_READS:
            return [self._load(revision) for revision in wanted]
        async with self._exclusive:
            wanted = list(revisions())
            known = {revision: found for revision in wanted if (found := cache.get(revision)) is not None}
            missing = [revision for revision in wanted if revision not in known]
            try:
                known.update(await asyncio.to_thread(read, self._scanner, missing))
            except sqlite3.Error as error:
                raise Unavailable(f"the read of {self._path} failed: {error}") from None
            return [known[revision] for revision in wanted]

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
            mod_revision = self._index.current.get(key, _ABSENT)[0]
        return self._load(mod_revision) if mod_revision else None

    def _check_readable(self, revision: int) -> None:
        if revision > self._index.revision:
            raise FutureRevision(f"revision {revision} is above the present one, {self._index.revision}")
        if revision < self._index.compacted:
            raise Compacted(self._index.compacted)

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        self._check_open()
        index = self._index
        at = remaining = 0

        def present() -> list[int]:
            nonlocal at, remaining
            at = index.revision
            keys = list(islice(index.range(prefix, after), limit) if limit else index.range(prefix, after))
            remaining = index.count(prefix, keys[-1]) if limit and keys else 0
            current = index.current
            return [current[key][0] for key in keys]

        def past() -> list[int]:
            nonlocal at, remaining
            at = revision
            self._check_readable(revision)
            found = index.range_at(revision, prefix, after)
            revisions = [mod_revision for _, mod_revision in (islice(found, limit) if limit else found)]
            remaining = sum(1 for _ in found)
            return revisions

        items = await self._load_all(past if revision and revision != index.revision else present)
        return Page(at, items, remaining)

    async def count(self, prefix: str) -> int:
        self._check_open()
        return self._index.count(prefix)

    async def note(self, revision: int) -> bytes:
        self._check_open()
        self._check_readable(revision)
        return self._ask(note_of, revision)

    async def size(self) -> int:
        self._check_open()
        return self._ask(size)

    def _ask(self, question: Callable[..., T], *arguments: int) -> T:
        try:
            return question(self._reader, *arguments)
        except sqlite3.Error as error:
            raise Unavailable(f"the read of {self._path} failed: {error}") from None

    def watch(self, prefix: str, *, after: int = 0) -> Watch:
        self._check_open()
        present = self._index.revision
        watcher = self._broadcaster.watch(prefix, after or present, present, self._history)
        if after and after + 1 < self._index.compacted:
            watcher.end(Compacted(self._index.compacted))
        return watcher

    async def _history(self, prefix: str, after: int, until: int) -> Batch:
        self._check_open()
        if after + 1 < self._index.compacted:
            raise Compacted(self._index.compacted)
        last = min(after + _REPLAY_STEP, until)
        try:
            found = changes(self._reader, after, last)
        except sqlite3.Error as error:
            raise Unavailable(f"the read of {self._path} failed: {error}") from None
        return Batch(
            last,
            tuple(
                Event(
                    key_value(row),
                    key_value(before) if before is not None else None,
                    row[6] is None,
                    row[5] or b"",
                )
                for row, before in found
                if row[1].startswith(prefix)
            ),
        )

    # compaction

    async def compact(self, revision: int) -> None:
        self._check_open()
        index = self._index
        if revision > index.revision:
            raise FutureRevision(f"revision {revision} is above the present one, {index.revision}")
        if revision > index.compacted:
            await self._run(mark_compacted(revision))
            index.compacted = max(index.compacted, revision)
        elif not self._garbage:
            return
        while True:
            async with self._exclusive:
                if len(self._garbage) < _COMPACTION_STEP:
                    self._garbage += index.compact(revision, _COMPACTION_STEP)
                step = self._garbage[:_COMPACTION_STEP]
                if not step:
                    break
                for dropped in step:
                    self._cache.drop(dropped)
                await self._run(drop_revisions(step))
                del self._garbage[: len(step)]
        while await self._run(work=lambda connection: reclaim(connection, _RECLAIM_PAGES)):
            pass

    # leases

    async def grant(self, ttl_seconds: int) -> int:
        self._check_open()
        lease = self._last_lease = self._last_lease + 1
        await self._run(grant_lease(lease, ttl_seconds))
        self._leases.grant(lease, ttl_seconds, self._clock.monotonic())
        return lease

    async def revoke(self, lease: int) -> None:
        self._check_open()
        while keys := self._leases.keys(lease):
            await asyncio.gather(*(self.delete(key) for key in keys))
        self._leases.remove(lease)
        await self._run(remove_lease(lease))

    async def _expire(self, lease: int) -> None:
        try:
            await self.revoke(lease)
        except StoreError as error:
            log.warning("Expired lease not removed yet", lease=lease, err=error)

    async def keep_alive(self, lease: int) -> int:
        self._check_open()
        return self._leases.keep_alive(lease, self._clock.monotonic())
