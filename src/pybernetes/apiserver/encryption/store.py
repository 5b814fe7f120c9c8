"""A store in front of the store: values of chosen resources are encrypted on their way in and decrypted on the way out.

What was read with an old key, or in the clear, is `stale`: a write that changes nothing is then made all the same, so
that writing every object once brings all of them under the new key. A past that was written with a key that is gone can
no longer be read and counts as compacted.

Values under a key management service (`kms.py`) need it once for every seed: it is asked before values are opened, and
whether a value is stale is told from the key it names now.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from ...store.store import Batch, Compacted, Conflict, Event, KeyValue, Page, Store, Unavailable, Watch
from .configuration import Encryption
from .providers import NotTransformable, Provider

if TYPE_CHECKING:
    from .kms import Kms

_PATIENCE = (0.1, 0.3, 1.0, 3.0, 10.0, 10.0, 10.0, 10.0, 10.0)
"""Seconds between the tries of a watch to have a seed decrypted."""


class EncryptingStore:
    """Implements Store."""

    def __init__(self, inner: Store, encryption: Encryption) -> None:
        self._inner = inner
        self._encryption = encryption
        self._stale: set[str] = set()
        self._kms_keys: dict[str, str] = {}
        """Storage key -> id of the KMS key, for values that the first provider has written with one."""
        self.kms = encryption.kms
        self._fresh: set[str] | None = None
        """Keys written under the present configuration; None for all that are not stale, as long as it is the first."""

    def use(self, encryption: Encryption) -> None:
        """Another configuration from now on. What was written before is stale: its first key may be another."""
        self._encryption = encryption
        self.kms = encryption.kms
        self._stale.clear()
        self._kms_keys.clear()
        self._fresh = set()

    def is_stale(self, key: str) -> bool:
        """Whether the stored value should be written anew."""
        if key in self._stale:
            return True
        if self._fresh is not None and key not in self._fresh and self._encryption.providers_for(key) is not None:
            return True
        under = self._kms_keys.get(key)
        return under is not None and under != self._writing_key(key)

    def _writing_key(self, key: str) -> str:
        """The KMS key that a value would now be written with, "" for another kind of provider."""
        providers = self._encryption.providers_for(key)
        return str(getattr(providers[0], "key_id", "")) if providers else ""

    async def serve(self, ready: asyncio.Event) -> None:
        """See Store."""
        await self._inner.serve(ready)

    async def revision(self) -> int:
        """See Store."""
        return await self._inner.revision()

    async def get(self, key: str, *, revision: int = 0) -> KeyValue | None:
        """See Store."""
        found = await self._inner.get(key, revision=revision)
        await self._learn((found,))
        return self._opened(found) if found is not None else None

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        """See Store."""
        page = await self._inner.list(prefix, revision=revision, limit=limit, after=after)
        try:
            await self._learn(page.items)
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
        under = ""
        if providers is not None:
            value, under = await self._encrypted(providers[0], key, value)
        try:
            revision = await self._inner.put(key, value, expected=expected, lease=lease, note=note)
        except Conflict as lost:
            raise await self._conflict(key, lost) from None
        self._noted(key, under)
        return revision

    async def delete(self, key: str, *, expected: int | None = None, note: bytes = b"") -> int:
        """See Store."""
        try:
            revision = await self._inner.delete(key, expected=expected, note=note)
        except Conflict as lost:
            raise await self._conflict(key, lost) from None
        self._noted(key, "")
        if self._fresh is not None:
            self._fresh.discard(key)
        return revision

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

    def _service_of(self, provider: Provider) -> "Kms | None":
        found = self.kms.get(getattr(provider, "name", ""))
        return found if found is provider else None

    async def _encrypted(self, provider: Provider, key: str, value: bytes) -> tuple[bytes, str]:
        """The stored form and the KMS key it is under."""
        service = self._service_of(provider)
        if service is not None:
            await service.prepare()
        try:
            return provider.encrypt(value, key.encode()), service.key_id if service is not None else ""
        except NotTransformable as error:
            raise Unavailable(str(error)) from None

    def _noted(self, key: str, under: str) -> None:
        """What was written now is fresh."""
        self._stale.discard(key)
        if self._fresh is not None:
            self._fresh.add(key)
        if under:
            self._kms_keys[key] = under
        else:
            self._kms_keys.pop(key, None)

    async def _learn(self, found: Iterable[KeyValue | None], delays: Sequence[float] = ()) -> None:
        """Have the key management services decrypt what is needed to open these values. Unavailable."""
        if not self.kms:
            return
        for kv in found:
            if kv is None or not kv.value or self._encryption.providers_for(kv.key) is None:
                continue
            try:
                for service in self.kms.values():
                    await service.learn(kv.value, delays)
            except NotTransformable as error:
                raise _untransformable(kv, str(error)) from None

    async def learn_patiently(self, events: Iterable[Event]) -> None:
        """As `_learn` for a watch, which does not end because a service is away for a while."""
        await self._learn((kv for event in events for kv in (event.kv, event.previous)), _PATIENCE)

    async def _conflict(self, key: str, lost: Conflict) -> Conflict:
        await self._learn((lost.current,))
        return Conflict(key, self._opened(lost.current) if lost.current is not None else None)

    def _opened(self, found: KeyValue) -> KeyValue:
        providers = self._encryption.providers_for(found.key)
        if providers is None or not found.value:
            return found
        value, fresh = _decrypted(providers, found)
        service = self._service_of(providers[0])
        self._noted(found.key, service.key_of(found.value) if service is not None else "")
        if not fresh:
            self._stale.add(found.key)
            if self._fresh is not None:
                self._fresh.discard(found.key)
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
        raise _untransformable(found, str(error)) from None
    raise _untransformable(found, "no matching prefix found")


def _untransformable(found: KeyValue, why: str) -> Unavailable:
    words = f"data from the storage is not transformable key={found.key} revision={found.mod_revision}"
    return Unavailable(f"{words}: {why}")


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
        await self._store.learn_patiently(batch.events)
        return Batch(batch.revision, tuple(map(self._store.opened_event, batch.events)))

    async def aclose(self) -> None:
        """Stop receiving."""
        await self._inner.aclose()
