"""API servers on one store know of each other."""

import asyncio
from contextlib import asynccontextmanager

from tests.contract.store import FakeClock

from pybernetes.apiserver.peers import LEASE_SECONDS, PREFIX, Peers
from pybernetes.base.tasks import running
from pybernetes.store.memory import MemoryStore


class Told:
    """Records who is alive; `until` waits for it."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self._changed = asyncio.Condition()

    async def __call__(self, addresses: list[str]) -> None:
        async with self._changed:
            self.addresses = addresses
            self._changed.notify_all()

    async def until(self, *addresses: str) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: self.addresses == list(addresses))


@asynccontextmanager
async def peer(store, address, clock):
    told = Told()
    async with running("peers", Peers(store, address, told, clock).serve):
        yield told


async def test_each_server_learns_of_the_others_that_come_and_leave():
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    async with running("store", store.serve), peer(store, "10.0.0.1", clock) as first:
        await first.until("10.0.0.1")
        async with peer(store, "10.0.0.2", clock) as second:
            await first.until("10.0.0.1", "10.0.0.2")
            await second.until("10.0.0.1", "10.0.0.2")
        await first.until("10.0.0.1")


async def test_a_killed_server_is_gone_when_its_lease_ends():
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    async with running("store", store.serve), peer(store, "10.0.0.1", clock) as first:
        await store.put(PREFIX + "10.0.0.9", b"", lease=await store.grant(LEASE_SECONDS))
        await first.until("10.0.0.1", "10.0.0.9")
        for _ in range(4):
            await clock.advance(LEASE_SECONDS / 3)
        await first.until("10.0.0.1")


async def test_a_server_whose_lease_was_lost_comes_back():
    clock = FakeClock()
    store = MemoryStore(clock=clock)
    async with (
        running("store", store.serve),
        peer(store, "10.0.0.1", clock),
        peer(store, "10.0.0.2", clock) as told,
    ):
        await told.until("10.0.0.1", "10.0.0.2")
        held = await store.get(PREFIX + "10.0.0.1")
        assert held is not None
        await store.revoke(held.lease)
        await told.until("10.0.0.2")
        await clock.advance(LEASE_SECONDS / 3)
        await told.until("10.0.0.1", "10.0.0.2")
