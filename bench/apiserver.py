"""What does a request cost inside the API server, without HTTP? One process, memory store, the whole filter chain.

    .venv/bin/python bench/apiserver.py [--objects 5000] [--rounds 3] [--watchers 200] [--rbac]

Processor time of this process per call; medians of the rounds with their spread. Pods of about 1.8 KB as kubectl sends
them. Deliveries count the event line's way to one watcher's sink; TLS and sockets come on top (bench/http_server.py).
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import uvloop

from pybernetes.api.user import AUTHENTICATED, UserInfo
from pybernetes.apiserver.server import ApiServer
from pybernetes.base.http.message import Headers, Request, Response
from pybernetes.testing import ADMIN, api_server

PODS = "/api/v1/namespaces/default/pods"
JSON: Headers = [("content-type", "application/json"), ("accept", "application/json")]
STRATEGIC: Headers = [("content-type", "application/strategic-merge-patch+json"), ("accept", "application/json")]


def pod(name: str) -> bytes:
    env = [{"name": f"VARIABLE_{index}", "value": "v" * 20} for index in range(10)]
    requests = {"cpu": "100m", "memory": "64Mi"}
    container: dict[str, Any] = {
        "name": "app",
        "image": "registry.local/team/app:1.2.3",
        "env": env,
        "resources": {"requests": requests},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    metadata = {"name": name, "labels": {"app": "web", "pod-template-hash": "abc"}, "annotations": {"note": "n" * 200}}
    spec = {"containers": [container], "volumes": [{"name": "data", "emptyDir": {}}]}
    return orjson.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


class Counter:
    """A sink that counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes) -> None:
        self.bytes += len(data)

    def buffered(self) -> int:
        return 0

    def close(self) -> None:
        pass


class Bench:
    """Calls to one server as one user."""

    def __init__(self, server: ApiServer, user: UserInfo) -> None:
        self._server = server
        self._user = user

    async def call(
        self, method: str, path: str, body: bytes = b"", query: str = "", headers: Headers = JSON
    ) -> Response:
        request = Request(method, path, query, headers, body, context={"user": self._user})
        response = await self._server.app(request)
        assert response.status < 300, response.body
        return response

    async def listed(self, query: str = "") -> int:
        body = (await self.call("GET", "/api/v1/pods", query=query)).body
        if isinstance(body, bytes):
            return len(body)
        assert hasattr(body, "__aiter__")
        return sum([len(piece) async for piece in body])

    async def watch(self, query: str) -> Any:
        query = f"watch=1&resourceVersion={self._server.cache.revision}&{query}"
        body: Any = (await self.call("GET", "/api/v1/pods", query=query)).body
        body.start(Counter())
        return body


async def cost(run: Callable[[int], Awaitable[object]], calls: int) -> float:
    """Microseconds of processor time per call."""
    begun = time.process_time()
    for index in range(calls):
        await run(index)
    return (time.process_time() - begun) / calls * 1e6


async def measure(options: argparse.Namespace) -> dict[str, float]:
    """One round in a fresh server."""
    modes = ("Node", "RBAC") if options.rbac else ("AlwaysAllow",)
    count: int = options.objects
    found: dict[str, float] = {}
    async with api_server(authorization_modes=modes) as server:
        bench = Bench(server, UserInfo("jane", groups=(AUTHENTICATED,)) if not options.rbac else ADMIN)
        bodies = [pod(f"p{index}") for index in range(count)]

        async def patched(index: int) -> None:
            body = b'{"status":{"message":"%d"}}' % time.perf_counter_ns()
            await bench.call("PATCH", f"{PODS}/p{index % count}/status", body, headers=STRATEGIC)

        found["create"] = await cost(lambda i: bench.call("POST", PODS, bodies[i]), count)
        found["get"] = await cost(lambda i: bench.call("GET", f"{PODS}/p{i % count}"), 4 * count)
        found["list all"] = await cost(lambda i: bench.listed(), 20)
        found["list by label"] = await cost(lambda i: bench.listed("labelSelector=app%3Dother"), 20)
        found["list a page of 500"] = await cost(lambda i: bench.listed("limit=500"), 20)
        found["patch status"] = await cost(patched, count)
        watches = [await bench.watch("") for _ in range(options.watchers)]
        shared = await cost(patched, count // 4)
        found["deliver to one of many equal watchers"] = (shared - found["patch status"]) / options.watchers
        for watch in watches:
            watch.stop()
        watches = [await bench.watch(f"fieldSelector=spec.nodeName%3Dn{index}") for index in range(5000)]
        found["patch status beside 5000 kubelets"] = await cost(patched, count // 4)
        for watch in watches:
            watch.stop()
        found["delete"] = await cost(lambda i: bench.call("DELETE", f"{PODS}/p{i}"), count)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--watchers", type=int, default=200)
    parser.add_argument("--rbac", action="store_true", help="authorize with Node and RBAC instead of AlwaysAllow")
    options = parser.parse_args()
    rounds = []
    for _ in range(options.rounds):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            rounds.append(runner.run(measure(options)))
    print(f"{options.objects} pods, {options.watchers} watchers; microseconds of processor time per call")
    for name in rounds[0]:
        values = sorted(one[name] for one in rounds)
        print(f"{name:40} {statistics.median(values):10.1f}   ({values[0]:.1f} to {values[-1]:.1f})")


if __name__ == "__main__":
    main()
