"""Leases: keys that go away by themselves unless somebody keeps their lease alive.

`Leases` is the pure table: which lease has which keys and until when. `expire` is the loop that waits for the next
deadline and calls the store back. A store gives every lease its full time again when it starts: nobody could keep a
lease alive while the store was down.
"""

import asyncio
from collections.abc import Awaitable, Callable
from heapq import heapify, heappop, heappush

import msgspec

from pybernetes.base.clock import Clock
from pybernetes.store.store import LeaseNotFound

_RETRY_SECONDS = 1.0


class Lease(msgspec.Struct):
    """One lease; deadline in seconds of the monotonic clock."""

    id: int
    ttl_seconds: int
    deadline: float
    keys: dict[str, None]


class Leases:
    """The table of leases. All instants are `Clock.monotonic` seconds."""

    def __init__(self) -> None:
        self._leases: dict[int, Lease] = {}
        self._lease_of: dict[str, int] = {}
        self._deadlines: list[tuple[float, int]] = []
        self.changed = asyncio.Event()
        """Set when the next deadline may have come closer."""

    def __contains__(self, lease: int) -> bool:
        return lease in self._leases

    def grant(self, lease: int, ttl_seconds: int, now: float) -> None:
        """Begin a lease (or give a known one its full time)."""
        known = self._leases.get(lease)
        deadline = now + ttl_seconds
        if known is None:
            self._leases[lease] = Lease(lease, ttl_seconds, deadline, {})
            heappush(self._deadlines, (deadline, lease))
            self.changed.set()
        else:
            known.deadline = deadline

    def keep_alive(self, lease: int, now: float) -> int:
        """Restart the lease's time; return its ttl in seconds. LeaseNotFound."""
        known = self._find(lease)
        known.deadline = now + known.ttl_seconds
        return known.ttl_seconds

    def _find(self, lease: int) -> Lease:
        known = self._leases.get(lease)
        if known is None:
            raise LeaseNotFound(f"lease {lease} does not exist")
        return known

    def attach(self, key: str, lease: int) -> None:
        """The key was written with this lease (0: with none). A lease that is gone leaves the key without one."""
        before = self._lease_of.get(key)
        if before is not None:
            if before == lease:
                return
            del self._lease_of[key]
            if before in self._leases:
                del self._leases[before].keys[key]
        if lease in self._leases:
            self._lease_of[key] = lease
            self._leases[lease].keys[key] = None

    def keys(self, lease: int) -> list[str]:
        """The keys that end with it. LeaseNotFound."""
        return list(self._find(lease).keys)

    def remove(self, lease: int) -> None:
        """End a lease; its keys, if any are left, stay."""
        known = self._leases.pop(lease, None)
        if known is not None:
            for key in known.keys:
                del self._lease_of[key]

    def next_deadline(self) -> float | None:
        """When to look again; at most as late as the first lease runs out."""
        heap = self._deadlines
        while heap and heap[0][1] not in self._leases:
            heappop(heap)
        return heap[0][0] if heap else None

    def expired(self, now: float) -> list[int]:
        """Leases whose time is over, earliest first. One that is not removed is named again a second later."""
        heap = self._deadlines
        over: list[int] = []
        kept: list[tuple[float, int]] = []
        while heap and heap[0][0] <= now:
            _, lease = heappop(heap)
            known = self._leases.get(lease)
            if known is None:
                continue
            if known.deadline <= now:
                over.append(lease)
            kept.append((max(known.deadline, now + _RETRY_SECONDS), lease))
        self._deadlines.extend(kept)
        heapify(self._deadlines)
        return over


async def expire(leases: Leases, clock: Clock, revoke: Callable[[int], Awaitable[None]]) -> None:
    """Revoke every lease when its time is over, for ever. revoke ends the lease, or leaves it for another try."""
    while True:
        leases.changed.clear()
        for lease in leases.expired(clock.monotonic()):
            await revoke(lease)
        deadline = leases.next_deadline()
        if deadline is None:
            await leases.changed.wait()
            continue
        pause = max(deadline - clock.monotonic(), 0.0)
        tasks = [asyncio.ensure_future(clock.sleep(pause)), asyncio.ensure_future(leases.changed.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
