"""One store watch feeds the caches of all resources, and tells waiting readers how far the caches are.

    store.list("/registry/")  ->  ResourceCache.load      once, at a revision R of a moment ago
    store.watch(after=R)      ->  ResourceCache.apply     for ever, batch by batch
                              ->  revision, waiters       after each batch
                              ->  Fanout.flush            one write per watcher that got something

A gap (`Compacted`, `WatcherLagged`) is closed by listing again; watchers get the difference as events. `Unavailable`
ends `serve`: without its store the server cannot go on.
"""

import asyncio
import heapq
from collections.abc import Iterable
from contextlib import aclosing, suppress
from itertools import count

from ...api import status
from ...api.resource import ResourceInfo
from ...base.log import logger
from ...store.store import Batch, Compacted, KeyValue, Page, Store, WatcherLagged
from ..reader import Listener, Object
from .resource_cache import ResourceCache
from .watcher import Backlog

ROOT = "/registry/"
FRESHNESS_TIMEOUT_SECONDS = 3.0
_OWN_WRITE_TIMEOUT_SECONDS = 1.0
_REMEMBERED_REVISIONS = 1000
"""How far back a starting server looks; its own restart takes a second or two."""

log = logger(__name__)


class WatchCache:
    """All resource caches behind one store watch; implements `ObjectReader`."""

    def __init__(self, store: Store) -> None:
        self.revision = 0
        """Everything up to this revision is in the caches and was pushed to the watchers."""
        self.following = False
        """Whether the store's changes are coming in."""
        self._store = store
        self._backlog = Backlog()
        self._caches: dict[str, ResourceCache] = {}
        self._waiters: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()
        self._orphans: dict[str, dict[str, KeyValue]] = {}

    async def serve(self, ready: asyncio.Event) -> None:
        """List, catch up, set ready, follow the store until cancelled."""
        try:
            present = await self._store.revision()
            page = await self._recent_list(present)
            self._load(page.items, page.revision)
            while True:
                try:
                    if not ready.is_set() and self.revision < present:
                        await self._follow(until=present)
                    self.following = True
                    ready.set()
                    await self._follow()
                except (Compacted, WatcherLagged) as gap:
                    log.warning("Watch cache lists again", err=gap, rv=self.revision)
                    await self._relist()
        finally:
            self.following = False
            self.close()

    def close(self) -> None:
        """End all watches."""
        for cache in self._caches.values():
            cache.fanout.close()

    def cache(self, info: ResourceInfo) -> ResourceCache:
        """The cache of a stored resource; made on first use, empty until `serve` has listed."""
        found = self._caches.get(info.storage_prefix)
        if found is None:
            found = self._caches[info.storage_prefix] = ResourceCache(info, self._revision, self._backlog)
            orphans = self._orphans.pop(info.storage_prefix, {})
            found.load(orphans.values(), self.revision)
        return found

    def forget(self, storage_prefix: str) -> None:
        """The resource is served no more: its watches end and its cache goes, unless there still are objects in it."""
        cache = self._caches.get(storage_prefix)
        if cache is not None:
            cache.fanout.close()
            if not len(cache):
                del self._caches[storage_prefix]

    def caches(self) -> Iterable[ResourceCache]:
        return self._caches.values()

    def forget_before(self, revision: int) -> None:
        """Clients cannot count on what is older than a revision; the memory it takes is given back."""
        for cache in self._caches.values():
            cache.forget(revision)

    def _revision(self) -> int:
        return self.revision

    # -- feeding

    async def _recent_list(self, present: int) -> Page:
        """The state of a moment ago, so that the changes since are known too, and watches that a restart of this server
        broke off resume as if nothing had happened. Where that past is gone, the present."""
        revision = max(present - _REMEMBERED_REVISIONS, 1)
        try:
            return await self._store.list(ROOT, revision=revision)
        except Compacted as gone:
            if gone.oldest <= present:
                with suppress(Compacted):
                    return await self._store.list(ROOT, revision=gone.oldest)
            return await self._store.list(ROOT)

    async def _follow(self, until: int = 0) -> None:
        """Apply what changes; for ever, or until a revision is reached."""
        async with aclosing(self._store.watch(ROOT, after=self.revision)) as batches:
            async for batch in batches:
                self._apply(batch)
                if until and self.revision >= until:
                    return

    def _apply(self, batch: Batch) -> None:
        touched: dict[str, ResourceCache] = {}
        for event in batch.events:
            prefix = self._prefix(event.kv.key)
            cache = self._caches.get(prefix)
            if cache is None:
                self._keep_orphan(prefix, event.kv, event.deleted)
                continue
            # What is pushed while a batch is applied is complete up to the event's own revision.
            self.revision = event.kv.mod_revision
            cache.apply(event)
            touched[prefix] = cache
        if batch.revision > self.revision:
            self.revision = batch.revision
        self._wake()
        for cache in touched.values():
            cache.fanout.flush()

    def _prefix(self, key: str) -> str:
        """The storage prefix a key belongs to: `/registry/pods` or, two words deep, `/registry/services/specs`."""
        first = key.find("/", len(ROOT))
        if first < 0:
            return key
        short = key[:first]
        if short in self._caches:
            return short
        second = key.find("/", first + 1)
        if second < 0:
            return short
        return key[:second]

    def _keep_orphan(self, prefix: str, kv: KeyValue, deleted: bool) -> None:
        # Objects of a resource nobody has declared yet (a custom one) wait for `cache` to be called.
        kept = self._orphans.setdefault(prefix, {})
        if deleted:
            kept.pop(kv.key, None)
        else:
            kept[kv.key] = kv
        if not kept:
            del self._orphans[prefix]

    def _cut(self, items: Iterable[KeyValue]) -> dict[str, list[KeyValue]]:
        found: dict[str, list[KeyValue]] = {prefix: [] for prefix in self._caches}
        for kv in items:
            found.setdefault(self._prefix(kv.key), []).append(kv)
        return found

    def _load(self, items: Iterable[KeyValue], revision: int) -> None:
        for prefix, part in self._cut(items).items():
            cache = self._caches.get(prefix)
            if cache is None:
                self._orphans[prefix] = {kv.key: kv for kv in part}
            else:
                cache.load(part, revision)
        self.revision = revision
        self._wake()

    async def _relist(self) -> None:
        page = await self._store.list(ROOT)
        parts = self._cut(page.items)
        self._orphans = {prefix: {kv.key: kv for kv in part} for prefix, part in parts.items()}
        self.revision = page.revision
        for prefix, cache in self._caches.items():
            cache.reload(self._orphans.pop(prefix).values(), page.revision)
            cache.fanout.flush()
        self._wake()

    # -- freshness

    async def wait(self, revision: int, timeout_seconds: float = FRESHNESS_TIMEOUT_SECONDS) -> None:
        """Until the caches have reached a revision. StatusError 504 when that takes too long."""
        if self.revision >= revision:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, (revision, next(self._order), waiter))
        try:
            async with asyncio.timeout(timeout_seconds):
                await waiter
        except TimeoutError:
            raise too_large_resource_version(revision, self.revision) from None

    async def seen(self, revision: int) -> None:
        """Until the caches have a write of this server, or for a second. A client that was answered finds its write
        wherever it asks next: in a list, in admission (a new namespace), in authorization (a new role)."""
        if self.revision < revision:
            try:
                await self.wait(revision, _OWN_WRITE_TIMEOUT_SECONDS)
            except status.StatusError:
                log.warning("Watch cache is behind", rv=self.revision, wanted=revision)

    async def wait_consistent(self) -> int:
        """Until the caches hold every write acknowledged before this call; the revision they have reached."""
        revision = await self._store.revision()
        if self.revision < revision:
            await self.wait(revision)
        return self.revision

    def _wake(self) -> None:
        waiters = self._waiters
        while waiters and waiters[0][0] <= self.revision:
            waiter = heapq.heappop(waiters)[2]
            if not waiter.done():
                waiter.set_result(None)

    # -- ObjectReader

    def get(self, resource: ResourceInfo, namespace: str, name: str) -> Object | None:
        cache = self.cache(resource)
        entry = cache.get(cache.key(namespace, name))
        return cache.object(entry) if entry is not None else None

    def list(self, resource: ResourceInfo, namespace: str = "") -> Iterable[Object]:
        cache = self.cache(resource)
        return [cache.object(entry) for entry in cache.range(namespace)]

    def subscribe(self, resource: ResourceInfo, listener: Listener) -> None:
        self.cache(resource).subscribe(listener)


def too_large_resource_version(revision: int, current: int) -> status.StatusError:
    """504: the asked revision is not there yet; the client tries again."""
    return status.StatusError(
        504,
        "Timeout",
        f"Timeout: Too large resource version: {revision}, current: {current}",
        {
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        },
        retry_after_seconds=1,
    )
