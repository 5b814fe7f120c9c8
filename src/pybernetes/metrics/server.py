"""The metrics server put together.

    running(node informer)
      running(collector)                    looks at the kubelets
        running(https)                      filters ─▶ health, discovery, OpenAPI, /metrics ─▶ endpoints

Ready once it listens: before the second look it answers that nothing is known, as upstream's does.
"""

import asyncio
from contextlib import AsyncExitStack

import msgspec

from ..api.core import Node
from ..apiserver.call import no_such_path
from ..apiserver.compression import compressed
from ..apiserver.discovery import Discovery
from ..apiserver.filters import Filter, chain
from ..apiserver.filters.errors import failures
from ..apiserver.filters.requests import with_request_info
from ..apiserver.pages import Pages
from ..apiserver.request_info import RequestInfo
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.http.health import Health
from ..base.http.message import App, Request, Response
from ..base.http.server import HttpServer
from ..base.log import logger
from ..base.tasks import running
from ..base.x509 import KeyPair, server_context
from ..client.client import Client
from ..client.informer import Informer
from .access import access_filters, read_trust
from .collector import Collector, Rhythm
from .endpoints import Endpoints
from .kubelets import Source
from .numbers import ServerNumbers
from .resources import GROUP, RESOURCES, VERSION

log = logger(__name__)


class MetricsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where the server listens, and how often it looks."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free one."""
    rhythm: Rhythm = Rhythm()


class MetricsServer:
    """`serve` runs it. `client` is its own identity's, `pair` what it shows its clients; None serves plain HTTP, which
    is for tests only."""

    def __init__(
        self,
        config: MetricsConfig,
        client: Client,
        source: Source,
        pair: KeyPair | None,
        *,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._config = config
        self._client = client
        self._pair = pair
        self._clock = clock
        self._source = source
        self._numbers = ServerNumbers()
        self._nodes = Informer(client, Node)
        self.collector = Collector(self._nodes, source, clock, self._numbers, config.rhythm)
        self._endpoints = Endpoints(client, self._nodes, self.collector, clock)
        self._discovery = Discovery(RESOURCES.values())
        self._health = Health()
        self._health.add("ping", lambda: "")
        self._health.add("metric-storage-ready", lambda: self.collector.trouble, ("readyz",))
        self._pages = Pages(self._numbers.registry, _paths)
        self._http: HttpServer | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, once `serve` is ready."""
        return self._http.port if self._http is not None else self._config.port

    async def trouble(self) -> str:
        """What `/readyz` fails for, "" when it does not."""
        return await self._health.trouble("readyz")

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled. StatusError when the API server cannot be asked, OSError when the port is taken."""
        trust = await read_trust(self._client)
        app = self.app(access_filters(trust, self._client, self._clock))
        tls = server_context(self._pair, client_ca=trust.authorities or None) if self._pair is not None else None
        self._http = HttpServer(app, host=self._config.host, port=self._config.port, tls=tls, name="metrics-server")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(running("metrics-server-nodes", self._nodes.serve))
            stack.push_async_callback(self._source.keep, [])
            await stack.enter_async_context(running("metrics-server-collector", self.collector.serve))
            log.info("Metrics server serves", address=f"{self._config.host}:{self._config.port}")
            await self._http.serve(ready)

    def app(self, filters: dict[str, Filter]) -> App:
        """All that is served, behind these filters."""
        return chain({"failures": failures, "request_info": with_request_info, **filters}, self._dispatch)

    async def _dispatch(self, request: Request) -> Response:
        info: RequestInfo = request.context["info"]
        if info.is_resource:
            return await compressed(request, await self._endpoints(request))
        for page in (self._health.page, self._discovered, self._described, self._pages.page):
            response = await page(request)
            if response is not None:
                return response
        raise no_such_path()

    async def _discovered(self, request: Request) -> Response | None:
        return None if request.path.startswith("/api/") else self._discovery.handle(request)

    async def _described(self, request: Request) -> Response | None:
        if not request.path.startswith("/openapi/"):
            return None
        from ..apiserver.openapi import OpenApi  # asked for rarely, and made anew in milliseconds

        return OpenApi(RESOURCES.values()).handle(request)


def _paths() -> list[str]:
    own = ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
    return sorted(["/apis", f"/apis/{GROUP}", f"/apis/{GROUP}/{VERSION}", *own])
