"""A priority level: seats, queues, and whose turn it is.

A request takes one seat or more (a large list) while it runs. Without free seats it is refused (limitResponse
Reject) or waits in one of its flow's queues. Queues are served by virtual time: each has the instant at which its next
request would have been through if every busy queue had got an equal share; the earliest goes first, so that a queue
with long requests waits longer for its next one.
"""

import asyncio
from collections import deque
from typing import Any

import msgspec

from ...base.clock import Clock
from .shares import Bounds
from .shuffle import hand

_GUESS_SECONDS = 0.003
"""How long a request is taken to run until it has."""


class Rejected(Exception):
    """The request is refused with 429; the text is the reason in metrics: queue-full, time-out, concurrency-limit."""


class Waiting:
    """A request in a queue."""

    __slots__ = ("arrived", "flow", "queue", "seats", "turn")

    def __init__(self, queue: "_Queue", seats: int, turn: "asyncio.Future[None]", arrived: float, flow: str) -> None:
        self.queue = queue
        self.seats = seats
        self.turn = turn
        self.arrived = arrived
        self.flow = flow


class _Queue:
    """`executing` and `queued` are seats; `is_busy` as `Level` has counted it."""

    __slots__ = ("executing", "index", "is_busy", "next_at", "queued", "requests")

    def __init__(self, index: int) -> None:
        self.index = index
        self.requests: deque[Waiting] = deque()
        self.next_at = 0.0
        self.executing = 0
        self.queued = 0
        self.is_busy = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a PriorityLevelConfiguration says; `queues` 0 means Reject."""

    name: str
    uid: str
    exempt: bool
    shares: int
    lendable_percent: int
    borrowing_percent: int | None
    queues: int = 0
    hand_size: int = 0
    queue_length: int = 0


def settings_of(obj: dict[str, Any]) -> Settings:
    """From a PriorityLevelConfiguration, with upstream's defaults."""
    spec, metadata = obj.get("spec") or {}, obj["metadata"]
    exempt = spec.get("type") == "Exempt"
    part = (spec.get("exempt") if exempt else spec.get("limited")) or {}
    response = part.get("limitResponse") or {}
    queuing = (response.get("queuing") or {}) if response.get("type") == "Queue" else None
    return Settings(
        name=str(metadata["name"]),
        uid=str(metadata.get("uid") or ""),
        exempt=exempt,
        shares=int(part.get("nominalConcurrencyShares", 0 if exempt else 30)),
        lendable_percent=int(part.get("lendablePercent") or 0),
        borrowing_percent=part.get("borrowingLimitPercent"),
        queues=int(queuing.get("queues") or 64) if queuing is not None else 0,
        hand_size=int(queuing.get("handSize") or 8) if queuing is not None else 0,
        queue_length=int(queuing.get("queueLengthLimit") or 50) if queuing is not None else 0,
    )


class Level:
    """`in_use` seats of `limit`; the filter takes free seats itself, everything else goes through `wait`."""

    __slots__ = (
        "_advanced",
        "_busy",
        "_clock",
        "_now",
        "_queued",
        "_queues",
        "bounds",
        "exempt",
        "in_use",
        "limit",
        "peak",
        "rejected",
        "settings",
        "waiting",
    )

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.exempt = settings.exempt
        self.bounds = Bounds(0, 0, 0)
        self.limit = 0
        self.in_use = 0
        self.waiting = 0
        self.peak = 0
        """The most seats that were used and wished for since the limits were last set."""
        self.rejected = 0
        self._queues = [_Queue(index) for index in range(settings.queues)]
        self._queued = 0
        """Seats that are waited for."""
        self._busy = 0
        """Queues that have requests waiting or running."""
        self._clock = clock
        self._now = 0.0
        self._advanced = clock.monotonic()

    async def wait(self, seats: int, flow_hash: int, flow: str, limit_seconds: float) -> Waiting | None:
        """Take seats, now or when it is one's turn. Rejected when there is no room or no time.

        What is returned goes back with `leave`. A request that needs more seats than there are gets all of them."""
        seats = min(seats, max(self.limit, 1))
        if not self.waiting and self.in_use + seats <= self.limit:
            self.in_use += seats
            return None
        self.peak = max(self.peak, self.in_use + self._queued + seats)
        settings = self.settings
        if not settings.queues:
            self.rejected += 1
            raise Rejected("concurrency-limit")
        self._advance()
        cards = hand(flow_hash, settings.queues, settings.hand_size)
        queue = min((self._queues[card] for card in cards), key=lambda found: found.queued + found.executing)
        if len(queue.requests) >= settings.queue_length:
            self.rejected += 1
            raise Rejected("queue-full")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = Waiting(queue, seats, turn, self._clock.monotonic(), flow)
        if not queue.requests and not queue.executing:
            queue.next_at = max(queue.next_at, self._now)
        queue.requests.append(request)
        self._wait(queue, 1, seats)
        self.dispatch()
        try:
            async with asyncio.timeout(limit_seconds):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave(request.seats, request, 0.0)
            elif request in queue.requests:  # else its turn came when it had just given up
                queue.requests.remove(request)
                self._wait(queue, -1, -request.seats)
            if isinstance(error, TimeoutError):
                self.rejected += 1
                raise Rejected("time-out") from None
            raise
        return request

    def leave(self, seats: int, request: Waiting | None, seconds: float) -> None:
        """Give seats back after so long."""
        self.in_use -= seats
        if request is not None:
            request.queue.executing -= request.seats
            self._count(request.queue)
            request.queue.next_at += (seconds - _GUESS_SECONDS) * request.seats
        if self.waiting:
            self.dispatch()

    def dispatch(self) -> None:
        """Let requests run while there are seats, from the queue whose turn it is."""
        while self.waiting:
            self._advance()
            queue = min((q for q in self._queues if q.requests), key=lambda q: (q.next_at, q.index), default=None)
            if queue is None:
                return
            request = queue.requests[0]
            if self.in_use + request.seats > self.limit and self.in_use:
                return
            queue.requests.popleft()
            if request.turn.done():
                self._wait(queue, -1, -request.seats)
                continue
            self.in_use += request.seats
            queue.executing += request.seats
            self._wait(queue, -1, -request.seats)
            queue.next_at += _GUESS_SECONDS * request.seats
            request.turn.set_result(None)

    def _wait(self, queue: _Queue, requests: int, seats: int) -> None:
        """So many more, or fewer, are waiting in a queue. Sums are kept, since a decision must not cost the more the
        more wait for it."""
        self.waiting += requests
        self._queued += seats
        queue.queued += seats
        self._count(queue)

    def _count(self, queue: _Queue) -> None:
        is_busy = bool(queue.requests or queue.executing)
        if is_busy is not queue.is_busy:
            queue.is_busy = is_busy
            self._busy += 1 if is_busy else -1

    def _advance(self) -> None:
        """Virtual time goes at the rate at which each busy queue is served."""
        now = self._clock.monotonic()
        if self._busy:
            wanted = self.in_use + self._queued
            self._now += (now - self._advanced) * min(wanted, self.limit) / self._busy
        self._advanced = now

    def demand(self) -> int:
        """Seats used and wished for, at most since the last call."""
        found = max(self.peak, self.in_use + self._queued)
        self.peak = 0
        return found

    def queues(self) -> list[tuple[int, int, int, float, list[Waiting]]]:
        """(index, waiting, seats in use, next virtual start, requests), for the debug pages."""
        return [(q.index, len(q.requests), q.executing, q.next_at, list(q.requests)) for q in self._queues]
