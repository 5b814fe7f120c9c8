"""Ordered start and stop of long-lived parts.

A long-lived part is a coroutine function `serve(ready)`: it sets `ready` once it can be used and runs until cancelled.
`running` nests such parts: they start left to right, stop right to left, and a crash anywhere ends the whole block.

    async with running("store", store.serve), running("apiserver", server.serve):
        ...
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

Serve = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


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
