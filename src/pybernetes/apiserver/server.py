"""The API server, assembled: store -> watch cache -> registry -> verbs, behind the filters of `filters.CHAIN`.

`app` is the whole server as one function and needs no socket: components in the same process call it directly. `serve`
starts the caches, writes the objects every cluster has, then opens the HTTPS port when the configuration names one.
On the way down `/readyz` fails first, then watches end, then the listener closes.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from ..api.feature_gates import FeatureGates
from ..api.resource import ResourceInfo, resources
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.http.health import Health
from ..base.http.message import App, Request, Response
from ..base.log import logger
from ..base.tasks import running
from ..client.zpages import flagz, statusz
from ..store.store import Store, StoreError
from .admission.chain import AdmissionChain
from .admission.own_writes import writer
from .admission.webhook.client import WebhookClient
from .aggregation.aggregator import Aggregator
from .assembly import (
    admission_plugins,
    build_audit,
    encrypted_store,
    encryption_keys,
    proxy_identity,
    publish_trust,
    repair_service_network,
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
from .flags import flags_of
from .flow_control.debug import PREFIX as DEBUG_PREFIX
from .flow_control.debug import DebugPages
from .flow_control.filter import PriorityAndFairness
from .flow_control.flow_control import FlowControl
from .flow_control.upkeep import Upkeep
from .history.author import remember_author
from .history.journal import Journal
from .history.page import PATH as HISTORY_PATH
from .history.page import HistoryPage
from .identity import followed, modes_of, security_filters
from .identity_lease import IdentityLease
from .metrics import ServerMetrics
from .pages import Pages
from .registry import Registry
from .runtime_config import served
from .start_hooks import start_hooks
from .watch_cache import WatchCache

if TYPE_CHECKING:
    from ..base.http.server import HttpServer
    from .openapi import OpenApi
    from .peers import Peers
    from .reload.files import FollowedFiles
    from .reload.serving import ServingTls

_STORE_CHECK_SECONDS = 2.0
"""As upstream's --etcd-healthcheck-timeout."""

log = logger(__name__)

