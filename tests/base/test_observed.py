"""What a supervisor's observer knows of a part: runs, ends, health."""

import asyncio

import pytest

from pybernetes.base.observed import ObservedPart, exit_code
from pybernetes.base.tasks import Serve, restarting, running


def part_that(*ends: BaseException | None) -> Serve:
    """Each run is up at once and ends in turn: by an error, or by returning; after these it goes on for ever."""
    left = list(ends)

    async def serve(ready: asyncio.Event) -> None:
        ready.set()
        if not left:
            await asyncio.get_running_loop().create_future()
        end = left.pop(0)
        if end is not None:
            raise end

    return serve


async def test_a_part_is_ready_once_it_says_so() -> None:
    part, go = ObservedPart(), asyncio.Event()

    async def serve(ready: asyncio.Event) -> None:
        await go.wait()
        ready.set()
        await asyncio.get_running_loop().create_future()

    ready = asyncio.Event()
    task = asyncio.create_task(part.observed(serve)(ready))
    await asyncio.sleep(0)
    assert part.is_running and not part.is_ready
    go.set()
    await ready.wait()
    assert part.is_ready and part.restarts == 0
    task.cancel()
    await asyncio.wait([task])
    assert part.last_end is None, "to be cancelled is no failure"


async def test_failures_are_counted_and_the_last_one_is_told() -> None:
    part, steady = ObservedPart(), asyncio.Event()
    changes: list[tuple[bool, bool]] = []

    def changed() -> None:
        changes.append((part.is_running, part.is_ready))
        if part.restarts == 2 and part.is_ready:
            steady.set()

    part.follow(changed)
    serve = part_that(ValueError("one"), ExceptionGroup("g", [OSError("two")]))
    async with running("part", restarting("part", lambda: part.observed(serve))):
        async with asyncio.timeout(60):
            await steady.wait()
    assert part.last_end is not None
    assert (part.last_end.exit_code, part.last_end.message) == (1, "OSError: two")
    assert part.first_started_at is not None and part.started_at is not None
    assert part.first_started_at <= part.last_end.started_at <= part.last_end.finished_at <= part.started_at
    assert changes == [(True, False), (True, True), (False, False)] * 2 + [(True, False), (True, True)]


async def test_a_part_that_returns_has_ended_well() -> None:
    part = ObservedPart()
    await part.observed(part_that(None))(asyncio.Event())
    assert part.last_end is not None and part.last_end.exit_code == 0 and not part.is_running


async def never() -> str:
    await asyncio.get_running_loop().create_future()
    return ""


def broken() -> str:
    raise RuntimeError("no check")


async def test_what_the_health_check_says_counts_while_the_part_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pybernetes.base.observed.CHECK_SECONDS", 0.01)
    part = ObservedPart()
    part.health = broken
    await part.look()
    assert part.problem == "", "what is not up is not asked"
    async with running("part", part.observed(part_that())):
        for check, problem in ((broken, "RuntimeError: no check"), (never, "no answer"), (lambda: "ill", "ill")):
            part.health = check
            await part.look()
            assert (part.problem, part.is_ready) == (problem, False)
        part.health = lambda: ""
        changes: list[bool] = []
        leave = part.follow(lambda: changes.append(part.is_ready))
        await part.look()
        await part.look()
        leave()
        part.health = broken
        await part.look()
        assert changes == [True], "only changes are told, and only to those who follow"


def test_exit_codes_are_those_of_a_shell() -> None:
    assert [exit_code(code) for code in (0, 1, -9)] == [0, 1, 137]
