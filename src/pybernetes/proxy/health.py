"""Health over HTTP: the proxy's own (`/healthz`, `/livez` on 10256) and one listener per health-check node port.

A load balancer asks the health-check node port of a Local service whether this node has endpoints (Service
`healthCheckNodePort`): 200 with a count, 503 without any or while the proxy itself is stuck.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from ..api.core import Node
from ..base.clock import Clock
from ..base.http.message import App, Request, Response
from ..base.http.server import HttpServer
from ..base.log import logger
from .metrics import ProxyMetrics
from .model import ServicePort

log = logger(__name__)

_RETRY_SECONDS = 30.0


_DELETED_BY_AUTOSCALER = "ToBeDeletedByClusterAutoscaler"
_NEVER = datetime(1, 1, 1, tzinfo=UTC)


def _json(status: int, body: object, *headers: tuple[str, str]) -> Response:
    fixed = [("content-type", "application/json"), ("x-content-type-options", "nosniff")]
    return Response(status, [*fixed, *headers], msgspec.json.encode(body))


class ProxyHealth:
    """Answers `/healthz` and `/livez`: healthy while every change reaches the kernel within the deadline.

    A load balancer that asks `/healthz` is told to stop sending, too, when the node is about to go (KEP-3836). One
    transaction is for all `families`, so they are well together.
    """

    def __init__(
        self,
        clock: Clock,
        deadline_seconds: float = 120.0,
        *,
        families: Sequence[str] = ("IPv4",),
        metrics: ProxyMetrics | None = None,
    ) -> None:
        self._clock = clock
        self._deadline = deadline_seconds
        self._families = families
        self._metrics = metrics or ProxyMetrics(clock, families)
        self._pending_since: float | None = None
        self._updated: datetime | None = None
        self._is_eligible = True

    def pending(self) -> None:
        """There is a change that the kernel does not have yet."""
        if self._pending_since is None:
            self._pending_since = self._clock.monotonic()

    def done(self) -> None:
        """The kernel has everything."""
        self._pending_since = None
        self._updated = self._clock.now()

    def node_is(self, node: Node | None) -> None:
        """This proxy's node as it is now, None when it is gone. Until it is seen it counts as staying."""
        self._is_eligible = (
            node is not None
            and node.metadata.deletion_timestamp is None
            and all(taint.key != _DELETED_BY_AUTOSCALER for taint in node.spec.taints or ())
        )

    @property
    def is_healthy(self) -> bool:
        """Whether changes reach the kernel."""
        since = self._pending_since
        return since is None or self._clock.monotonic() - since < self._deadline

    async def __call__(self, request: Request) -> Response:
        if request.path not in ("/healthz", "/livez"):
            return _json(404, {"error": "not found"})
        is_healthz = request.path == "/healthz"
        now, healthy = self._clock.now(), self.is_healthy
        is_well = healthy and (self._is_eligible or not is_healthz)
        status = 200 if is_well else 503
        self._metrics.asked(is_healthz, status)
        updated = {} if self._updated is None else dict.fromkeys(self._families, self._updated)
        body = {
            "lastUpdated": now if is_well else self._updated or _NEVER,
            "currentTime": now,
            **({"nodeEligible": self._is_eligible} if is_healthz else {}),
            "healthy": healthy,
            **(
                {"status": {name: {"lastUpdated": at, "healthy": healthy} for name, at in updated.items()}}
                if updated
                else {}
            ),
        }
        return _json(status, body)


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
