"""What does keeping managedFields cost a write? Server in memory, the whole filter chain, tracking on and off in turns.

    .venv/bin/python -m bench.managed_fields [--objects 1000] [--rounds 5]

Processor time per request in microseconds: medians of the rounds, and the ratio on/off. Pods of about 1.8 KB.
"""

import argparse
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import uvloop
from bench.apiserver import JSON, PODS, STRATEGIC, pod

from pybernetes.apiserver.field_tracking import FieldTracking
from pybernetes.base.http.message import Headers, Request
from pybernetes.testing import ADMIN, api_server

APPLY: Headers = [("content-type", "application/apply-patch+yaml"), ("accept", "application/json")]


def untracked(*arguments: Any) -> None:
    """Stands in for tracking."""


class Bench:
    def __init__(self, app: Any) -> None:
        self._app = app

    async def send(self, method: str, path: str, body: bytes, headers: Headers, query: str = "") -> None:
        request = Request(method, path, query, list(headers), body, context={"user": ADMIN})
        response = await self._app(request)
        assert response.status < 300, response.body

    async def creates(self, prefix: str, count: int) -> None:
        for number in range(count):
            await self.send("POST", PODS, pod(f"{prefix}-{number}"), JSON)

    async def statuses(self, prefix: str, count: int) -> None:
        for number in range(count):
            status = orjson.dumps({"status": {"message": f"{time.perf_counter()}"}})
            await self.send("PATCH", f"{PODS}/{prefix}-{number}/status", status, STRATEGIC)

    async def labels(self, prefix: str, count: int) -> None:
        for number in range(count):
            patch = orjson.dumps({"metadata": {"labels": {"moment": str(number % 7)}}})
            await self.send("PATCH", f"{PODS}/{prefix}-{number}", patch, STRATEGIC)

    async def applies(self, prefix: str, count: int) -> None:
        for number in range(count):
            config = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"{prefix}-{number}", "annotations": {"moment": f"{time.perf_counter()}"}},
            }
            query = "fieldManager=me&force=true"
            await self.send("PATCH", f"{PODS}/{prefix}-{number}", orjson.dumps(config), APPLY, query)


async def cpu(work: Callable[[str, int], Awaitable[None]], prefix: str, count: int) -> float:
    begun = time.process_time()
    await work(prefix, count)
    return (time.process_time() - begun) / count * 1e6


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    kept = FieldTracking.created, FieldTracking.updated
    found: dict[str, dict[bool, list[float]]] = {}
    async with api_server() as server:
        bench = Bench(server.app)
        works = {"create": bench.creates, "status patch": bench.statuses, "label patch": bench.labels}
        for round_number in range(options.rounds):
            for tracking in (True, False):
                FieldTracking.created, FieldTracking.updated = (  # type: ignore[method-assign]
                    kept if tracking else (untracked, untracked)
                )
                prefix = f"{'with' if tracking else 'without'}-{round_number}"
                for name, work in works.items():
                    each = found.setdefault(name, {True: [], False: []})
                    each[tracking].append(await cpu(work, prefix, options.objects))
            FieldTracking.created, FieldTracking.updated = kept  # type: ignore[method-assign]
            each = found.setdefault("apply", {True: [], False: []})
            each[True].append(await cpu(bench.applies, f"with-{round_number}", options.objects))
    print(f"{'':14}{'on':>8}{'off':>8}{'ratio':>8}")
    for name, times in found.items():
        on = statistics.median(times[True])
        off = statistics.median(times[False]) if times[False] else 0.0
        ratio = f"{on / off:8.2f}" if off else ""
        print(f"{name:14}{on:8.0f}{off:8.0f}{ratio}")


if __name__ == "__main__":
    uvloop.run(main())
