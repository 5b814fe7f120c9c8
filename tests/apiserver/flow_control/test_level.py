"""Seats, queues and turns of a priority level; shares between levels; hands of queues."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apiserver.flow_control.level import Level, Rejected, Settings, Waiting
from pybernetes.apiserver.flow_control.shares import Bounds, allocate, bounds
from pybernetes.apiserver.flow_control.shuffle import hand, hash_of


class StillClock:
    """Time that moves when told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def level(limit: int, *, queues: int = 0, length: int = 50, hand_size: int = 1) -> Level:
    settings = Settings(
        name="l",
        uid="u",
        exempt=False,
        shares=1,
        lendable_percent=0,
        borrowing_percent=None,
        queues=queues,
        hand_size=hand_size,
        queue_length=length,
    )
    made = Level(settings, StillClock())
    made.limit = limit
    return made


async def test_without_queues_there_is_no_waiting() -> None:
    found = level(2)
    assert await found.wait(1, 0, "", 1) is None and await found.wait(1, 0, "", 1) is None
    with pytest.raises(Rejected, match="concurrency-limit"):
        await found.wait(1, 0, "", 1)
    found.leave(1, None, 0)
    assert await found.wait(1, 0, "", 1) is None


async def test_a_full_queue_refuses() -> None:
    found = level(1, queues=1, length=1)
    await found.wait(1, 0, "", 60)
    waiting = asyncio.create_task(found.wait(1, 0, "", 60))
    await asyncio.sleep(0)
    with pytest.raises(Rejected, match="queue-full"):
        await found.wait(1, 0, "", 60)
    found.leave(1, None, 0)
    assert await waiting is not None and found.in_use == 1


async def test_waiting_ends_after_its_time() -> None:
    found = level(1, queues=1)
    await found.wait(1, 0, "", 60)
    with pytest.raises(Rejected, match="time-out"):
        await found.wait(1, 0, "", 0.01)
    assert (found.waiting, found.in_use) == (0, 1)


async def test_who_goes_away_leaves_no_trace() -> None:
    found = level(1, queues=1)
    await found.wait(1, 0, "", 60)
    waiting = asyncio.create_task(found.wait(1, 0, "", 60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    found.leave(1, None, 0)
    assert (found.waiting, found.in_use) == (0, 0)


async def test_a_flood_does_not_hold_up_another_flow() -> None:
    found = level(1, queues=8)
    await found.wait(1, 0, "", 60)
    order: list[str] = []

    async def run(flow: str, value: int) -> None:
        turn = await found.wait(1, value, flow, 60)
        order.append(flow)
        found.leave(1, turn, 0.01)

    flood = [asyncio.create_task(run("flood", 1)) for _ in range(20)]
    await asyncio.sleep(0)
    quiet = [asyncio.create_task(run("quiet", 2)) for _ in range(3)]
    await asyncio.sleep(0)
    found.leave(1, None, 0)
    await asyncio.gather(*flood, *quiet)
    assert max(place for place, flow in enumerate(order) if flow == "quiet") <= 6
    assert found.in_use == found.waiting == 0


async def test_wide_requests_take_more_seats() -> None:
    found = level(4, queues=1)
    await found.wait(3, 0, "", 60)
    wide = asyncio.create_task(found.wait(10, 0, "", 60))
    await asyncio.sleep(0)
    assert not wide.done()
    found.leave(3, None, 0)
    turn = await wide
    assert turn is not None and turn.seats == found.in_use == 4


@given(st.integers(0, 2**64 - 1), st.integers(1, 512), st.integers(1, 8))
def test_a_hand_has_different_queues(value: int, deck: int, size: int) -> None:
    size = min(size, deck)
    found = hand(value, deck, size)
    assert len(set(found)) == size and all(0 <= card < deck for card in found)


def test_hands_are_spread_evenly() -> None:
    counts = [0] * 16
    for number in range(4000):
        for card in hand(hash_of("schema", str(number)), 16, 4):
            counts[card] += 1
    assert max(counts) < 1.2 * min(counts)


def test_nominal_limits_follow_the_shares() -> None:
    assert bounds(600, 40, 245, 50, None) == Bounds(98, 49, 600)
    assert bounds(600, 5, 245, 0, 0) == Bounds(13, 13, 13)


_bounds = st.builds(
    lambda nominal, lent, more: Bounds(nominal, nominal - lent % (nominal + 1), nominal + more),
    st.integers(1, 100),
    st.integers(0, 100),
    st.integers(0, 300),
)


@given(st.lists(st.tuples(_bounds, st.floats(0, 1000)), min_size=1, max_size=8))
def test_limits_stay_within_their_bounds(levels: list[tuple[Bounds, float]]) -> None:
    total = sum(limits.nominal for limits, _ in levels)
    found = allocate(total, levels)
    assert all(
        limits.lowest <= seats <= limits.highest or seats == 1 for seats, (limits, _) in zip(found, levels, strict=True)
    )
    assert sum(found) <= total + len(levels)


def test_idle_seats_are_lent() -> None:
    idle, busy = Bounds(50, 10, 100), Bounds(50, 50, 100)
    lent, borrowed = allocate(100, [(idle, 0.0), (busy, 500.0)])
    assert lent == 10 and 85 <= borrowed <= 90


async def test_a_turn_that_comes_to_one_who_has_just_gone() -> None:
    found = level(1, queues=1)
    await found.wait(1, 0, "", 60)
    gone, next_one = (asyncio.create_task(found.wait(1, 0, "", 60)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    found.leave(1, None, 0)  # before the cancelled task has run
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await next_one is not None
    assert (found.waiting, found.in_use, found.demand()) == (0, 1, 3)


arrival = st.tuples(st.just("arrive"), st.integers(1, 4), st.integers(0, 1 << 40))
departure = st.tuples(st.sampled_from(["leave", "give up"]), st.integers(0, 30), st.just(0))


@given(st.lists(st.one_of(arrival, departure), max_size=60))
def test_the_sums_that_are_kept_are_those_of_the_queues(steps: list[tuple[str, int, int]]) -> None:
    async def run() -> None:
        found = level(3, queues=4, length=5, hand_size=2)
        tasks: list[asyncio.Task[Waiting | None]] = []
        running = [await found.wait(3, 0, "", 60)]
        running_seats = [3]
        for kind, number, flow in steps:
            if kind == "arrive":
                tasks.append(asyncio.create_task(found.wait(number, flow, "", 60)))
            elif kind == "give up" and tasks:
                tasks[number % len(tasks)].cancel()
            elif running:
                at = number % len(running)
                found.leave(running_seats.pop(at), running.pop(at), 0.1)
            await asyncio.sleep(0)
            for task in [task for task in tasks if task.done()]:
                tasks.remove(task)
                if not task.cancelled() and task.exception() is None and (mine := task.result()) is not None:
                    running.append(mine)
                    running_seats.append(mine.seats)
            state = found.queues()
            assert found.waiting == sum(row[1] for row in state)
            queued = sum(request.seats for row in state for request in row[4])
            assert found._queued == queued
            assert found._busy == sum(1 for row in state if row[1] or row[2])
            assert found.in_use >= sum(row[2] for row in state)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(run())
