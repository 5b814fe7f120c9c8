"""The resource quota controller: `status.used` of every ResourceQuota is what there is.

    limits changed                             ─▶ key of the quota ─▶ count what its limits are about ─▶ status
    an object that costs something is deleted
    or changes its cost                        ─▶ the quotas of its namespace that count it
    status changed, or an object appears       ─▶ the same, five minutes later

Admission adds to `used` before an object is created; this controller takes away again, and starts the count. A count
right after a charge would not see the object that was paid for and give its cost away twice, so what a charge wakes is
looked at later (upstream's `--resource-quota-sync-period`). What was created while limits were new, before admission
knew of them, is found a second after by a count that only raises.

What an object costs is decided by `api/quota`, for both alike. Pods, services and claims are read from the shared
caches; of all else only the number counts, so its metadata is watched, from when the first quota names it.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from ..api.codec import to_wire
from ..api.core import PersistentVolumeClaim, Pod, ResourceQuota, Service
from ..api.dynamic_resource import ResourceClaim
from ..api.quota import amounts, equal, sources, texts, total_usage
from ..api.resource import ResourceInfo, resource, resources
from ..client.discovery import discover
from ..client.informer import Handler, Informer
from ..client.view import PartialObject, key_of, metadata_view, split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.pods import is_terminal
from ..reconcile.sources import source

TYPED: dict[str, type[Any]] = {
    "pods": Pod,
    "services": Service,
    "persistentvolumeclaims": PersistentVolumeClaim,
    "resourceclaims.resource.k8s.io": ResourceClaim,
}
UNKNOWN_RESOURCE_SECONDS = 300.0
SETTLE_SECONDS = 1.0
SYNC_SECONDS = 300.0
FIRST_LIST_SECONDS = 60.0
_GONE = "gone "
"""Before a resource: it is no longer served. No key of a quota begins so."""


def changes_cost(old: Any, new: Any) -> bool:
    """Whether a change can change what an object costs."""
    if old is None or new is None:
        return True
    if (old.metadata.deletion_timestamp is None) != (new.metadata.deletion_timestamp is None):
        return True
    if isinstance(new, Pod):
        return is_terminal(old) != is_terminal(new) or old.metadata.generation != new.metadata.generation
    return bool(old.spec != new.spec)


class _UnknownResource(LookupError):
    """A quota counts a resource nobody serves (yet)."""


class ResourceQuotaController:
    """See the module docstring. Keys are those of quotas."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._informers = context.informers
        self._quotas = context.informers.of(ResourceQuota)
        self._watched: dict[str, tuple[Informer[Any], Handler[Any]]] = {}
        self._controller = context.controller(
            "resourcequota_primary", self._reconcile, workers=context.config.concurrent_reconciles
        )
        source(self._quotas, self._controller.enqueue, when=_concerns_limits)
        source(self._quotas, self._enqueue_later, when=_concerns_status)
        self._waiting: set[str] = set()
        self._fresh: set[str] = set()
        definitions = context.informers.of(metadata_view(resource("customresourcedefinitions", "apiextensions.k8s.io")))
        definitions.add_handler(self._definition_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _enqueue_later(self, key: str) -> None:
        self._controller.enqueue_after(key, SYNC_SECONDS)

    def _definition_changed(self, old: PartialObject | None, new: PartialObject | None) -> None:
        """A new kind may be what quotas count in vain so far; the objects of one that is gone are followed no more."""
        if new is None and old is not None and old.metadata.name in self._watched:
            self._controller.enqueue(f"{_GONE}{old.metadata.name}")
        for key in self._waiting:
            self._controller.enqueue_after(key, SETTLE_SECONDS)

    async def _reconcile(self, key: str) -> Result | None:
        if key.startswith(_GONE):
            await self._leave(key.removeprefix(_GONE))
            return None
        namespace, name = split_key(key)
        quota = self._quotas.get(name, namespace)
        self._waiting.discard(key)
        only_raises = key in self._fresh
        self._fresh.discard(key)
        if quota is None:
            return None
        hard = quota.spec.hard or {}
        is_new = not equal(amounts(quota.status.hard), amounts(hard))
        caches: dict[str, Informer[Any]] = {}
        unknown = False
        for group_resource in sources(hard):
            try:
                caches[group_resource] = await self._cache_of(group_resource)
            except _UnknownResource:
                unknown = True
        now = self._clock.now()
        measured = total_usage(to_wire(quota), _reader(caches, namespace), now)
        used = {limit: amount for limit, amount in amounts(quota.status.used).items() if limit in hard}
        for limit, amount in measured.items():
            if _is_known(limit, caches):
                used[limit] = max(amount, used.get(limit, amount)) if only_raises and not is_new else amount
        if is_new or not equal(amounts(quota.status.used), used):
            status = msgspec.structs.replace(quota.status, hard=dict(hard) or None, used=texts(used) or None)
            await self._client.update_status(msgspec.structs.replace(quota, status=status))
        waits: list[float] = []
        if is_new:
            self._fresh.add(key)
            waits.append(SETTLE_SECONDS)
        elif only_raises:
            waits.append(SYNC_SECONDS)
        if unknown:
            self._waiting.add(key)
            waits.append(UNKNOWN_RESOURCE_SECONDS)
        if "pods" in caches:
            waits += _overdue(caches["pods"].list(namespace), now)
        return Result(min(waits)) if waits else None

    async def _cache_of(self, group_resource: str) -> Informer[Any]:
        """The cache of a resource, in sync; its changes wake quotas from now on."""
        typed = TYPED.get(group_resource)
        informer: Informer[Any] = self._informers.of(typed or metadata_view(await self._info_of(group_resource)))
        watched = self._watched.get(group_resource)
        if watched is None or watched[0] is not informer:
            handler = self._waker(group_resource, typed)
            self._watched[group_resource] = informer, handler
            informer.add_handler(handler)
        try:
            async with asyncio.timeout(FIRST_LIST_SECONDS):
                await informer.synced.wait()
        except TimeoutError:
            raise _UnknownResource(group_resource) from None
        return informer

    async def _leave(self, group_resource: str) -> None:
        """Its objects are followed no more; quotas that count them wait until it is served again."""
        watched = self._watched.pop(group_resource, None)
        if watched is not None:
            await self._informers.leave(*watched)
        for quota in self._quotas.list():
            if group_resource in sources(quota.spec.hard or ()):
                self._controller.enqueue(key_of(quota))

    async def _info_of(self, group_resource: str) -> ResourceInfo:
        watched = self._watched.get(group_resource)
        if watched is not None:
            return watched[0].view.resource
        for info in resources().values():
            if info.group_resource == group_resource and info.enabled:
                return info
        for info in (await discover(self._client)).resources:
            if info.group_resource == group_resource:
                return info
        raise _UnknownResource(group_resource)

    def _waker(self, group_resource: str, typed: type[Any] | None) -> Callable[[Any, Any], None]:
        def changed(old: Any, new: Any) -> None:
            is_typed = typed is not None
            if not (changes_cost(old, new) if is_typed else old is None or new is None):
                return
            obj = new if new is not None else old
            for quota in self._quotas.list(obj.metadata.namespace or ""):
                if group_resource not in sources(quota.spec.hard or ()):
                    continue
                key = key_of(quota)
                if old is None:
                    self._enqueue_later(key)
                else:
                    self._fresh.discard(key)
                    self._controller.enqueue(key)

        return changed


def _reader(caches: dict[str, Informer[Any]], namespace: str) -> Callable[[str], Iterable[dict[str, Any]]]:
    """Gives the objects of a resource in wire form; those that are only counted are empty."""

    def objects(group_resource: str) -> Iterator[dict[str, Any]]:
        cache = caches.get(group_resource)
        if cache is None:
            return
        for obj in cache.list(namespace):
            yield to_wire(obj) if group_resource in TYPED else {}

    return objects


def _is_known(limit: str, caches: dict[str, Informer[Any]]) -> bool:
    """Whether everything this limit counts could be read."""
    return sources((limit,)) <= caches.keys()


def _overdue(pods: Iterable[Pod], now: datetime) -> list[float]:
    """In how many seconds pods that should have ended by then stop to count."""
    waits = []
    for pod in pods:
        deleted_at = pod.metadata.deletion_timestamp
        if deleted_at is not None and not is_terminal(pod):
            seconds = (deleted_at - now).total_seconds() + (pod.metadata.deletion_grace_period_seconds or 0) + 1
            if seconds > 0:
                waits.append(seconds)
    return waits


def _concerns_limits(old: ResourceQuota | None, new: ResourceQuota | None) -> bool:
    """Whether the limits need a look."""
    return new is not None and (old is None or old.spec != new.spec)


def _concerns_status(old: ResourceQuota | None, new: ResourceQuota | None) -> bool:
    """Whether somebody charged the quota, or wrote its status otherwise."""
    return old is not None and new is not None and old.status != new.status
