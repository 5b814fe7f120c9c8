"""Bounds on what requests may take: how many at a time, and how long each.

Watches and streams are exempt from both, members of system:masters from the first. Limits are per server, split into
reads and writes as upstream's `--max-requests-inflight` and `--max-mutating-requests-inflight` are.
"""

import asyncio

from ...api import status
from ...api.duration import parse_seconds
from ...api.user import SYSTEM_MASTERS
from ...base.http.message import App, Request, Response
from ..metrics import ServerMetrics
from ..request_info import RequestInfo
from .requests import is_long_running

_READS = frozenset({"get", "list", "watch", "head", "options"})


class InFlight:
    """429 for requests above the limit."""

    def __init__(self, reads: int, writes: int, metrics: ServerMetrics) -> None:
        self._limits = {"readOnly": reads, "mutating": writes}
        self._running = {"readOnly": 0, "mutating": 0}
        self._metrics = metrics
        metrics.registry.on_collect(self._collect)

    def _collect(self) -> None:
        for kind, count in self._running.items():
            self._metrics.in_flight.set(count, (kind,))

    def __call__(self, next: App) -> App:
        running, limits = self._running, self._limits

        async def limited(request: Request) -> Response:
            info: RequestInfo = request.context["info"]
            if is_long_running(info):
                return await next(request)
            kind = "readOnly" if info.verb in _READS else "mutating"
            if running[kind] >= limits[kind] and not _is_exempt(request):
                self._metrics.dropped.inc((kind,))
                raise status.too_many_requests("Too many requests, please try again later.", 1)
            running[kind] += 1
            try:
                return await next(request)
            finally:
                running[kind] -= 1

        return limited


def _is_exempt(request: Request) -> bool:
    user = request.context.get("user")
    return user is not None and SYSTEM_MASTERS in user.groups


class _Deadline:
    """When a request's task is cancelled; `asyncio.timeout` in its rules."""

    __slots__ = ("_before", "_task", "due", "expired")

    def __init__(self, task: "asyncio.Task[object]", due: float) -> None:
        self._task = task
        self._before = task.cancelling()
        self.due = due
        self.expired = False

    def expire(self) -> None:
        """Time is up."""
        if not self.expired:
            self.expired = True
            self._task.cancel()

    def settled(self) -> bool:
        """Whether time was up and nobody else has cancelled the task; takes the cancellation back."""
        if not self.expired:
            return False
        self.expired = False
        return self._task.uncancel() <= self._before


class Timeout:
    """504 for requests that take longer than the server allows, or than they allow themselves (`?timeout=5s`).

    All have the server's time, so whoever began first is due first: one timer serves all requests, set for the oldest.
    0.8 us a request instead of the 4 of `asyncio.timeout`. A time of its own gives a request a timer of its own.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: dict[_Deadline, None] = {}
        """In the order of their beginning."""
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, next: App) -> App:
        async def bounded(request: Request) -> Response:
            if is_long_running(request.context["info"]):
                return await next(request)
            own = self._own_seconds(request) if "timeout=" in request.query else 0.0
            deadline = self._begin()
            timer = asyncio.get_running_loop().call_later(own, deadline.expire) if own else None
            try:
                return await next(request)
            except asyncio.CancelledError:
                if deadline.settled():
                    raise status.timeout("request did not complete within the allotted timeout") from None
                raise
            finally:
                self._running.pop(deadline, None)
                if timer is not None:
                    timer.cancel()
                if deadline.expired:  # and yet there is an answer
                    deadline.settled()

        return bounded

    def _own_seconds(self, request: Request) -> float:
        """What the query asks for; 0 when that is nothing, or more than the server allows. StatusError 400."""
        text = request.params().get("timeout", "")
        try:
            seconds = parse_seconds(text) if text else 0.0
        except ValueError as error:
            raise status.bad_request(f"invalid timeout specified in the request URL - {error}") from None
        return seconds if 0 < seconds < self._seconds else 0.0

    def _begin(self) -> _Deadline:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        deadline = _Deadline(task, loop.time() + self._seconds)
        self._running[deadline] = None
        if self._timer is None:
            self._timer = loop.call_at(deadline.due, self._expire, loop)
        return deadline

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is due and set the timer for the next; none while nothing runs."""
        self._timer = None
        now = loop.time()
        for deadline in list(self._running):
            if deadline.due > now:
                self._timer = loop.call_at(deadline.due, self._expire, loop)
                return
            del self._running[deadline]
            deadline.expire()
