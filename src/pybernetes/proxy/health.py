"""Health over HTTP: the proxy's own (`/healthz`, `/livez` on 10256) and one listener per health-check node port.

A load balancer asks the health-check node port of a Local service whether this node has endpoints (Service
`healthCheckNodePort`): 200 with a count, 503 without any.
"""

import asyncio
import json
from collections.abc import Mapping

from ..base.http.message import Request, Response
from ..base.http.server import HttpServer
from ..base.log import logger
from .model import ServicePort

log = logger(__name__)


def _json(status: int, body: object) -> Response:
    return Response(status, [("content-type", "application/json")], json.dumps(body).encode())


class HealthCheckPorts:
    """Listeners that follow the services: `update` opens, closes and refreshes them."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._counts: dict[int, tuple[str, str, int]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def update(self, ports: list[ServicePort], group: asyncio.TaskGroup) -> None:
        """Listen for exactly the health-check ports of these service ports."""
        self._counts = {
            p.health_check_port: (p.namespace, p.name, len(p.external)) for p in ports if p.health_check_port
        }
        for number in [n for n in self._tasks if n not in self._counts]:
            self._tasks.pop(number).cancel()
        for number in self._counts:
            if number not in self._tasks:
                self._tasks[number] = group.create_task(self._listen(number), name=f"health-check-{number}")

    async def _listen(self, number: int) -> None:
        async def answer(request: Request) -> Response:
            namespace, name, count = self._counts.get(number, ("", "", 0))
            body = {"service": {"namespace": namespace, "name": name}, "localEndpoints": count}
            return _json(200 if count else 503, body)

        try:
            await HttpServer(answer, host=self._host, port=number).serve(asyncio.Event())
        except OSError as error:
            log.error("Health-check node port is not available", port=number, err=error)


class ProxyHealth:
    """Answers `/healthz` and `/livez`: healthy while every change reaches the kernel within the deadline."""

    def __init__(self, deadline_seconds: float = 120.0) -> None:
        self._deadline = deadline_seconds
        self.pending_since: float | None = None

    async def __call__(self, request: Request) -> Response:
        if request.path not in ("/healthz", "/livez"):
            return _json(404, {"error": "not found"})
        now = asyncio.get_running_loop().time()
        healthy = self.pending_since is None or now - self.pending_since < self._deadline
        body: Mapping[str, object] = {"nodeEligible": True, "healthy": healthy}
        return _json(200 if healthy else 503, body)
