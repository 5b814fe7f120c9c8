"""Health over HTTP: the proxy's own (`/healthz`, `/livez` on 10256) and one listener per health-check node port.

A load balancer asks the health-check node port of a Local service whether this node has endpoints (Service
`healthCheckNodePort`): 200 with a count, 503 without any or while the proxy itself is stuck.
"""

import asyncio
import json
from collections.abc import Iterable
from datetime import datetime

from ..base.clock import Clock
from ..base.http.message import App, Request, Response
from ..base.http.server import HttpServer
from ..base.log import logger
from .model import ServicePort

log = logger(__name__)

_RETRY_SECONDS = 30.0


def _json(status: int, body: object, *headers: tuple[str, str]) -> Response:
    fixed = [("content-type", "application/json"), ("x-content-type-options", "nosniff")]
    return Response(status, [*fixed, *headers], json.dumps(body).encode())


class ProxyHealth:
    """Answers `/healthz` and `/livez`: healthy while every change reaches the kernel within the deadline."""

    def __init__(self, clock: Clock, deadline_seconds: float = 120.0) -> None:
        self._clock = clock
        self._deadline = deadline_seconds
        self._pending_since: float | None = None
        self._updated: datetime | None = None

    def pending(self) -> None:
        """There is a change that the kernel does not have yet."""
        if self._pending_since is None:
            self._pending_since = self._clock.monotonic()

    def done(self) -> None:
        """The kernel has everything."""
        self._pending_since = None
        self._updated = self._clock.now()

    @property
    def is_healthy(self) -> bool:
        since = self._pending_since
        return since is None or self._clock.monotonic() - since < self._deadline

    async def __call__(self, request: Request) -> Response:
        if request.path not in ("/healthz", "/livez"):
            return _json(404, {"error": "not found"})
        now = self._clock.now()
        updated = self._updated if self._pending_since is not None else now
        body = {
            "lastUpdated": updated.isoformat() if updated else None,
            "currentTime": now.isoformat(),
            "nodeEligible": True,
        }
        return _json(200 if self.is_healthy else 503, body)


class HealthCheckPorts:
    """Listeners that follow the services: `update` opens, closes and refreshes them."""

    def __init__(self, host: str, health: ProxyHealth) -> None:
        self._host = host
        self._health = health
        self._counts: dict[int, tuple[str, str, int]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}

    @property
    def ports(self) -> set[int]:
        """The port numbers that are wanted."""
        return set(self._counts)

    def update(self, ports: Iterable[ServicePort], group: asyncio.TaskGroup) -> None:
        """Listen for exactly the health-check ports of these service ports; a service's ports count together."""
        addresses: dict[tuple[int, str, str], set[str]] = {}
        for port in ports:
            if port.health_check_port:
                key = (port.health_check_port, port.namespace, port.name)
                addresses.setdefault(key, set()).update(port.health_check_ips)
        self._counts = {number: (space, name, len(ips)) for (number, space, name), ips in addresses.items()}
        for number in [n for n in self._tasks if n not in self._counts]:
            self._tasks.pop(number).cancel()
        for number in self._counts:
            if number not in self._tasks:
                serve = listen(self._app(number), self._host, number)
                self._tasks[number] = group.create_task(serve, name=f"health-check-{number}")

    def _app(self, number: int) -> App:
        async def answer(request: Request) -> Response:
            namespace, name, count = self._counts.get(number, ("", "", 0))
            healthy = self._health.is_healthy
            body = {
                "service": {"namespace": namespace, "name": name},
                "localEndpoints": count,
                "serviceProxyHealthy": healthy,
            }
            weight = ("x-load-balancing-endpoint-weight", str(count))
            return _json(200 if count and healthy else 503, body, weight)

        return answer


async def listen(app: App, host: str, port: int) -> None:
    """Serve until cancelled; a port that is taken is reported and tried again, for services go on without it."""
    while True:
        try:
            await HttpServer(app, host=host, port=port, name=f"health {port}").serve(asyncio.Event())
        except OSError as error:
            log.error("Health port is not available", port=port, err=error)
        await asyncio.sleep(_RETRY_SECONDS)
