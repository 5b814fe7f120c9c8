"""The keys that stored values are encrypted with: their key management services run here, and the file that names them
all may be followed."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial

from ...base.clock import Clock
from ..encryption.configuration import parse
from ..encryption.kms import Kms
from ..encryption.store import EncryptingStore
from .files import FollowedFiles
from .metrics import ReloadMetrics


class EncryptionKeys:
    """With `metrics` a changed file takes effect, provided that every service it names is well."""

    def __init__(self, store: EncryptingStore, path: str, clock: Clock, metrics: ReloadMetrics | None = None) -> None:
        self._store = store
        self._path = path
        self._clock = clock
        self._files = FollowedFiles("encryption", [path], self._apply, metrics) if metrics is not None else None
        self._group: asyncio.TaskGroup
        self._services: list[asyncio.Task[None]] = []

    @property
    def services(self) -> list[Kms]:
        """The key management services in use."""
        return list(self._store.kms.values())

    def checks(self) -> dict[str, Callable[[], str]]:
        """Health checks by name, "" for well: one of each service, or one of all when they may change."""
        if self._files is None:
            services = enumerate(self.services)
            return {f"kms-provider-{index}": partial(getattr, service, "health") for index, service in services}
        return {"kms-providers": self._health}

    def _health(self) -> str:
        return ", ".join(service.health for service in self.services if service.health)

    async def serve(self, ready: asyncio.Event) -> None:
        """Until cancelled; ready once every service was asked."""
        async with asyncio.TaskGroup() as self._group:
            self._services = await self._started(self._store.kms)
            if self._files is not None:
                await self._files.serve(ready)
            ready.set()
            await asyncio.get_running_loop().create_future()

    async def _started(self, kms: Mapping[str, Kms]) -> list[asyncio.Task[None]]:
        tasks = []
        for service in kms.values():
            ready = asyncio.Event()
            tasks.append(self._group.create_task(service.serve(ready), name="key management service"))
            await ready.wait()
        return tasks

    async def _apply(self, contents: list[bytes]) -> None:
        wanted = parse(contents[0], self._path, self._clock)
        started = await self._started(wanted.kms)
        sick = [service.health for service in wanted.kms.values() if service.health]
        unneeded = started
        if not sick:
            self._store.use(wanted)
            unneeded, self._services = self._services, started
        for task in unneeded:
            task.cancel()
        if sick:
            raise ValueError(", ".join(sick))
