"""Bounds on what requests may take: how many at a time, and how long each.

Watches and streams are exempt from both, members of system:masters from the first. Limits are per server, split into
reads and writes as upstream's `--max-requests-inflight` and `--max-mutating-requests-inflight` are.
"""

import asyncio

from ...api import status
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


class Timeout:
    """504 for requests that take longer than the server allows."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, next: App) -> App:
        limit = self._seconds

        async def bounded(request: Request) -> Response:
            if is_long_running(request.context["info"]):
                return await next(request)
            deadline = asyncio.timeout(limit)
            try:
                async with deadline:
                    return await next(request)
            except TimeoutError:
                if not deadline.expired():
                    raise
                words = "request did not complete within the allotted timeout"
                raise status.timeout(words) from None

        return bounded
