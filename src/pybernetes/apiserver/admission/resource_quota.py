"""ResourceQuota: no namespace uses more than its quotas allow, however many requests come at once.

Requests of one namespace that arrive while a quota is being written wait and are then judged together, in order, and
charged in one write; the write is compare-and-swap, so several API servers stay exact too. A quota that was changed by
somebody else meanwhile is read again and judged anew.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from ...api import status
from ...api.quota import Amounts, equal, evaluator, texts
from ...api.quota.amounts import amounts
from ...api.resource import ResourceInfo, resource
from ...api.status import StatusError
from ...api.user import SYSTEM_MASTERS, UserInfo
from ...base.clock import Clock
from ..reader import Object, ObjectReader
from .plugin import AdmissionRequest
from .quota_check import Charge, Exceeded, LimitedResource, check

_ATTEMPTS = 16
_WRITER = UserInfo("system:apiserver", groups=(SYSTEM_MASTERS,))


Make = Callable[[Object], Object]


class QuotaStore(Protocol):
    """How quotas are read and charged; implemented over the registry (`assembly.py`)."""

    async def fetch(self, namespace: str, name: str) -> Object | None:
        """The quota as the store has it now."""

    async def update(self, namespace: str, name: str, make: Make, user: UserInfo) -> None:
        """Change its status; `make` gets a copy of the present quota. StatusError 404."""


class _Stale(StatusError):
    """The quota is not what the decision was made on. A StatusError, so that an old cache is looked behind first."""

    def __init__(self) -> None:
        super().__init__(409, "Conflict", "the quota has changed")


class _Waiter:
    __slots__ = ("charge", "charged", "done")

    def __init__(self, charge: Charge, done: "asyncio.Future[None]") -> None:
        self.charge = charge
        self.done = done
        self.charged: set[str] = set()

    def fail(self, error: Exception) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class ResourceQuota:
    """Follows upstream's plugin of the same name."""

    name = "ResourceQuota"

    def __init__(
        self, reader: ObjectReader, store: QuotaStore, clock: Clock, limited: Sequence[LimitedResource] = ()
    ) -> None:
        self._reader = reader
        self._store = store
        self._clock = clock
        self._limited = tuple(limited)
        self._quotas = resource("resourcequotas")
        self._waiting: dict[str, list[_Waiter]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.namespaced and evaluator(resource.group_resource).handles(operation, subresource)

    async def admit(self, request: AdmissionRequest) -> None:
        """Nothing: what an object costs is known when it is final."""

    async def validate(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin. StatusError 403 when a quota does not allow it."""
        quotas = self._present(request.namespace)
        if (not quotas and not self._limited) or request.object is None:
            return
        charge = Charge(
            group_resource=request.resource.group_resource,
            operation=request.operation,
            subresource=request.subresource,
            object=request.object,
            old_object=request.old_object,
            now=self._clock.now(),
        )
        try:
            if not check(charge, quotas, self._limited) or request.dry_run:
                return
            await self._charge(request.namespace, charge)
        except Exceeded as why:
            raise status.forbidden(request.resource.group, request.resource.plural, request.name, str(why)) from None

    def _present(self, namespace: str) -> dict[str, Object]:
        found = self._reader.list(self._quotas, namespace)
        return {quota["metadata"]["name"]: quota for quota in found}

    async def _charge(self, namespace: str, charge: Charge) -> None:
        waiter = _Waiter(charge, asyncio.get_running_loop().create_future())
        queue = self._waiting.get(namespace)
        if queue is None:
            self._waiting[namespace] = [waiter]
            task = asyncio.create_task(self._settle_all(namespace), name=f"quota {namespace}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            queue.append(waiter)
        await waiter.done

    async def _settle_all(self, namespace: str) -> None:
        """Batch after batch until nobody waits; a task of its own, so that no caller's end stops the others."""
        while batch := self._waiting[namespace]:
            self._waiting[namespace] = []
            try:
                await self._settle(namespace, batch)
            except StatusError as error:
                for waiter in batch:
                    waiter.fail(error)
        del self._waiting[namespace]

    async def _settle(self, namespace: str, batch: list[_Waiter]) -> None:
        """Decide for everyone of a batch."""
        quotas = self._present(namespace)
        for _ in range(_ATTEMPTS):
            batch = [waiter for waiter in batch if not waiter.done.done()]
            stale = await self._attempt(namespace, batch, quotas)
            if not stale:
                for waiter in batch:
                    if not waiter.done.done():
                        waiter.done.set_result(None)
                return
            for name in stale:
                fresh = await self._store.fetch(namespace, name)
                if fresh is None:
                    quotas.pop(name, None)
                else:
                    quotas[name] = fresh
        raise status.conflict("", "resourcequotas", "", "the quota changed too often, please try again")

    async def _attempt(self, namespace: str, batch: list[_Waiter], quotas: dict[str, Object]) -> list[str]:
        """Judge in order on a running total, then write; the names of quotas that were not what they seemed."""
        running = dict(quotas)
        changed: dict[str, list[_Waiter]] = {}
        for waiter in batch:
            remaining = {name: quota for name, quota in running.items() if name not in waiter.charged}
            try:
                charged = check(waiter.charge, remaining, self._limited)
            except Exceeded as why:
                waiter.fail(why)
                continue
            for name, used in charged.items():
                running[name] = _with_used(running[name], used)
                changed.setdefault(name, []).append(waiter)
        stale: list[str] = []
        for name, waiters in changed.items():
            if await self._write(namespace, name, quotas[name], running[name]):
                for waiter in waiters:
                    waiter.charged.add(name)
            else:
                stale.append(name)
        return stale

    async def _write(self, namespace: str, name: str, before: Object, after: Object) -> bool:
        base, used = before.get("status") or {}, after["status"]["used"]

        def make(current: Object) -> Object:
            found = current.get("status") or {}
            if not _same(found, base):
                raise _Stale
            current["status"] = {**found, "used": used}
            return current

        try:
            await self._store.update(namespace, name, make, _WRITER)
        except _Stale:
            return False
        except StatusError as error:
            if status.is_not_found(error):
                return False
            raise
        return True


def _with_used(quota: Object, used: Amounts) -> Object:
    return {**quota, "status": {**quota["status"], "used": texts(used)}}


def _same(found: Object, base: Object) -> bool:
    return all(equal(amounts(found.get(key)), amounts(base.get(key))) for key in ("hard", "used"))
