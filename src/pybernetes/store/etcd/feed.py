"""One watch of everything in etcd, from which all local watchers are served.

etcd numbers writes without gaps, and every number has its events. So a watch of the whole key space knows that nothing
up to the last event's revision is missing, and needs none of etcd's progress requests (which before 3.4.31 and 3.5.13
could overtake events: etcd issue 15220). The feed hands events to the `Broadcaster`, which sorts them by prefix, drops
slow readers and tells the others how far they are.

    connecting ──first answer──▶ following ──stream ends──▶ connecting   (from the revision after the last seen)
                                     │
                                     └── the past is compacted ──▶ every watcher lists again, connecting from now
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from pybernetes.base.backoff import Backoff
from pybernetes.base.clock import Clock
from pybernetes.base.log import logger
from pybernetes.store.broadcast import Broadcaster
from pybernetes.store.store import Batch, Compacted, Event, KeyValue, StoreError, Unavailable

from . import messages as m
from .connection import Connection

EVERYTHING = b"\0"
NOTES = b"pybernetes/notes/"
"""Below it, the last note of each key. Keys of the store start with a slash, so these are in nobody's way."""
_REPLAY_STEP = 2000

log = logger(__name__)


def key_value(kv: m.KeyValue) -> KeyValue:
    """etcd's key and value as the store's."""
    return KeyValue(kv.key.decode("utf-8", "replace"), kv.value, kv.mod_revision, kv.create_revision, kv.lease)


def _with_notes(found: list[m.Event]) -> list[Event]:
    """etcd's events as the store's: a note is no event but belongs to the one of its revision."""
    notes = {e.kv.mod_revision: e.kv.value for e in found if e.kv is not None and e.kv.key.startswith(NOTES)}
    events: list[Event] = []
    for event in found:
        kv = event.kv
        if kv is not None and not kv.key.startswith(NOTES):
            previous = key_value(event.prev_kv) if event.prev_kv is not None else None
            events.append(Event(key_value(kv), previous, event.type == m.DELETE, notes.get(kv.mod_revision, b"")))
    return events


async def changes(
    connection: Connection, after: int, *, with_previous: bool = False
) -> AsyncGenerator[list[Event], None]:
    """All changes after a revision, for ever; an empty list first, when the watch stands. The events of one revision
    come in one list. Compacted, Unavailable."""
    request = m.WatchRequest(
        create_request=m.WatchCreateRequest(
            key=EVERYTHING, range_end=EVERYTHING, start_revision=after + 1, prev_kv=with_previous, fragment=True
        )
    )
    pieces: list[m.Event] = []
    async with aclosing(connection.stream("Watch/Watch", request, m.WatchResponse)) as answers:
        async for answer in answers:
            if answer.compact_revision:
                raise Compacted(answer.compact_revision + 1)
            if answer.canceled:
                raise Unavailable(f"etcd cancelled the watch: {answer.cancel_reason}")
            if answer.created:
                yield []
            pieces.extend(answer.events)
            if pieces and not answer.fragment:
                yield _with_notes(pieces)
                pieces = []


class Feed:
    """See the module docstring."""

    def __init__(
        self,
        connection: Connection,
        broadcaster: Broadcaster,
        clock: Clock,
        present: Callable[[], Awaitable[int]],
    ) -> None:
        """present: the store's revision now."""
        self._connection = connection
        self._broadcaster = broadcaster
        self._clock = clock
        self._present = present
        self.position = 0
        """Every change up to this revision has been handed out."""
        self.standing = asyncio.Event()
        """Set once the watch stands for the first time."""
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    async def follow(self) -> None:
        """For ever."""
        backoff = Backoff(initial=0.05, maximum=2.0)
        while True:
            try:
                async with aclosing(changes(self._connection, self.position)) as batches:
                    async for events in batches:
                        backoff.reset()
                        self.standing.set()
                        if events:
                            self._hand_out(events)
            except Compacted as error:
                log.warning("The watch of etcd fell behind a compaction; watchers list again", rv=self.position)
                self._broadcaster.lag(f"revision {self.position} of etcd is gone; the oldest is {error.oldest}")
                self._move(await self._reachable_present(backoff))
            except StoreError as error:
                log.info("The watch of etcd broke off and is resumed", rv=self.position, err=error)
                await self._clock.sleep(backoff.next())

    async def _reachable_present(self, backoff: Backoff) -> int:
        while True:
            try:
                return await self._present()
            except Unavailable:
                await self._clock.sleep(backoff.next())

    def _hand_out(self, events: list[Event]) -> None:
        revision = events[-1].kv.mod_revision
        self._broadcaster.publish(revision, events)
        self._move(revision)

    def _move(self, revision: int) -> None:
        self.position = max(self.position, revision)
        still: list[tuple[int, asyncio.Future[None]]] = []
        for wanted, done in self._waiting:
            if wanted > self.position:
                still.append((wanted, done))
            elif not done.done():
                done.set_result(None)
        self._waiting = still

    async def reached(self, revision: int) -> None:
        """Wait until every change up to revision has been handed out."""
        if self.position < revision:
            done = asyncio.get_running_loop().create_future()
            self._waiting.append((revision, done))
            await done

    async def replay(self, prefix: str, after: int, until: int) -> Batch:
        """The next piece of a prefix's changes in (after, until]. Compacted, Unavailable."""
        found: list[Event] = []
        reached = after
        async with aclosing(changes(self._connection, after, with_previous=True)) as batches:
            async for events in batches:
                found.extend(e for e in events if e.kv.mod_revision <= until and e.kv.key.startswith(prefix))
                reached = min(events[-1].kv.mod_revision, until) if events else reached
                if reached == until or len(found) >= _REPLAY_STEP:
                    break
        return Batch(reached, tuple(found))
