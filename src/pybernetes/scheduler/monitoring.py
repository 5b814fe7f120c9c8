"""What the scheduler shows over HTTPS, as upstream's on port 10259: health, metrics, its configuration.

A scheduler that waits for the lease is healthy and ready; the leader is ready once its informers have their first
lists. Who may see what: `client/component_pages.py`.
"""

import asyncio
from typing import Any

import msgspec

from pybernetes.base.clock import Clock
from pybernetes.base.http.health import Health
from pybernetes.base.http.server import HttpServer
from pybernetes.base.metrics import Registry, add_process_metrics
from pybernetes.client.client import Client
from pybernetes.client.component_pages import ComponentPages, config_page, metrics_page
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.configuration.arguments import arguments_of
from pybernetes.scheduler.configuration.plugin_sets import DEFAULTS
from pybernetes.scheduler.scheduler import Scheduler


class Monitoring:
    """The pages. `scheduler` is set while this process leads. `client_ca` (PEM) is whose client certificates are
    believed."""

    def __init__(
        self, config: SchedulerConfig, client: Client, clock: Clock, *, client_ca: bytes | None = None
    ) -> None:
        self.scheduler: Scheduler | None = None
        self.ready = asyncio.Event()
        """Of the scheduler, while there is one."""
        self._process = Registry()
        self._requests = client.metrics
        add_process_metrics(self._process)
        self._health = health = Health()
        health.add("ping", lambda: "")
        health.add("informer-sync", self._informers_synced, ("readyz",))
        self._pages = ComponentPages("kube-scheduler", lambda: health, client, clock, client_ca=client_ca)
        self._pages.pages["/metrics"] = metrics_page(self._metrics)
        self._pages.pages["/configz"] = config_page("componentconfig", lambda: shown(config))

    async def trouble(self) -> str:
        """What `/readyz` fails for, "" when it does not."""
        return await self._health.trouble("readyz")

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
        """Serves the pages."""
        return self._pages.server(host, port)

    def _metrics(self) -> bytes:
        own = self.scheduler.metrics.registry.text() if self.scheduler is not None else b""
        return own + self._requests.text() + self._process.text()


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
