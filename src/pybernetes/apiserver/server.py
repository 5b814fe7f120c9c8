"""The API server, assembled: store -> watch cache -> registry -> verbs, behind the filters of `filters.CHAIN`.

`app` is the whole server as one function and needs no socket: components in the same process call it directly. `serve`
starts the caches, writes the objects every cluster has, then opens the HTTPS port when the configuration names one.
On the way down `/readyz` fails first, then watches end, then the listener closes.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from ..api.feature_gates import FeatureGates
from ..api.resource import ResourceInfo, resources
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.http.message import App, Request, Response
from ..base.log import logger
from ..base.tasks import running
from ..store.store import Store
from .admission.chain import AdmissionChain
from .admission.own_writes import writer
from .admission.webhook.client import WebhookClient
from .aggregation.aggregator import Aggregator
from .assembly import (
    admission_plugins,
    build_audit,
    encrypted_store,
    modes_of,
    proxy_identity,
    publish_trust,
    repair_service_network,
    security_filters,
    service_network,
)
from .config import ApiServerConfig
from .crds.serving import CustomResources
from .discovery import Discovery
from .dispatch import Dispatcher
from .filters import Filter, chain
from .filters.errors import failures
from .filters.limits import InFlight, Timeout
from .filters.requests import Measure, with_request_info
from .flow_control.debug import PREFIX as DEBUG_PREFIX
from .flow_control.debug import DebugPages
from .flow_control.filter import PriorityAndFairness
from .flow_control.flow_control import FlowControl
from .flow_control.upkeep import Upkeep
from .health import Health
from .history.author import remember_author
from .history.journal import Journal
from .history.page import PATH as HISTORY_PATH
from .history.page import HistoryPage
from .metrics import ServerMetrics
from .pages import Pages
from .registry import Registry
from .runtime_config import served
from .watch_cache import WatchCache

if TYPE_CHECKING:
    from ..base.http.server import HttpServer
    from .openapi import OpenApi
    from .peers import Peers

log = logger(__name__)


class ApiServer:
    """See the module docstring.

    `app`: every request enters here. `cache`: the present objects (`ObjectReader`). `registry`: what is served.
    `dispatcher.connect`, `dispatcher.reviews`, `pages.served`: handlers to be added before `serve`.
    `http`: the listener, None without one.
    """

    def __init__(self, config: ApiServerConfig, store: Store, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self.config = config
        encryption = encrypted_store(config, store, clock)
        store = encryption or store
        self._store = store
        self._kms = list(encryption.kms.values()) if encryption is not None else []
        self._clock = clock
        self._journal = Journal(store, clock, config.retention)
        store = self._journal
        self.cache = WatchCache(store)
        self.admission = AdmissionChain()
        self.registry = Registry(store, self.cache, self.admission, clock)
        if encryption is not None:
            self.registry.is_stale = encryption.is_stale
        self.gates = FeatureGates(config.feature_gates)
        self.registry.declare(served(resources().values(), config.runtime_config))
        self.metrics = ServerMetrics(self.cache)
        self.health = Health()
        self.pages = Pages(self.metrics.registry, self._paths)
        self.discovery = Discovery(self.registry.infos(), self._address())
        self.http: HttpServer | None = None
        self._openapi: OpenApi | None = None
        self._state = "starting"
        self.dispatcher = Dispatcher(
            self.registry,
            self.cache,
            [self.health.page, self._discovery_page, self.pages.page, self._openapi_page],
        )
        self.pages.served[HISTORY_PATH] = HistoryPage(self._journal.past, self.registry.infos, clock).serve
        security = security_filters(config, self.cache, self.dispatcher, self.pages, clock)
        self.authorizer = self.registry.authorizer = security.authorizer
        self.webhooks = WebhookClient(self.cache)
        self.custom = CustomResources(self.registry, self.cache, self.webhooks, self._resources_changed)
        self.admission.use(
            admission_plugins(
                config, self.cache, security, self.registry, self.webhooks, app=lambda: self.app, clock=clock
            )
        )
        service_network(config, self.registry)
        total = config.max_requests_in_flight + config.max_mutating_requests_in_flight
        self.flow_control = FlowControl(self.cache, clock, total)
        audit, self._audit_backends = build_audit(config, clock)
        filters: dict[str, Filter] = {
            "failures": failures,
            "request_info": with_request_info,
            "metrics": Measure(self.metrics),
            **self._load_filter(),
            **audit,
            "timeout": Timeout(config.request_timeout_seconds),
            **security.filters,
            "history": remember_author,
        }
        write = writer(lambda: self.app)
        self.aggregator = Aggregator(
            self.cache, write, clock, identity=proxy_identity(config), infos=self.registry.infos
        )
        self.app: App = chain(filters, self.aggregator.wrap(self.dispatcher))
        self._add_checks()

    def _load_filter(self) -> dict[str, Filter]:
        """What keeps the server from being overrun."""
        config, control = self.config, self.flow_control
        reads, writes = config.max_requests_in_flight, config.max_mutating_requests_in_flight
        if not config.priority_and_fairness:
            return {"in_flight": InFlight(reads, writes, self.metrics)}
        debug = DebugPages(control)
        self.pages.served[DEBUG_PREFIX + "dump_priority_levels"] = debug.levels
        self.pages.served[DEBUG_PREFIX + "dump_queues"] = debug.queues
        self.pages.served[DEBUG_PREFIX + "dump_requests"] = debug.requests
        wait = config.request_timeout_seconds / 4
        return {
            "priority_and_fairness": PriorityAndFairness(
                control, self.registry.count, self.metrics.registry, wait_seconds=wait
            )
        }

    # -- what is served beside resources

    def add_resource(self, info: ResourceInfo) -> None:
        """Serve one more resource (a custom one) from now on."""
        self.registry.add(info)
        self._resources_changed()

    def remove_resource(self, info: ResourceInfo) -> None:
        """Serve it no longer."""
        self.registry.remove(info)
        self._resources_changed()

    def _resources_changed(self) -> None:
        self.discovery.update(self.registry.infos())
        self.aggregator.resources_changed()
        if self._openapi is not None:
            self._openapi.update(self.registry.infos(), self.custom.published)

    async def _discovery_page(self, request: Request) -> Response | None:
        return self.discovery.handle(request)

    async def _openapi_page(self, request: Request) -> Response | None:
        if not request.path.startswith("/openapi/"):
            return None
        if self._openapi is None:
            from .openapi import OpenApi

            self._openapi = OpenApi(self.registry.infos(), self.custom.published)
        return self._openapi.handle(request)

    def _paths(self) -> list[str]:
        versions = {(info.group, info.version) for info in self.registry.infos()}
        found = {"/api", "/apis", "/healthz", "/livez", "/readyz", "/openapi/v2", "/openapi/v3"}
        for group, version in versions:
            found |= {f"/apis/{group}", f"/apis/{group}/{version}"} if group else {f"/api/{version}"}
        return sorted(found)

    def _address(self) -> str:
        config = self.config
        return f"{config.advertise_address or config.listen_host}:{config.advertise_port}"

    # -- health

    def _add_checks(self) -> None:
        health = self.health
        health.add("ping", lambda: "")
        health.add("log", lambda: "")
        health.add("etcd", self._store_check)
        for index, service in enumerate(self._kms):
            health.add(f"kms-provider-{index}", lambda service=service: service.health)  # type: ignore[misc]
        health.add("informer-sync", self._started_check, ("readyz",))
        health.add("poststarthook/rbac/bootstrap-roles", self._started_check, ("healthz", "readyz"))
        health.add("poststarthook/scheduling/bootstrap-system-priority-classes", self._started_check, ("readyz",))
        health.add("shutdown", lambda: "process is shutting down" if self._state == "stopping" else "", ("readyz",))

    def _store_check(self) -> str:
        return "" if self.cache.following else "the store does not answer"

    def _started_check(self) -> str:
        return "not finished" if self._state == "starting" else ""

    # -- life

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; ready once requests can be answered and the cluster's first objects are there."""
        async with AsyncExitStack() as stack:
            for service in self._kms:
                await stack.enter_async_context(running("key management service", service.serve))
            await stack.enter_async_context(running("history", self._journal.serve))
            await stack.enter_async_context(running("watch cache", self.cache.serve))
            for backend in self._audit_backends:
                await stack.enter_async_context(running("audit", backend.serve))
            await stack.enter_async_context(running("custom resources", self.custom.serve))
            if self.config.bootstrap:
                await self._bootstrap()
            if self.config.tls is not None:
                self.http = self._listener()
                await stack.enter_async_context(running("https", self.http.serve))
            if self.config.shared_store and self.config.advertise_address:
                await stack.enter_async_context(running("peers", self._peers().serve))
            if self.config.priority_and_fairness and self.config.keep_flow_control_objects:
                upkeep = Upkeep(self.cache, self.flow_control, writer(lambda: self.app), self._clock)
                await stack.enter_async_context(running("flow control objects", upkeep.serve))
            if self.config.aggregation:
                await publish_trust(self.config, self.cache, writer(lambda: self.app))
                await stack.enter_async_context(running("aggregator", self.aggregator.serve))
            self._state = "ready"
            ready.set()
            log.info("API server ready", address=self._address(), rv=self.cache.revision)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                self._state = "stopping"
                if self.config.shutdown_delay_seconds:
                    await asyncio.sleep(self.config.shutdown_delay_seconds)
                self.cache.close()
                await self.webhooks.close()

    async def _bootstrap(self) -> None:
        from .authz.bootstrap_policy import ensure_rbac
        from .bootstrap import Bootstrap

        await Bootstrap(self.app, self.cache, self.config).ensure()
        if "RBAC" in modes_of(self.config):
            await ensure_rbac(self.cache, self.app)
        await repair_service_network(self.registry)

    def _peers(self) -> "Peers":
        from .bootstrap import Bootstrap
        from .peers import Peers

        lead_to = Bootstrap(self.app, self.cache, self.config).lead_to
        return Peers(self._store, self.config.advertise_address, lead_to, self._clock)

    def _listener(self) -> "HttpServer":
        from ..base.http.server import HttpServer
        from ..base.x509 import KeyPair, server_context

        config, files = self.config, self.config.tls
        assert files is not None
        # Front proxies have a CA of their own; authentication tells the two apart again.
        client_ca = b"\n".join(Path(path).read_bytes() for path in (files.client_ca, config.request_header_ca) if path)
        context = server_context(KeyPair.load(files.certificate, files.key), client_ca=client_ca or None)
        return HttpServer(self.app, host=config.listen_host, port=config.listen_port, tls=context, name="apiserver")
