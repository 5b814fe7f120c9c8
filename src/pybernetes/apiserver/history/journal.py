"""The store as the API server uses it: each write with its author, a bounded past for clients, a longer one inside.

    generic resources, watch cache ──▶ Journal ──▶ store          put and delete carry the note of `author.py`
                                          │
    `?at=`, /history ─────────────────▶ `past` (the store itself, not narrowed to what clients may see)

`serve` is the clock of forgetting; see `retention.py`.
"""

import asyncio
from collections.abc import Callable

from ...base.clock import Clock
from ...base.log import logger
from ...store.store import Compacted, KeyValue, Page, Store, StoreError, Watch
from ..nesting import check_nesting
from . import author
from .retention import INTERVAL_SECONDS, Retention, Tick, forgotten, horizon, kept

log = logger(__name__)


class Journal:
    """A `Store` around a `Store`; see the module docstring. `past` is the inner one."""

    def __init__(self, store: Store, clock: Clock, retention: Retention | None = None) -> None:
        self.past = store
        self._clock = clock
        self._retention = retention or Retention()
        self._horizon = 0
        self.on_horizon: Callable[[int], None] = lambda revision: None
        """Told the oldest revision that clients may ask for, whenever it moves."""
        self.revision = store.revision
        self.count = store.count
        self.note = store.note
        self.size = store.size
        self.compact = store.compact
        self.grant = store.grant
        self.revoke = store.revoke
        self.keep_alive = store.keep_alive

    async def serve(self, ready: asyncio.Event) -> None:
        """Forget what may be forgotten, for ever. The store is served by its owner."""
        ticks = [Tick(self._clock.monotonic(), await self.past.revision())]
        ready.set()
        while True:
            await self._clock.sleep(INTERVAL_SECONDS)
            try:
                ticks.append(Tick(self._clock.monotonic(), await self.past.revision()))
                self._horizon = horizon(ticks)
                self.on_horizon(self._horizon)
                revision = forgotten(ticks, await self.past.size(), self._retention)
                if revision:
                    await self.past.compact(revision)
                    ticks = kept(ticks, revision)
            except StoreError as error:
                log.warning("Compaction failed", rv=ticks[-1].revision, err=error)

    def _check(self, revision: int) -> None:
        if revision and revision < self._horizon:
            raise Compacted(self._horizon)

    async def get(self, key: str, *, revision: int = 0) -> KeyValue | None:
        self._check(revision)
        return await self.past.get(key, revision=revision)

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        self._check(revision)
        return await self.past.list(prefix, revision=revision, limit=limit, after=after)

    async def put(
        self, key: str, value: bytes, *, expected: int | None = None, lease: int = 0, note: bytes = b""
    ) -> int:
        check_nesting(value)
        return await self.past.put(key, value, expected=expected, lease=lease, note=note or author.note())

    async def delete(self, key: str, *, expected: int | None = None, note: bytes = b"") -> int:
        return await self.past.delete(key, expected=expected, note=note or author.note())

    def watch(self, prefix: str, *, after: int = 0) -> Watch:
        return self.past.watch(prefix, after=after)


def past_of(store: Store) -> Store:
    """The store without the narrowing for clients."""
    return store.past if isinstance(store, Journal) else store
