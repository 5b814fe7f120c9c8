"""A process that runs until it is told to end: its event loop, its limits, its signals and its housekeeping.

run(until_signal(kept(body, config)))      in which body ends by: await for_ever(progress)
"""

import asyncio
import contextlib
import gc
import resource
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from ...base import memory
from .. import log_files
from ..config import ClusterConfig
from ..progress import Progress

Body = Coroutine[Any, Any, None]
TOLD_TO_END = "told to end by a signal"
"""What a cancellation says that is no part's failure."""
_DESCRIPTORS = 65_536


def run(body: Body) -> None:
    """Run with the faster loop. The collector looks rarely: what lives long is large, what dies dies young. A thread
    that waits for the interpreter gets it after a millisecond: the store's writer works beside a busy loop (a batch in
    2 ms instead of 6). Of file descriptors, one for each connection, there are as many as may be had within reason (Go
    takes all, by itself)."""
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.001)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        import uvloop
    except ImportError:
        asyncio.run(body)
    else:
        uvloop.run(body)


async def until_signal(body: Body) -> None:
    """Cancel the body on SIGTERM and SIGINT, which is an end like any other."""
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(body)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel, TOLD_TO_END)
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def kept(body: Body, config: ClusterConfig) -> None:
    """With what every process does beside its work."""
    housekeeping = [
        asyncio.create_task(memory.give_back(), name="free memory"),
        asyncio.create_task(log_files.keep_small(config), name="log files"),
    ]
    try:
        await body
    finally:
        for task in housekeeping:
            task.cancel()


async def for_ever(progress: Progress, shut_down: Callable[[], Body] | None = None) -> None:
    """The start is over; until the signal, upon which a node is shut down while all of it still runs."""
    progress.finish()
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError as cancelled:
        if shut_down is not None and cancelled.args == (TOLD_TO_END,):
            await shut_down()
        raise
