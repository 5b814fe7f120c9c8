"""The store's contract: a revisioned key-value store with watch, in the model of etcd (etcd API v3).

Every successful write of the whole store gets the next revision: one counter, no gaps visible to readers, starting at
1 for the empty store. A key remembers the revision that made it (`create_revision`) and the one that last wrote it
(`mod_revision`). Writers pass the mod revision they have seen; the write fails when the key has moved on. That
compare-and-swap is the only transaction there is, and it is enough for Kubernetes' optimistic concurrency.

Worked example, from an empty store at revision 1::

    put("/a", b"1", expected=0)   -> 2      expected=0: the key must not exist
    put("/a", b"2", expected=2)   -> 3
    put("/a", b"x", expected=2)   -> Conflict, current = KeyValue("/a", b"2", mod_revision=3, create_revision=2)
    put("/b", b"1")               -> 4      no expectation: last writer wins
    delete("/a", expected=3)      -> 5
    list("/", revision=3)         -> ["/a"=b"2"] at revision 3: the past stays readable until compacted
    watch("/", after=2)           -> events of revisions 3, 4, 5, then live ones
    compact(4)                    -> the past before 4 is gone: list(revision=3) and watch(after=2) raise Compacted

Nothing is compacted unasked: how much of the past is kept is its user's decision.

Guarantees, checked by tests/contract/store.py on every implementation:

* **Durable**: an acknowledged write survives `kill -9` and power loss (memory excepted).
* **Linearizable**: a read without `revision` sees every write acknowledged before it began.
* **Ordered**: a watcher receives each matching event once, in revision order, without gaps; events of one revision
  arrive together. `progress` events carry a revision up to which nothing is missing.
* **Bounded**: a watcher that does not keep up is ended with `WatcherLagged`; it lists again and resumes.

Nothing here relies on sharing a process: etcd implements the same Protocol.
Keys are text that starts with "/"; values are opaque bytes of at most 1.5 MiB (etcd's request limit), else `TooLarge`.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import msgspec


class KeyValue(msgspec.Struct, frozen=True, gc=False):
    """One key at one revision."""

    key: str
    value: bytes
    mod_revision: int
    create_revision: int
    lease: int = 0


class Event(msgspec.Struct, frozen=True, gc=False):
    """One change. `kv` is the state after it (on deletion: key, empty value, revision of the deletion).

    `previous` is the state before it, told with changes of the past that `watch(after=...)` replays. With live ones it
    is None, since who follows them has it: to read it again was a tenth of a status patch among 5,000 pods."""

    kv: KeyValue
    previous: KeyValue | None = None
    deleted: bool = False
    note: bytes = b""
    """What the writer wrote beside it."""

    @property
    def created(self) -> bool:
        return self.kv.create_revision == self.kv.mod_revision


class Batch(msgspec.Struct, frozen=True):
    """What a watcher receives: events in order, and the revision up to which nothing is missing.

    An empty batch is progress only.
    """

    revision: int
    events: tuple[Event, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """A ranged list at `revision`. `remaining` counts matching keys after the last item (0: complete)."""

    revision: int
    items: list[KeyValue]
    remaining: int = 0


VALUE_LIMIT = 1536 * 1024
"""The largest value in bytes (etcd's request limit)."""


class Watch(Protocol):
    """What `Store.watch` returns: an asynchronous iterator for one reader; close it with `contextlib.aclosing`."""

    def __aiter__(self) -> AsyncIterator[Batch]:
        """Itself."""

    async def __anext__(self) -> Batch:
        """The next batch; see `Store.watch` for the errors that end it."""

    async def aclose(self) -> None:
        """Stop receiving; idempotent."""


class StoreError(Exception):
    """Base of the store's errors.

    StoreError
     +-- Conflict        the key is not at the expected revision
     +-- Compacted       the asked revision is no longer there
     +-- FutureRevision  the asked revision does not exist yet
     +-- WatcherLagged   the watcher was too slow and was dropped
     +-- TooLarge        the value exceeds the limit
     +-- LeaseNotFound   the lease expired or never was
     +-- Unavailable     the store cannot serve now (disk full, no quorum, closed); the write was not acknowledged
          +-- TimedOut   the store did not answer in time; whether a write happened is not known
    """


class Conflict(StoreError):
    """`current` is the key as it is now, None if absent."""

    def __init__(self, key: str, current: KeyValue | None) -> None:
        super().__init__(f"{key} is at revision {current.mod_revision if current else 0}")
        self.key = key
        self.current = current


class Compacted(StoreError):
    """`oldest` is the oldest revision that can still be read."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"required revision has been compacted; the oldest is {oldest}")
        self.oldest = oldest


class FutureRevision(StoreError):
    pass


class WatcherLagged(StoreError):
    pass


class TooLarge(StoreError):
    pass


def too_large(key: str, value: bytes) -> TooLarge:
    """The same words whatever the store, with etcd's own in front, which clients look for."""
    return TooLarge(f"etcdserver: request is too large ({key} has {len(value)} bytes, the limit is {VALUE_LIMIT})")


class LeaseNotFound(StoreError):
    pass


class Unavailable(StoreError):
    pass


class TimedOut(Unavailable):
    pass


class Store(Protocol):
    """See the module docstring for the model and the guarantees."""

    async def serve(self, ready: asyncio.Event) -> None:
        """Open, set ready, work (commit, expire leases), close when cancelled. One user per data file: a second
        opener gets Unavailable with the reason."""

    async def revision(self) -> int:
        """The revision of the last acknowledged write (linearizable). Watchers that have seen nothing since are told
        at once that they are up to date (etcd: a progress request), so a cache fed by watches can wait for it."""

    async def get(self, key: str, *, revision: int = 0) -> KeyValue | None:
        """The key now (revision 0) or as it was. Compacted, FutureRevision."""

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        """Keys that start with prefix, in key order, greater than `after`, at most `limit` (0: all)."""

    async def count(self, prefix: str) -> int:
        """How many keys start with prefix now."""

    async def put(
        self, key: str, value: bytes, *, expected: int | None = None, lease: int = 0, note: bytes = b""
    ) -> int:
        """Write; return the new revision. `expected`: None = any, 0 = must not exist, n = must be at mod revision n.
        `note` (who wrote and why: opaque, short) is kept with the revision as long as the revision is.
        Conflict, TooLarge, LeaseNotFound, Unavailable."""

    async def delete(self, key: str, *, expected: int | None = None, note: bytes = b"") -> int:
        """Remove; return the new revision. A missing key: Conflict(current=None) when `expected` is given, else the
        current revision, and no new one."""

    async def note(self, revision: int) -> bytes:
        """The note of one revision; b"" when it has none. Compacted, FutureRevision."""

    async def size(self) -> int:
        """Bytes that the store takes up, the past included, as of a moment ago. Compaction makes it smaller."""

    def watch(self, prefix: str, *, after: int = 0) -> Watch:
        """Changes of keys that start with prefix and revision > after, for ever. `after=0`: from now on, now being the
        moment of this call. The first batch is sent at once, is empty and tells the revision the watch starts from.
        After changes that do not concern it a watcher gets a progress batch, within a second. Ends by Compacted (at
        the first batch when `after` is too old), WatcherLagged or Unavailable, or when closed with aclose()."""

    async def compact(self, revision: int) -> None:
        """Forget the past before revision: the state as of revision and all changes from it on stay. In small steps;
        readers go on meanwhile. A revision that is compacted already: nothing happens. FutureRevision."""

    async def grant(self, ttl_seconds: int) -> int:
        """A lease: keys put with it are deleted (with revisions and events) when it expires. Survives restarts;
        after one, at least the time that was left is granted again."""

    async def revoke(self, lease: int) -> None:
        """End a lease now; its keys are deleted. LeaseNotFound."""

    async def keep_alive(self, lease: int) -> int:
        """Restart the lease's time; return its ttl in seconds. LeaseNotFound."""
