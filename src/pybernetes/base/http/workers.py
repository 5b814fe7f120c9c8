"""Tasks that are used again: a request that needs no waiting runs inside the callback that received it.

`asyncio.create_task` costs an object, a pass through the ready queue and a context copy for each request. Here a worker
is a task that, when its job is done, parks on a `_Parking` and is put into a pool. `Workers.run(job)` takes a parked
worker and continues it at once, within the caller's frame; if the job has to wait, the worker is suspended like any
task, so `asyncio.timeout`, `current_task` and cancellation mean what they always mean.

A job is cancelled through `job.task`, which is set exactly while the job runs.
"""

import asyncio
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Protocol

from pybernetes.base import log

_MAX_IDLE = 128
"""Parked workers kept for reuse; a burst beyond that ends with its tasks."""


class Job(Protocol):
    """Something to be handled by a worker."""

    task: asyncio.Task[None] | None

    async def handle(self) -> None:
        """The work. Only CancelledError may leave it."""


class _Parking:
    """What an idle worker awaits: the part of a Future that `asyncio.Task` relies on, with a synchronous `wake`."""

    __slots__ = ("_asyncio_future_blocking", "_cancelled", "_context", "_loop", "_wakeup", "job", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._cancelled = False
        self._context: Context | None = None
        self._loop = loop
        self._wakeup: Callable[[Any], None] | None = None
        self.job: Job | None = None
        self.task: asyncio.Task[None] | None = None

    def wake(self, job: Job) -> None:
        """Continue the parked worker with this job, now. Not from within a task."""
        if not self.usable:
            job.task = None  # cancelled since it was given the job
            return
        self.job = job
        wakeup, self._wakeup = self._wakeup, None
        assert wakeup is not None and self._context is not None
        # In the task's own context: a context variable set before the first wait is reset after it.
        self._context.run(wakeup, self)

    @property
    def usable(self) -> bool:
        return self._wakeup is not None and not self._cancelled

    def __await__(self) -> Generator[Any, None, None]:
        self._asyncio_future_blocking = True
        yield self

    # What asyncio.Task calls.

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(self, callback: Callable[[Any], None], *, context: Context | None = None) -> None:
        self._wakeup = callback
        self._context = context

    def result(self) -> None:
        if self._cancelled:
            raise asyncio.CancelledError

    def cancel(self, msg: Any = None) -> bool:
        if self._wakeup is None or self._cancelled:
            return False
        self._cancelled = True
        self._loop.call_soon(self._wakeup, self)
        return True


class Workers:
    """A pool of reusable tasks on one event loop."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._idle: list[_Parking] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def run(self, job: Job) -> None:
        """Start the job: at once on a parked worker, otherwise in the next turn of the loop.

        "At once" needs a callback of the loop (a protocol method) as the caller, since tasks do not nest.
        """
        while self._idle:
            parking = self._idle.pop()
            if parking.usable:
                job.task = parking.task
                if asyncio.current_task(self._loop) is None:
                    parking.wake(job)
                else:
                    self._loop.call_soon(parking.wake, job)
                return
        parking = _Parking(self._loop)
        parking.job = job
        parking.task = job.task = task = self._loop.create_task(self._work(parking), name=self._name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, parking: _Parking) -> None:
        while (job := parking.job) is not None:
            parking.job = None
            try:
                await job.handle()
            finally:
                job.task = None
            del job  # a parked worker keeps nothing of its last request alive
            log.context.set(None)
            if len(self._idle) >= _MAX_IDLE:
                return
            self._idle.append(parking)
            await parking

    async def close(self) -> None:
        """Cancel every worker, parked or busy, and wait for their end."""
        self._idle.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
