"""How long an owner in the cache counts as history."""

import asyncio

from tests.support.clock import LoopClock, run_virtual

from pybernetes.api.core import Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.reconcile.freshness import REFUSED_SECONDS, WRITTEN_SECONDS, Freshness


def at(version: int) -> Pod:
    return Pod(metadata=ObjectMeta(name="x", resource_version=str(version)))


def test_own_write_is_waited_for() -> None:
    async def body() -> None:
        known = Freshness(LoopClock())
        assert not known.is_behind("k", at(5))
        known.written("k", at(9))
        assert known.is_behind("k", at(8))
        assert not known.is_behind("other", at(1))
        assert not known.is_behind("k", at(9))
        assert not known.is_behind("k", at(5))

    run_virtual(body())


def test_refused_state_is_history_for_a_while() -> None:
    async def body() -> None:
        known = Freshness(LoopClock())
        known.refused("k", at(5))
        assert known.is_behind("k", at(5))
        assert not known.is_behind("k", at(6))
        known.refused("k", at(5))
        await asyncio.sleep(REFUSED_SECONDS)
        assert not known.is_behind("k", at(5))

    run_virtual(body())


def test_lost_write_is_not_waited_for_ever() -> None:
    async def body() -> None:
        known = Freshness(LoopClock())
        known.written("k", at(900))
        await asyncio.sleep(WRITTEN_SECONDS - 1)
        assert known.is_behind("k", at(5))
        await asyncio.sleep(1)
        assert not known.is_behind("k", at(5))

    run_virtual(body())
