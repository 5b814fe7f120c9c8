"""A store in front of the store: values of chosen resources are encrypted on their way in and decrypted on the way out.

What was read with an old key, or in the clear, is `stale`: a write that changes nothing is then made all the same, so
that writing every object once brings all of them under the new key. A past that was written with a key that is gone can
no longer be read and counts as compacted.
"""

import asyncio
from collections.abc import AsyncIterator

import msgspec

from ...store.store import Batch, Compacted, Conflict, Event, KeyValue, Page, Store, Unavailable, Watch
from .configuration import Encryption
from .providers import NotTransformable, Provider


class EncryptingStore:
    """Implements Store."""

    def __init__(self, inner: Store, encryption: Encryption) -> None:
        self._inner = inner
        self._encryption = encryption
        self._stale: set[str] = set()

    def is_stale(self, key: str) -> bool:
        """Whether the stored value should be written anew."""
        return key in self._stale

    async def serve(self, ready: asyncio.Event) -> None:
        """See Store."""
        await self._inner.serve(ready)

    async def revision(self) -> int:
        """See Store."""
        return await self._inner.revision()

    async def get(self, key: str, *, revision: int = 0) -> KeyValue | None:
        """See Store."""
        found = await self._inner.get(key, revision=revision)
        return self._opened(found) if found is not None else None

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        """See Store."""
        page = await self._inner.list(prefix, revision=revision, limit=limit, after=after)
        try:
            return Page(page.revision, [self._opened(item) for item in page.items], page.remaining)
        except Unavailable:
            if not revision:
                raise
            raise Compacted(revision + 1) from None

    async def count(self, prefix: str) -> int:
        """See Store."""
        return await self._inner.count(prefix)

    async def put(
        self, key: str, value: bytes, *, expected: int | None = None, lease: int = 0, note: bytes = b""
    ) -> int:
        """See Store."""
        providers = self._encryption.providers_for(key)
        if providers is not None:
            value = providers[0].encrypt(value, key.encode())
        try:
            revision = await self._inner.put(key, value, expected=expected, lease=lease, note=note)
        except Conflict as lost:
            raise self._conflict(key, lost) from None
        self._stale.discard(key)
        return revision

    async def delete(self, key: str, *, expected: int | None = None, note: bytes = b"") -> tuple[int, KeyValue | None]:
        """See Store."""
        try:
            revision, found = await self._inner.delete(key, expected=expected, note=note)
        except Conflict as lost:
            raise self._conflict(key, lost) from None
        before = self._opened(found) if found is not None else None
        self._stale.discard(key)
        return revision, before

    async def note(self, revision: int) -> bytes:
        """See Store."""
        return await self._inner.note(revision)

    async def size(self) -> int:
        """See Store."""
        return await self._inner.size()

    def watch(self, prefix: str, *, after: int = 0) -> Watch:
        """See Store."""
        return _Watch(self._inner.watch(prefix, after=after), self)

    async def compact(self, revision: int) -> None:
        """See Store."""
        await self._inner.compact(revision)

    async def grant(self, ttl_seconds: int) -> int:
        """See Store."""
        return await self._inner.grant(ttl_seconds)

    async def revoke(self, lease: int) -> None:
        """See Store."""
        await self._inner.revoke(lease)

    async def keep_alive(self, lease: int) -> int:
        """See Store."""
        return await self._inner.keep_alive(lease)

    def _conflict(self, key: str, lost: Conflict) -> Conflict:
        return Conflict(key, self._opened(lost.current) if lost.current is not None else None)

    def _opened(self, found: KeyValue) -> KeyValue:
        providers = self._encryption.providers_for(found.key)
        if providers is None or not found.value:
            return found
        value, fresh = _decrypted(providers, found)
        if fresh:
            self._stale.discard(found.key)
        else:
            self._stale.add(found.key)
        return found if value is found.value else msgspec.structs.replace(found, value=value)

    def opened_event(self, event: Event) -> Event:
        """A change with its values decrypted. Compacted when the key that wrote them is no longer configured."""
        if self._encryption.providers_for(event.kv.key) is None:
            return event
        try:
            previous = self._opened(event.previous) if event.previous is not None else None
            return msgspec.structs.replace(event, previous=previous, kv=self._opened(event.kv))
        except Unavailable:
            raise Compacted(event.kv.mod_revision + 1) from None


def _decrypted(providers: "list[Provider]", found: KeyValue) -> tuple[bytes, bool]:
    context = found.key.encode()
    try:
        for position, provider in enumerate(providers):
            opened = provider.decrypt(found.value, context)
            if opened is not None:
                value, writing_key = opened
                return value, writing_key and position == 0
    except NotTransformable as error:
        words = f"data from the storage is not transformable key={found.key} revision={found.mod_revision}: {error}"
        raise Unavailable(words) from None
    words = f"data from the storage is not transformable key={found.key} revision={found.mod_revision}"
    raise Unavailable(f"{words}: no matching prefix found")


class _Watch:
    def __init__(self, inner: Watch, store: EncryptingStore) -> None:
        self._inner = inner
        self._store = store

    def __aiter__(self) -> AsyncIterator[Batch]:
        return self

    async def __anext__(self) -> Batch:
        batch = await self._inner.__anext__()
        if not batch.events:
            return batch
        return Batch(batch.revision, tuple(map(self._store.opened_event, batch.events)))

    async def aclose(self) -> None:
        """Stop receiving."""
        await self._inner.aclose()