COMPONENT = "kube-apiserver"


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
        self._clock = clock
        self._journal = Journal(store, clock, config.retention)
        store = self._journal
        self.cache = WatchCache(store)
        self._journal.on_horizon = self.cache.forget_before
        self.admission = AdmissionChain()
        self.registry = Registry(store, self.cache, self.admission, clock)
        if encryption is not None:
            self.registry.is_stale = encryption.is_stale
        self.gates = self.registry.gates = FeatureGates(config.feature_gates)
        self.registry.declare(served(resources().values(), config.runtime_config, self.gates))
        self.metrics = ServerMetrics(self.cache, self.gates)
        self.health = Health()
        self.pages = Pages(self.metrics.registry, self._paths)
        if self.gates["ComponentStatusz"]:
            self.pages.served["/statusz"] = statusz(COMPONENT, lambda: [*self._paths(), *self.pages.served])
        if self.gates["ComponentFlagz"]:
            self.pages.served["/flagz"] = flagz(COMPONENT, lambda: flags_of(config))
        self.discovery = Discovery(self.registry.infos(), self._address(), hashes=self.gates["StorageVersionHash"])
        self.http: HttpServer | None = None
        self.tls: ServingTls | None = None
        self._keys = encryption_keys(config, encryption, self.metrics.registry, clock)
        self._openapi: OpenApi | None = None
        self._state = "starting"
        self.dispatcher = Dispatcher(
            self.registry,
            self.cache,
            [self.health.page, self._discovery_page, self.pages.page, self._openapi_page],
            self.metrics.deprecated,
        )
        history = HistoryPage(self._journal.past, self.registry.infos, lambda: self.authorizer, clock)
        self.pages.served[HISTORY_PATH] = history.serve
        security = security_filters(config, self.cache, self.dispatcher, self.pages, self.gates, clock)
        self._security = security
        self.authorizer = self.registry.authorizer = security.authorizer
        self.webhooks = WebhookClient(self.cache)
        self.metrics.registry.add(self.admission.steps)
        self.metrics.registry.add(self.webhooks.durations)
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
            "metrics": Measure(self.metrics, self.registry.find),
            **self._load_filter(),
            **audit,
            "timeout": Timeout(config.request_timeout_seconds),
            **security.filters,
            "history": remember_author,
        }
        write = writer(lambda: self.app)
        identity = proxy_identity(config)
        self.followed: list[FollowedFiles] = [] if identity is None else [identity.files]
        """Files whose changes are taken up while it serves; whoever builds on this server adds its own."""
        self.aggregator = Aggregator(self.cache, write, clock, identity=identity, infos=self.registry.infos)
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

            self._openapi = OpenApi(self.registry.infos(), self.custom.published, enums=self.gates["OpenAPIEnums"])
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
        for name, check in self._keys.checks().items() if self._keys is not None else ():
            health.add(name, check)
        health.add("etcd-readiness", self._store_check, ("readyz",))
        health.add("informer-sync", self._started_check, ("readyz",))
        identity_lease = self.gates["APIServerIdentity"] and self.config.keep_identity_lease
        for name in start_hooks(self.config, identity_lease=identity_lease):
            health.add(name, self._started_check)
        health.add("shutdown", lambda: "process is shutting down" if self._state == "stopping" else "", ("readyz",))

    async def _store_check(self) -> str:
        try:
            async with asyncio.timeout(_STORE_CHECK_SECONDS):
                await self._store.revision()
        except (StoreError, TimeoutError):
            return "the store does not answer"
        return "" if self.cache.following else "the store is not followed"

    def _started_check(self) -> str:
        return "not finished" if self._state == "starting" else ""

    # -- life

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; ready once requests can be answered and the cluster's first objects are there."""
        async with AsyncExitStack() as stack:
            if self._keys is not None:
                await stack.enter_async_context(running("encryption", self._keys.serve))
            await stack.enter_async_context(running("history", self._journal.serve))
            await stack.enter_async_context(running("watch cache", self.cache.serve))
            for backend in self._audit_backends:
                await stack.enter_async_context(running("audit", backend.serve))
            await stack.enter_async_context(running("custom resources", self.custom.serve))
            if self.config.bootstrap:
                await self._bootstrap()
            configuration = followed(self.config, self._security, self.cache, self.metrics.registry, self._clock)
            for files in (*configuration, *self.followed):
                await stack.enter_async_context(running("configuration", files.serve))
            if self.config.tls is not None:
                self.tls = self._serving_tls()
                self.http = self.listener(self.config.listen_host, self.config.listen_port)
                await stack.enter_async_context(running("https", self.http.serve))
                await stack.enter_async_context(running("certificates", self.tls.serve))
            if self.config.shared_store and self.config.advertise_address:
                await stack.enter_async_context(running("peers", self._peers().serve))
            if self.config.priority_and_fairness and self.config.keep_flow_control_objects:
                upkeep = Upkeep(self.cache, self.flow_control, writer(lambda: self.app), self._clock)
                await stack.enter_async_context(running("flow control objects", upkeep.serve))
            if self.gates["APIServerIdentity"] and self.config.keep_identity_lease:
                lease = IdentityLease(self.cache, writer(lambda: self.app), self._clock)
                await stack.enter_async_context(running("identity lease", lease.serve))
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
            await ensure_rbac(self.cache, self.app, self.gates)
        await repair_service_network(self.registry)

    def _peers(self) -> "Peers":
        from .bootstrap import Bootstrap
        from .peers import Peers

        lead_to = Bootstrap(self.app, self.cache, self.config).lead_to
        return Peers(self._store, self.config.advertise_address, lead_to, self._clock)

    def _serving_tls(self) -> "ServingTls":
        from .reload.serving import ServingTls

        config = self.config
        assert config.tls is not None

        async def trust(client_ca: bytes, request_header_ca: bytes) -> None:
            await self._security.trust(client_ca, request_header_ca)
            if config.aggregation:
                await publish_trust(config, self.cache, writer(lambda: self.app))

        return ServingTls(config.tls, config.request_header_ca, trust)

    def listener(self, host: str, port: int) -> "HttpServer":
        """One more port, once the server serves; its certificate follows the files as that of the first does."""
        assert self.tls is not None
        return self.tls.listener(self.app, host, port)
