"""Memory that was freed goes back to the system.

glibc gives back by itself only what is free at the end of a heap: one small object that lives on after a busy hour
keeps everything below it. `malloc_trim` gives back every page that is free; it takes some milliseconds for a heap of
100 MiB, in which other threads may wait for memory, and so is called once a minute. Other C libraries do without.
"""

import asyncio
import ctypes
from collections.abc import Callable

INTERVAL_SECONDS = 60.0


def _trimmer() -> Callable[[int], object] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None


async def give_back() -> None:
    """Return what is free, now and then, until cancelled."""
    trim = _trimmer()
    while trim is not None:
        await asyncio.sleep(INTERVAL_SECONDS)
        await asyncio.to_thread(trim, 0)
