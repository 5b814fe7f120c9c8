"""Virtual time: an event loop whose clock jumps to the next timer as soon as every task waits.

    async def body() -> None:
        await asyncio.sleep(3600)          # takes no time
    run_virtual(body())

`LoopClock` is the matching `Clock`: its monotonic time is the loop's, its wall time starts at `START`. Only what waits
on this loop is known: work in threads is waited for before time jumps, sockets are not meant to be used under it.
Tests in a directory whose conftest names `VirtualLoop` in `pytest_asyncio_loop_factories` run on such loops.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)


class _JumpingSelector(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """A selector that never waits for time: it reports how long it would have waited."""

    def __init__(self, jump: Callable[[float], None], busy: Callable[[], bool]) -> None:
        super().__init__()
        self._jump = jump
        self._busy = busy

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self._busy():
            return super().select(5.0 if timeout is None and not self._busy() else None)
        self._jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """See the module docstring."""

    def __init__(self) -> None:
        self._virtual = 0.0
        self._in_threads = 0
        super().__init__(_JumpingSelector(self._advance, lambda: self._in_threads > 0))

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: Any = None) -> Any:
        """A loop runs timers that are due within its clock's resolution. Here no time would have passed by then, and
        who looks at the clock and waits for the rest would do so for ever: such a timer is due a little later."""
        if 0.0 < when - self._virtual < 2 * self._clock_resolution:
            when = self._virtual + 2 * self._clock_resolution
        return super().call_at(when, callback, *args, context=context)

    def time(self) -> float:
        return self._virtual

    def _advance(self, seconds: float) -> None:
        self._virtual += seconds

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:
        self._in_threads += 1
        future = super().run_in_executor(executor, func, *args)

        def ended(_: Any) -> None:
            self._in_threads -= 1

        future.add_done_callback(ended)
        return future


class LoopClock:
    """The Clock of the running loop. `offset` is how far somebody has set the wall clock."""

    def __init__(self, start: datetime = START) -> None:
        self._start = start
        self.offset = timedelta()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic()) + self.offset

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end on a virtual loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


async def settled(turns: int = 50) -> None:
    """Let everything that can run without time passing run."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def eventually(
    check: Callable[[], Any], *, within_seconds: float = 600.0, longest_step_seconds: float = 1.0
) -> Any:
    """Let virtual time pass until `check()` is true; AssertionError after `within_seconds` of it.

    It looks again after 0.05 s at first, and less and less often up to once in `longest_step_seconds`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_seconds
    step_seconds = 0.05
    while True:
        found = check()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return found
        if loop.time() >= deadline:
            raise AssertionError(f"not so within {within_seconds} s: {check}")
        await asyncio.sleep(step_seconds)
        step_seconds = min(step_seconds * 1.05, longest_step_seconds)
