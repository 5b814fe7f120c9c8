"""`/debug/api_priority_and_fairness/dump_*`: levels, queues and waiting requests as comma separated tables."""

from collections.abc import Sequence

from ...base.http.message import Request, Response
from .flow_control import FlowControl

PREFIX = "/debug/api_priority_and_fairness/"


class DebugPages:
    """One method per page."""

    def __init__(self, control: FlowControl) -> None:
        self._control = control

    async def levels(self, request: Request) -> Response:
        """dump_priority_levels"""
        head = (
            "PriorityLevelName",
            "ActiveQueues",
            "IsIdle",
            "IsQuiescing",
            "WaitingRequests",
            "ExecutingRequests",
            "DispatchedRequests",
            "RejectedRequests",
            "TimedoutRequests",
            "CancelledRequests",
        )
        rows = []
        for name, level in sorted(self._control.levels.items()):
            busy = sum(1 for queue in level.queues() if queue[1] or queue[2])
            idle = not level.in_use and not level.waiting
            rows.append((name, busy, _truth(idle), "false", level.waiting, level.in_use, "", level.rejected, "", ""))
        return _table(head, rows)

    async def queues(self, request: Request) -> Response:
        """dump_queues"""
        head = ("PriorityLevelName", "Index", "PendingRequests", "ExecutingRequests", "SeatsInUse", "NextDispatchR")
        rows = [
            (name, index, waiting, "", executing, f"{next_at:.8f}ss")
            for name, level in sorted(self._control.levels.items())
            for index, waiting, executing, next_at, _ in level.queues()
        ]
        return _table(head, rows)

    async def requests(self, request: Request) -> Response:
        """dump_requests"""
        head = ("PriorityLevelName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher", "InitialSeats")
        rows = [
            (name, index, position, waiting.flow, waiting.seats)
            for name, level in sorted(self._control.levels.items())
            for index, _, _, _, requests in level.queues()
            for position, waiting in enumerate(requests)
        ]
        return _table(head, rows)


def _truth(value: bool) -> str:
    return "true" if value else "false"


def _table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> Response:
    lines = [", ".join(map(str, row)) for row in [head, *rows]]
    return Response(200, [("content-type", "text/plain; charset=utf-8")], ("\n".join(lines) + "\n").encode())
