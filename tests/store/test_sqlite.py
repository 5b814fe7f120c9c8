"""The SQLite store keeps the contract, and what it promises about its file."""

from contextlib import asynccontextmanager

import pytest
from tests.contract.store import StoreContract

from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.tasks import running
from pybernetes.store.sqlite import SqliteStore


class TestSqliteStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _directory(self, tmp_path):
        self.path = tmp_path / "store.db"

    @asynccontextmanager
    async def running_store(self, *, clock=SYSTEM_CLOCK, watcher_limit=8192):
        store = SqliteStore(self.path, clock=clock, watcher_limit=watcher_limit)
        async with running("store", store.serve):
            yield store
