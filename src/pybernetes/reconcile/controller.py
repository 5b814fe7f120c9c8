"""The worker loop of a controller: keys in, `reconcile(key)` out, and what its outcome means for the key.

    handlers ──enqueue──▶ WorkQueue ──▶ worker ──▶ reconcile(key)
                              ▲                        │ returned            the key is forgotten
                              │                        │ Result(seconds)     looked at again then
                              │                        │ raised              again with growing waits
                              └────────────────────────┤ TerminalError       reported, not repeated

A reconcile is level-triggered: the key is the whole message, each run reads all it needs, and running twice changes
nothing. Only this loop turns outcomes into queue calls. Keys are `namespace/name` or `name`.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from ..api.status import StatusError, is_conflict, is_not_found
from ..base.log import logger
from .queue import WorkQueue
from .queue_metrics import QueueRecord

log = logger(__name__)


class Result(msgspec.Struct, frozen=True):
    """Look at the key again after that many seconds at the latest (0: only when something changes)."""

    requeue_after_seconds: float = 0.0


class TerminalError(Exception):
    """Repeating will not help: report it and wait for the next change."""


LONGEST_WAIT_SECONDS = 600.0
"""Waits that were reckoned by the wall clock are wrong once it is set: no key waits longer for its next look."""

Reconcile = Callable[[str], Awaitable[Result | None]]


class Controller:
    """`workers` keys are reconciled at a time; one key never twice at once. `record` is told what the queue does."""

    def __init__(self, name: str, reconcile: Reconcile, *, workers: int = 2, record: QueueRecord | None = None) -> None:
        self.name = name
        self.queue = WorkQueue(record)
        self._reconcile = reconcile
        self._workers = workers

    def enqueue(self, key: str) -> None:
        """Have the key reconciled soon."""
        self.queue.add(key)

    def enqueue_after(self, key: str, seconds: float) -> None:
        """Have the key reconciled in so many seconds, unless it is due earlier anyway."""
        self.queue.add_after(key, seconds)

    async def serve(self, ready: asyncio.Event) -> None:
        """Reconcile until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for number in range(self._workers):
                    group.create_task(self._work(), name=f"{self.name} worker {number}")
                ready.set()
        finally:
            self.queue.close()

    async def _work(self) -> None:
        queue = self.queue
        while True:
            key = await queue.get()
            try:
                await self._run(key)
            finally:
                queue.done(key)

    async def _run(self, key: str) -> None:
        queue = self.queue
        try:
            result = await self._reconcile(key)
        except TerminalError as error:
            log.error("Reconcile failed for good", controller=self.name, key=key, err=error)
            queue.forget(key)
        except (StatusError, OSError, TimeoutError) as error:
            report = log.debug if is_conflict(error) or is_not_found(error) or queue.failures(key) < 3 else log.warning
            report("Reconcile failed; trying again", controller=self.name, key=key, err=error)
            queue.add_rate_limited(key)
        except Exception:
            log.exception("Reconcile crashed; trying again", controller=self.name, key=key)
            queue.add_rate_limited(key)
        else:
            queue.forget(key)
            if result is not None and result.requeue_after_seconds > 0:
                queue.add_after(key, min(result.requeue_after_seconds, LONGEST_WAIT_SECONDS))
