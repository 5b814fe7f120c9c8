"""What is known of a long-lived part by whoever starts it: since when it runs, how often, whether it is well.

    began ──▶ up ──▶ ended ──▶ began ...        each of them, and a changed `problem`, is told to the followers

A part of this process is observed by wrapping its `serve` (`ObservedPart.observed`); whoever runs a child process tells
the same three things by itself. `look` asks the part's own health check. Cancelling a part ends the observation and is
no failure: its process is ending.
"""

import asyncio
import os
from collections.abc import Callable
from datetime import datetime

import msgspec

from .clock import SYSTEM_CLOCK, Clock
from .http.health import Check, result
from .tasks import Serve

CHECK_SECONDS = 2.0


class End(msgspec.Struct, frozen=True, kw_only=True):
    """How a run of the part ended."""

    pid: int
    started_at: datetime
    finished_at: datetime
    exit_code: int
    """As a process would: 0, 1 after an error, 128 + N after signal N."""
    message: str = ""
    reason: str = ""
    """Where the exit code does not tell it."""


def exit_code(code: int) -> int:
    """A return code as Python gives it (-9 for SIGKILL), as a shell gives it (137)."""
    return 128 - code if code < 0 else code


class ObservedPart:
    """See the module docstring. `health` is asked by `look`; without it a part that is up is well."""

    def __init__(self, clock: Clock = SYSTEM_CLOCK) -> None:
        self._clock = clock
        self._followers: list[Callable[[], None]] = []
        self._is_up = False
        self._runs = 0
        self.health: Check | None = None
        self.pid = 0
        self.first_started_at: datetime | None = None
        self.started_at: datetime | None = None
        """Of the present run, or of the last one."""
        self.is_running = False
        self.problem = ""
        """What the health check said last."""
        self.last_end: End | None = None

    @property
    def restarts(self) -> int:
        """How often it was started after the first time."""
        return max(0, self._runs - 1)

    @property
    def is_ready(self) -> bool:
        """Whether it runs, is up, and was well when it was looked at last."""
        return self.is_running and self._is_up and not self.problem

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever something is different; the result ends that."""
        self._followers.append(changed)
        return lambda: self._followers.remove(changed)

    def began(self, pid: int) -> None:
        """A run begins."""
        self.pid, self.started_at, self.is_running, self._is_up = pid, self._clock.now(), True, False
        self.first_started_at = self.first_started_at or self.started_at
        self._runs += 1
        self._tell()

    def up(self) -> None:
        """The run can be used."""
        self._is_up = True
        self._tell()

    def ended(self, code: int, message: str = "") -> None:
        """The run is over, without anybody having wanted it."""
        started = self.started_at
        assert started is not None, "ended before it began"
        self.is_running = self._is_up = False
        self.last_end = End(
            pid=self.pid, started_at=started, finished_at=self._clock.now(), exit_code=code, message=message
        )
        self._tell()

    def observed(self, serve: Serve) -> Serve:
        """The same part, whose runs are noted here."""

        async def run(ready: asyncio.Event) -> None:
            self.began(os.getpid())
            try:
                await serve(_Ready(ready, self.up))
            except Exception as error:
                self.ended(1, _text(error))
                raise
            self.ended(0)

        return run

    async def look(self) -> None:
        """Ask the health check of a part that is up."""
        if not self._is_up or self.health is None:
            return
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                problem = await result(self.health)
        except TimeoutError:
            problem = "no answer"
        except Exception as error:  # a check that fails says the same as one that reports a failure
            problem = _text(error)
        if problem != self.problem:
            self.problem = problem
            self._tell()

    def _tell(self) -> None:
        for changed in list(self._followers):
            changed()


class _Ready(asyncio.Event):
    """Passes on that it was set."""

    def __init__(self, outer: asyncio.Event, then: Callable[[], None]) -> None:
        super().__init__()
        self._outer = outer
        self._then = then

    def set(self) -> None:
        if not self.is_set():
            super().set()
            self._outer.set()
            self._then()


def _text(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"
