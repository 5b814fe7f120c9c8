"""The work queue of a controller: keys to look at, each at most once, never two workers on one key.

                       add                    get                      done
      (nowhere) ─────────────▶ waiting ─────────────▶ processing ─────────────▶ (nowhere)
                                  ▲                        │ add while processing
                                  └───────── done ◀── processing and dirty

A key that is added while it waits is not added twice; added while it is being processed it comes back after `done`, so
no change is ever missed. `add_after` keeps one timer per key, the earliest. `add_rate_limited` waits 5 ms for the first
failure of a key and doubles up to 1000 s; `forget` starts over.
"""

import asyncio
from collections import deque

from .queue_metrics import QueueRecord

FIRST_RETRY_SECONDS = 0.005
LONGEST_RETRY_SECONDS = 1000.0


class WorkQueue:
    """Keys in the order they were first added. To be used on one event loop. `record` is told what happens."""

    def __init__(self, record: QueueRecord | None = None) -> None:
        self._record = record
        self._waiting: deque[str] = deque()
        self._dirty: set[str] = set()
        self._processing: set[str] = set()
        self._getters: deque[asyncio.Future[None]] = deque()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._failures: dict[str, int] = {}

    def __len__(self) -> int:
        """How many keys wait to be processed."""
        return len(self._waiting)

    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is processed (keys may still be due later)."""
        return not self._waiting and not self._processing

    def add(self, key: str) -> None:
        """Have the key processed (again)."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if self._record is not None:
            self._record.added(key)
        if key not in self._processing:
            self._waiting.append(key)
            self._wake()

    def add_after(self, key: str, seconds: float) -> None:
        """Add the key in `seconds`; an earlier timer of the same key stays, a later one is replaced."""
        if self._record is not None:
            self._record.retried()
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + seconds:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(seconds, self._due, key)

    def add_rate_limited(self, key: str) -> None:
        """Add the key after a wait that grows with its failures."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(FIRST_RETRY_SECONDS * 2.0 ** min(failures, 30), LONGEST_RETRY_SECONDS))

    def forget(self, key: str) -> None:
        """The key succeeded: its next failure waits as little as the first one."""
        self._failures.pop(key, None)

    def failures(self, key: str) -> int:
        """How often the key failed since `forget`."""
        return self._failures.get(key, 0)

    async def get(self) -> str:
        """The next key, which is being processed until `done`."""
        while not self._waiting:
            getter = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake()
                elif getter in self._getters:
                    self._getters.remove(getter)
                raise
        key = self._waiting.popleft()
        self._dirty.discard(key)
        self._processing.add(key)
        if self._record is not None:
            self._record.got(key)
        return key

    def done(self, key: str) -> None:
        """Processing of the key ended, well or not."""
        self._processing.discard(key)
        if self._record is not None:
            self._record.done(key)
        if key in self._dirty:
            self._waiting.append(key)
            self._wake()

    def close(self) -> None:
        """Cancel all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _due(self, key: str) -> None:
        del self._timers[key]
        self.add(key)

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
