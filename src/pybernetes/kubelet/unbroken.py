"""Calls that make something and must not be left half-way when the caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(call: Coroutine[Any, Any, T]) -> T:
    """A call that makes something: when cancelled, see it through, so that nothing appears after the last look."""
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
