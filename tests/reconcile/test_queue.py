"""The work queue and the worker loop."""

import asyncio

from tests.support.clock import settled

from pybernetes.api.status import conflict
from pybernetes.base.tasks import running
from pybernetes.reconcile.controller import Controller, Result, TerminalError
from pybernetes.reconcile.expectations import EXPIRY_SECONDS, Expectations
from pybernetes.reconcile.manager import is_enabled
from pybernetes.reconcile.queue import WorkQueue


async def test_key_added_twice_is_processed_once() -> None:
    queue = WorkQueue()
    queue.add("a")
    queue.add("a")
    assert len(queue) == 1


async def test_key_added_while_processed_comes_back_after_done() -> None:
    queue = WorkQueue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"


async def test_earliest_timer_of_a_key_counts() -> None:
    queue = WorkQueue()
    loop = asyncio.get_running_loop()
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    await queue.get()
    assert loop.time() == 5


async def test_failures_wait_longer_each_time_until_forgotten() -> None:
    queue = WorkQueue()
    loop = asyncio.get_running_loop()
    waits = []
    for _ in range(4):
        began = loop.time()
        queue.add_rate_limited("a")
        queue.done(await queue.get())
        waits.append(round(loop.time() - began, 4))
    assert waits == [0.005, 0.01, 0.02, 0.04]
    queue.forget("a")
    assert queue.failures("a") == 0


async def test_cancelled_getter_does_not_lose_a_key() -> None:
    queue = WorkQueue()
    first = asyncio.ensure_future(queue.get())
    second = asyncio.ensure_future(queue.get())
    await settled()
    queue.add("a")
    first.cancel()
    assert await second == "a"


async def test_outcomes_of_a_reconcile() -> None:
    loop = asyncio.get_running_loop()
    runs: dict[str, list[float]] = {}

    async def reconcile(key: str) -> Result | None:
        times = runs.setdefault(key, [])
        times.append(loop.time())
        if len(times) > 2:
            return None
        if key == "again":
            return Result(7.0)
        if key == "conflict":
            raise conflict("", "pods", "p")
        if key == "crash":
            raise RuntimeError("on purpose")
        if key == "terminal":
            raise TerminalError("on purpose")
        return None

    controller = Controller("test", reconcile, workers=2)
    async with running("controller", controller.serve):
        for key in ("fine", "again", "conflict", "crash", "terminal"):
            controller.enqueue(key)
        await asyncio.sleep(60)
    assert {key: len(times) for key, times in runs.items()} == {
        "fine": 1,
        "again": 3,
        "conflict": 3,
        "crash": 3,
        "terminal": 1,
    }
    assert runs["again"] == [0.0, 7.0, 14.0]


async def test_one_key_is_never_reconciled_twice_at_once() -> None:
    at_once = 0
    most = 0

    async def reconcile(key: str) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(1)
        at_once -= 1

    controller = Controller("test", reconcile, workers=4)
    async with running("controller", controller.serve):
        for _ in range(10):
            controller.enqueue("a")
            await asyncio.sleep(0.3)
        await asyncio.sleep(5)
    assert most == 1


def test_expectations_are_met_by_what_is_seen() -> None:
    expected = Expectations()
    expected.expect_creations("k", 2, 0.0)
    assert expected.wait_seconds("k", 1.0) == EXPIRY_SECONDS - 1.0
    expected.created("k")
    expected.created("k")
    assert expected.wait_seconds("k", 1.0) == 0.0
    expected.expect_deletions("k", {"u"}, 0.0)
    assert expected.wait_seconds("k", 1.0) > 0
    expected.deleted("k", "u")
    assert expected.wait_seconds("k", 1.0) == 0.0


def test_expectations_expire() -> None:
    expected = Expectations()
    expected.expect_creations("k", 2, 0.0)
    assert expected.wait_seconds("k", EXPIRY_SECONDS + 1) == 0.0


def test_selection_of_controllers() -> None:
    assert is_enabled("a", ("*",), True)
    assert not is_enabled("a", ("*", "-a"), True)
    assert not is_enabled("a", ("*",), False)
    assert is_enabled("a", ("*", "a"), False)
    assert not is_enabled("b", ("a",), True)
