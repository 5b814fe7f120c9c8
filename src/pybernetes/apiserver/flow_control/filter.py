"""The filter: every request but exec, logs and the like takes its seats, waits for them, or is refused with 429."""

import time

from ...api import status
from ...base.http.message import App, Request, Response
from ...base.metrics import Counter, Gauge, Registry
from ..filters.requests import is_long_running
from ..request_info import RequestInfo
from .flow_control import Decision, FlowControl
from .level import Rejected, Waiting
from .shuffle import hash_of
from .work import CountObjects, seats_of

_LEVEL = ("priority_level",)
_FLOW = ("priority_level", "flow_schema")


class PriorityAndFairness:
    """`filter(next) -> App`; sits after impersonation, so that requests count for whom they act as."""

    def __init__(self, control: FlowControl, count: CountObjects, registry: Registry, *, wait_seconds: float) -> None:
        self._control = control
        self._count = count
        self._wait_seconds = wait_seconds
        self._rejected = Counter(
            "apiserver_flowcontrol_rejected_requests_total", "Requests refused.", (*_FLOW, "reason")
        )
        self._dispatched = Counter(
            "apiserver_flowcontrol_dispatched_requests_total", "Requests that had their turn.", _FLOW
        )
        self._seats = Gauge("apiserver_flowcontrol_current_executing_seats", "Seats in use.", _LEVEL)
        self._waiting = Gauge("apiserver_flowcontrol_current_inqueue_requests", "Requests that wait.", _LEVEL)
        self._limits = Gauge("apiserver_flowcontrol_current_limit_seats", "Seats of a level.", _LEVEL)
        self._nominal = Gauge("apiserver_flowcontrol_nominal_limit_seats", "Seats by configuration.", _LEVEL)
        for metric in (self._rejected, self._dispatched, self._seats, self._waiting, self._limits, self._nominal):
            registry.add(metric)
        registry.on_collect(self._collect)

    def _collect(self) -> None:
        for gauge in (self._seats, self._waiting, self._limits, self._nominal):
            gauge.values.clear()  # levels go, too
        for name, level in self._control.levels.items():
            self._seats.set(level.in_use, (name,))
            self._waiting.set(level.waiting, (name,))
            self._limits.set(level.limit, (name,))
            self._nominal.set(level.bounds.nominal, (name,))

    def __call__(self, next: App) -> App:
        """See Filter."""
        classify, count, dispatched = self._control.classify, self._count, self._dispatched

        async def fair(request: Request) -> Response:
            info: RequestInfo = request.context["info"]
            if info.verb != "watch" and is_long_running(info):
                return await next(request)
            decision = classify(request.context["user"], info)
            request.context["response_headers"] += decision.headers
            level = decision.level
            if level.exempt:
                dispatched.inc(decision.labels)
                level.in_use += 1
                try:
                    return await next(request)
                finally:
                    level.in_use -= 1
            seats = 1 if info.verb not in ("list", "watch") else seats_of(request, info, count)
            turn: Waiting | None = None
            if not level.waiting and level.in_use + seats <= level.limit:
                level.in_use += seats
            else:
                turn, seats = await self._wait(decision, request, info, seats)
            dispatched.inc(decision.labels)
            begun = time.monotonic() if turn is not None else 0.0
            try:
                return await next(request)
            finally:
                if turn is None and not level.waiting:
                    level.in_use -= seats
                else:
                    level.leave(seats, turn, time.monotonic() - begun if turn is not None else 0.0)

        return fair

    async def _wait(
        self, decision: Decision, request: Request, info: RequestInfo, seats: int
    ) -> tuple[Waiting | None, int]:
        """(turn, seats taken). StatusError 429."""
        level, schema = decision.level, decision.schema
        flow = schema.flow(request.context["user"], info)
        self._control.congested()
        seats = min(seats, max(level.limit, 1))
        try:
            turn = await level.wait(seats, hash_of(schema.name, flow), flow, self._wait_seconds)
        except Rejected as reason:
            self._rejected.inc((*decision.labels, str(reason)))
            raise status.too_many_requests("Too many requests, please try again later.", 1) from None
        return turn, turn.seats if turn is not None else seats
