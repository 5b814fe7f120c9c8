"""The numbers of the API server, under upstream's names where dashboards rely on them."""

from ..api.feature_gates import FeatureGates
from ..api.resource import ResourceInfo
from ..base.metrics import Counter, Gauge, Histogram, Registry, add_process_metrics
from .watch_cache import WatchCache

_REQUEST = ("verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component", "code")
_DURATION = ("verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component")


_LONG = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_SIZES = tuple(10.0**power for power in range(3, 10))


class ServerMetrics:
    """One set per server."""

    def __init__(self, cache: WatchCache, gates: FeatureGates) -> None:
        self.requests = Counter("apiserver_request_total", "Requests by verb, resource and code.", _REQUEST)
        self.durations = Histogram("apiserver_request_duration_seconds", "Response latency in seconds.", _DURATION)
        self.sizes = Histogram(
            "apiserver_response_sizes",
            "Response size distribution in bytes for each group, version, verb, resource, subresource, scope and "
            "component.",
            _DURATION,  # `dry_run` is empty for reads, and so as good as not there
            _SIZES,
        )
        self.deprecated = Gauge(
            "apiserver_requested_deprecated_apis",
            "Deprecated APIs that have been requested.",
            ("group", "version", "resource", "subresource", "removed_release"),
        )
        self._long_running = Gauge("apiserver_longrunning_requests", "Open watches.", _LONG)
        self.in_flight = Gauge("apiserver_current_inflight_requests", "Requests in progress.", ("request_kind",))
        self.dropped = Counter("apiserver_dropped_requests_total", "Requests refused with 429.", ("request_kind",))
        self._objects = Gauge("apiserver_storage_objects", "Stored objects by resource.", ("resource",))
        self._watchers = Gauge("apiserver_registered_watchers", "Open watches by resource.", ("group", "kind"))
        self._lagged = Gauge("apiserver_terminated_watchers_total", "Watches ended for lagging.", ("resource",))
        self._revision = Gauge("apiserver_watch_cache_resource_version", "Revision of the watch cache.")
        features = Gauge("kubernetes_feature_enabled", "Whether a feature gate is on, by stage.", ("name", "stage"))
        for name, enabled in gates.items():
            features.set(int(enabled), (name, gates.stage(name)))
        self._cache = cache
        self.registry = Registry(
            [
                self.requests,
                self.durations,
                self.sizes,
                self.deprecated,
                self._long_running,
                self.in_flight,
                self.dropped,
                self._objects,
                self._watchers,
                self._lagged,
                self._revision,
                features,
            ]
        )
        self.registry.on_collect(self._collect)
        add_process_metrics(self.registry)

    def _collect(self) -> None:
        self._objects.values.clear()  # resources go, too
        for cache in self._cache.caches():
            info = cache.info
            self._objects.set(len(cache), (info.group_resource,))
            if len(cache.fanout):
                self._watchers.set(len(cache.fanout), (info.group, info.kind))
            else:
                self._watchers.remove((info.group, info.kind))
            in_namespaces = cache.fanout.in_namespaces()
            self._watching(info, "namespace", in_namespaces)
            self._watching(info, "cluster", len(cache.fanout) - in_namespaces)
            if cache.fanout.lagged:
                self._lagged.set(cache.fanout.lagged, (info.group_resource,))
        self._revision.set(self._cache.revision)

    def _watching(self, info: ResourceInfo, scope: str, count: int) -> None:
        labels = ("WATCH", info.group, info.version, info.plural, "", scope, "apiserver")
        if count:
            self._long_running.set(count, labels)
        else:
            self._long_running.remove(labels)
