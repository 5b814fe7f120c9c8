"""Ordered start and stop of long-lived parts.

A long-lived part is a coroutine function `serve(ready)`: it sets `ready` once it can be used and runs until cancelled.
`running` nests such parts: they start left to right, stop right to left, and a crash anywhere ends the whole block.

    async with running("store", store.serve), running("apiserver", server.serve):
        ...
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from .log import logger

log = logger(__name__)

Serve = Callable[[asyncio.Event], Coroutine[Any, Any, None]]

_STEADY_SECONDS = 30.0
_MAX_DELAY_SECONDS = 10.0


def restarting(name: str, make: Callable[[], Serve]) -> Serve:
    """A part that is made afresh whenever it fails, so that its failure does not end its neighbours.

    What a process of its own would get from its supervisor: the error is logged, the next try waits 0.1 s, then twice
    as long each time up to 10 s; half a minute of steady work starts the count anew.
    """

    async def serve(ready: asyncio.Event) -> None:
        delay = 0.1
        while True:
            began = time.monotonic()
            try:
                await make()(ready)
                return
            except Exception:
                log.exception("Part failed; it is started again", part=name)
            delay = 0.1 if time.monotonic() - began > _STEADY_SECONDS else min(delay * 2, _MAX_DELAY_SECONDS)
            await asyncio.sleep(delay)

    return serve


@asynccontextmanager
async def running(name: str, serve: Serve) -> AsyncIterator[None]:
    """Run serve(ready) for as long as the block lasts: enter when ready is set, stop it when the block ends.

    A crash of serve cancels the block and is raised (inside an ExceptionGroup) from it. If serve returns before it is
    ready, RuntimeError is raised instead of waiting for ever.
    """

    async def guarded(ready: asyncio.Event) -> None:
        await serve(ready)
        if not ready.is_set():
            raise RuntimeError(f"{name} ended before it was ready")

    async with asyncio.TaskGroup() as group:
        ready = asyncio.Event()
        task = group.create_task(guarded(ready), name=name)
        await ready.wait()
        yield
        task.cancel()
