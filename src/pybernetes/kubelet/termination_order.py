"""In which order the containers of an ending pod go (KEP-753): regular ones together, then sidecars, last one first.

    all kills begin at once ──▶ each runs its preStop hook ──▶ `wait` for its turn ──▶ SIGTERM, SIGKILL

So the hooks of all run at the same time, and only the signals are in order. Whoever waits spends its own grace period:
a sidecar whose turn has not come by then is stopped all the same.
"""

import asyncio
from collections.abc import Iterable

from ..base.clock import Clock


class TerminationTurns:
    """Who of one pod still runs, for the kills that wait for others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._active: frozenset[str] = frozenset()
        self._changed = asyncio.Event()

    def observed(self, active: Iterable[str]) -> None:
        """The ids of the containers that run now."""
        self._active = frozenset(active)
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, others: Iterable[str], seconds: float) -> float:
        """Return once none of the others runs, or after so many seconds; the seconds that it took."""
        awaited = frozenset(others)
        began = self._clock.monotonic()
        try:
            async with asyncio.timeout(seconds):
                while awaited & self._active:
                    await self._changed.wait()
        except TimeoutError:
            pass
        return self._clock.monotonic() - began
