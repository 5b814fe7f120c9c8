"""What priority and fairness costs a request that need not wait: the chain with and without the filter, in one run.

.venv/bin/python bench/flow_control.py
"""

import asyncio
import statistics
import time

from pybernetes.api.user import UserInfo
from pybernetes.apiserver.flow_control.filter import PriorityAndFairness
from pybernetes.apiserver.flow_control.flow_control import FlowControl
from pybernetes.apiserver.request_info import request_info
from pybernetes.base.clock import SYSTEM_CLOCK
from pybernetes.base.http.message import App, Request, Response
from pybernetes.base.metrics import Registry

ROUNDS, REQUESTS = 9, 50_000
USER = UserInfo("system:serviceaccount:default:app", groups=("system:serviceaccounts", "system:authenticated"))


class NoObjects:
    """A cluster that has only the built-in configuration."""

    def get(self, *_: object) -> None:
        return None

    def list(self, *_: object) -> list[object]:
        return []

    def subscribe(self, *_: object) -> None:
        return


async def answer(request: Request) -> Response:
    return Response(200)


async def measure(app: App) -> float:
    """Microseconds a request."""
    request = Request("GET", "/api/v1/namespaces/default/pods/web")
    request.context = {"user": USER, "info": request_info(request)}
    begun = time.perf_counter()
    for _ in range(REQUESTS):
        await app(request)
    return (time.perf_counter() - begun) / REQUESTS * 1e6


async def main() -> None:
    control = FlowControl(NoObjects(), SYSTEM_CLOCK, 600)  # type: ignore[arg-type]
    filtered = PriorityAndFairness(control, lambda *_: 0, Registry(), wait_seconds=15)(answer)
    without, with_filter = [], []
    for _ in range(ROUNDS):
        without.append(await measure(answer))
        with_filter.append(await measure(filtered))
    bare, full = statistics.median(without), statistics.median(with_filter)
    print(f"without {bare:.2f} us   with {full:.2f} us   cost {full - bare:.2f} us a request")


asyncio.run(main())
