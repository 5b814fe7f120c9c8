"""What the scheduler shows over HTTPS, as upstream's on port 10259: health, metrics, its configuration.

    /healthz /livez /readyz      everybody
    /metrics /configz            who may `get` these paths: bearer token by TokenReview, SubjectAccessReview

A scheduler that waits for the lease is healthy and ready; the leader is ready once its informers have their first
lists.
"""

import asyncio
from typing import Any

import msgspec

from pybernetes.api.authorization import NonResourceAttributes
from pybernetes.api.status import StatusError
from pybernetes.base.clock import Clock
from pybernetes.base.http.health import Health
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.metrics import Registry, add_process_metrics
from pybernetes.base.x509 import CertificateAuthority, server_context
from pybernetes.client.client import Client
from pybernetes.client.delegation import Delegation
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.arguments import arguments_of
from pybernetes.scheduler.configuration.plugin_sets import DEFAULTS
from pybernetes.scheduler.scheduler import Scheduler

_TEXT = [("content-type", "text/plain; charset=utf-8")]
_JSON = [("content-type", "application/json")]


class Monitoring:
    """The pages. `scheduler` is set while this process leads."""

    def __init__(self, config: SchedulerConfig, client: Client, clock: Clock) -> None:
        self.scheduler: Scheduler | None = None
        self.ready = asyncio.Event()
        """Of the scheduler, while there is one."""
        self._config = config
        self._delegation = Delegation(client, clock)
        self._process = Registry()
        add_process_metrics(self._process)
        self._health = Health()
        self._health.add("ping", lambda: "")
        self._health.add("informer-sync", self._informers_synced, ("readyz",))

    async def follow(self, scheduler: Scheduler, ready: asyncio.Event) -> None:
        """Serve the scheduler and show it meanwhile."""
        self.scheduler, self.ready = scheduler, ready
        try:
            await scheduler.serve(ready)
        finally:
            self.scheduler = None

    def _informers_synced(self) -> str:
        return "" if self.scheduler is None or self.ready.is_set() else "informers not synced"

    def server(self, host: str, port: int) -> HttpServer:
        """Serves the pages with a certificate of its own making, as upstream without --tls-cert-file."""
        authority = CertificateAuthority.create(f"{host}-ca")
        certificate = authority.issue(host, names=tuple({host, "localhost", "127.0.0.1"}))
        return HttpServer(self, host=host, port=port, tls=server_context(certificate), name="scheduler")

    async def __call__(self, request: Request) -> Response:
        """The App."""
        page = await self._health.page(request)
        if page is not None:
            return page
        pages = {"/metrics": self._metrics, "/configz": self._configz}
        show = pages.get(request.path)
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        return show() if show is not None else Response(404, list(_TEXT), b"404 page not found\n")

    async def _refusal(self, request: Request) -> Response | None:
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        try:
            user = await self._delegation.user_of(token.strip()) if scheme.lower() == "bearer" else None
            if user is None:
                return Response(401, list(_TEXT), b"Unauthorized\n")
            wanted = NonResourceAttributes(path=request.path, verb="get" if request.method == "GET" else "post")
            allowed, reason = await self._delegation.may(user, wanted)
        except (StatusError, OSError) as error:
            return Response(500, list(_TEXT), f"{error}\n".encode())
        if allowed:
            return None
        text = f'forbidden: User "{user.name}" cannot {wanted.verb} path "{request.path}"'
        return Response(403, list(_TEXT), f"{text}: {reason}\n".encode() if reason else f"{text}\n".encode())

    def _metrics(self) -> Response:
        own = self.scheduler.metrics.registry.text() if self.scheduler is not None else b""
        return Response(200, [("content-type", "text/plain; version=0.0.4; charset=utf-8")], own + self._process.text())

    def _configz(self) -> Response:
        return Response(200, list(_JSON), msgspec.json.encode({"componentconfig": shown(self._config)}))


def shown(config: SchedulerConfig) -> dict[str, Any]:
    """The settings in force as upstream shows them: the internal form, whose names begin with capitals."""
    profiles = []
    for profile in config.all_profiles:
        plugins = msgspec.to_builtins(profile.plugins)
        if not profile.plugins.multi_point.enabled:
            plugins["multiPoint"]["enabled"] = msgspec.to_builtins(DEFAULTS)
        profiles.append(
            {
                "schedulerName": profile.scheduler_name,
                "percentageOfNodesToScore": profile.percentage_of_nodes_to_score,
                "plugins": plugins,
                "pluginConfig": [
                    {"name": name, "args": msgspec.to_builtins(args)} for name, args in arguments_of(profile).items()
                ],
            }
        )
    found: dict[str, Any] = _capital(
        {
            "percentageOfNodesToScore": config.percentage_of_nodes_to_score,
            "podInitialBackoffSeconds": int(config.initial_backoff_seconds),
            "podMaxBackoffSeconds": int(config.max_backoff_seconds),
            "profiles": profiles,
            "extenders": msgspec.to_builtins(config.extenders),
        }
    )
    return found


def _capital(found: Any) -> Any:
    if isinstance(found, dict):
        return {
            name[:1].upper() + name[1:]: value if name == "matchLabels" else _capital(value)
            for name, value in found.items()
        }
    return [_capital(one) for one in found] if isinstance(found, list | tuple) else found
