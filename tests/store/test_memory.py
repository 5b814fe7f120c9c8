"""The store in memory keeps the contract."""

from contextlib import asynccontextmanager

from tests.contract.store import StoreContract

from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @asynccontextmanager
    async def running_store(self, *, clock=SYSTEM_CLOCK, watcher_limit=8192):
        store = MemoryStore(clock=clock, watcher_limit=watcher_limit)
        async with running("store", store.serve):
            yield store
