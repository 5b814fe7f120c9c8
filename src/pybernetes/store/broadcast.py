"""Fan-out: every committed change to the watchers whose prefix it starts with, each at its own pace, none unbounded.

    commit ──▶ Broadcaster.publish ──▶ one Batch per prefix, shared ──▶ Watcher queue ──▶ consumer's `async for`

A change costs one dictionary look-up per distinct prefix *length* in use, however many watchers there are, plus one
append per receiver. A watcher first hands out what happened before it was registered (`history`, read piece by piece
from the store), then its queue. One that leaves more than `limit` events waiting is ended with WatcherLagged.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from pybernetes.base.clock import Clock
from pybernetes.store.store import Batch, Event, StoreError, Unavailable, WatcherLagged

History = Callable[[str, int, int], Awaitable[Batch]]
"""(prefix, after, until) -> the next piece of the past: its `revision` is how far it goes, at most until. Raises
Compacted when `after` is too old."""


class Watcher:
    """One consumer's view; an asynchronous iterator for a single reader. See `Store.watch`."""

    __slots__ = (
        "_broadcaster",
        "_error",
        "_history",
        "_position",
        "_queue",
        "_queued",
        "_start",
        "_started",
        "_wake",
        "offered",
        "prefix",
    )

    def __init__(self, broadcaster: "Broadcaster", prefix: str, after: int, start: int, history: History) -> None:
        """Changes after `after`; those up to `start` come from history, later ones are offered."""
        self.prefix = prefix
        self.offered = max(after, start)
        """Nothing up to this revision is missing from the queue."""
        self._broadcaster = broadcaster
        self._position = after
        self._start = start
        self._history = history
        self._queue: deque[Batch] = deque()
        self._queued = 0
        self._started = False
        self._error: StoreError | None = None
        self._wake: asyncio.Future[None] | None = None

    def offer(self, batch: Batch, limit: int) -> bool:
        """Queue a batch; False when the watcher is too far behind and must be dropped."""
        if batch.revision <= self.offered:
            return True
        if batch.events and batch.events[0].kv.mod_revision <= self.offered:
            batch = Batch(batch.revision, tuple(e for e in batch.events if e.kv.mod_revision > self.offered))
        self.offered = batch.revision
        self._queued += len(batch.events)
        if self._queued > limit:
            return False
        if not batch.events and self._queue and not self._queue[-1].events:
            self._queue.pop()
        self._queue.append(batch)
        self._awake()
        return True

    def end(self, error: StoreError | None) -> None:
        """No more batches: drop what waits, then raise error (None: simply stop)."""
        self._queue.clear()
        self._error = error
        self._start = 0
        self._broadcaster.remove(self)
        self._awake()

    def _awake(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    def __aiter__(self) -> "Watcher":
        return self

    async def __anext__(self) -> Batch:
        if not self._started:
            self._started = True
            if not self._ended():
                return Batch(self._position)
        while self._position < self._start:
            try:
                batch = await self._history(self.prefix, self._position, self._start)
            except StoreError as error:
                self.end(None)
                raise error
            self._position = batch.revision
            if batch.events or self._position >= self._start:
                return batch  # the end of the past is told even when nothing of it concerns this watcher
        while not self._queue:
            if self._ended():
                reason, self._error = self._error, None
                raise reason if reason is not None else StopAsyncIteration
            self._wake = asyncio.get_running_loop().create_future()
            try:
                await self._wake
            finally:
                self._wake = None
        batch = self._queue.popleft()
        self._queued -= len(batch.events)
        self._position = batch.revision
        return batch

    def _ended(self) -> bool:
        return not self._broadcaster.has(self)

    async def aclose(self) -> None:
        """Stop receiving; a waiting reader ends."""
        self.end(None)


class Broadcaster:
    """All watchers of one store, found by prefix."""

    def __init__(self, *, limit: int = 8192) -> None:
        """limit: events that may wait for one watcher before it is dropped."""
        self._limit = limit
        self._watchers: dict[Watcher, None] = {}
        self._by_prefix: dict[str, list[Watcher]] = {}
        self._lengths: tuple[int, ...] = ()
        self._revision = 0
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._watchers)

    def has(self, watcher: Watcher) -> bool:
        """Whether it still receives."""
        return watcher in self._watchers

    def watch(self, prefix: str, after: int, start: int, history: History) -> Watcher:
        """Register a watcher: changes after `after`, those up to `start` (the present revision) from history."""
        watcher = Watcher(self, prefix, after, start, history)
        self._watchers[watcher] = None
        self._by_prefix.setdefault(prefix, []).append(watcher)
        self._lengths = tuple({len(known) for known in self._by_prefix})
        return watcher

    def remove(self, watcher: Watcher) -> None:
        """Forget a watcher; idempotent."""
        if self._watchers.pop(watcher, self) is self:
            return
        group = self._by_prefix[watcher.prefix]
        group.remove(watcher)
        if not group:
            del self._by_prefix[watcher.prefix]
            self._lengths = tuple({len(known) for known in self._by_prefix})

    def publish(self, revision: int, events: Sequence[Event]) -> None:
        """Hand committed events, in order and ending at revision, to whom they concern."""
        self._revision = revision
        self._changed.set()
        by_prefix = self._by_prefix
        found: dict[str, list[Event]] = {}
        for event in events:
            key = event.kv.key
            for length in self._lengths:
                prefix = key[:length]
                if prefix in by_prefix:
                    found.setdefault(prefix, []).append(event)
        for prefix, matching in found.items():
            self._offer(by_prefix[prefix], Batch(revision, tuple(matching)))

    def progress(self, revision: int) -> None:
        """Tell the watchers that have seen nothing since that they have missed nothing up to revision."""
        behind = [watcher for watcher in self._watchers if watcher.offered < revision]
        if behind:
            self._offer(behind, Batch(revision))

    async def pace(self, clock: Clock, seconds: float) -> None:
        """For ever: a while after a change tell the watchers it did not concern that it passed. Idle when idle."""
        while True:
            await self._changed.wait()
            await clock.sleep(seconds)
            self._changed.clear()
            self.progress(self._revision)

    def _offer(self, watchers: Sequence[Watcher], batch: Batch) -> None:
        lagging = [watcher for watcher in watchers if not watcher.offer(batch, self._limit)]
        for watcher in lagging:
            watcher.end(WatcherLagged(f"more than {self._limit} changes under {watcher.prefix} were waiting"))

    def lag(self, reason: str) -> None:
        """End every watcher with WatcherLagged: something happened that they can no longer be told."""
        for watcher in list(self._watchers):
            watcher.end(WatcherLagged(reason))

    def close(self, reason: str) -> None:
        """End every watcher with Unavailable."""
        for watcher in list(self._watchers):
            watcher.end(Unavailable(reason))
