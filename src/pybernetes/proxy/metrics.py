"""What the proxy counts of itself, under upstream's names (kubeproxy_*).

seen (Service, EndpointSlice) ──▶ *_changes_total, *_changes_pending, last queued
turn done, refused            ──▶ duration, last synced, failures; how long a change of endpoints was under way
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from ..base.clock import Clock
from ..base.metrics import Counter, Gauge, Histogram, Registry, add_process_metrics
from .model import ServicePort

_SYNC_SECONDS = [0.001 * 2**step for step in range(15)]
_PROGRAMMING_SECONDS = [0.25, 0.5, *range(1, 60), *range(60, 120, 5), *range(120, 301, 30)]
_FAMILY = ("ip_family",)


class ProxyMetrics:
    """`registry` has them all. `ports`: those that each family serves, by its name, asked for at a scrape."""

    def __init__(self, clock: Clock, families: Sequence[str]) -> None:
        self.registry = Registry()
        self.ports: dict[str, Callable[[], Iterable[ServicePort]]] = {}
        self._clock = clock
        self._families = families
        self._began_at = clock.now()
        self._services: set[str] = set()
        self._endpoints: set[str] = set()
        self._triggers: list[datetime] = []
        add_process_metrics(self.registry)
        self._duration = self._histogram(
            "sync_proxy_rules_duration_seconds", "SyncProxyRules latency in seconds", _SYNC_SECONDS
        )
        self._programming = self._histogram(
            "network_programming_duration_seconds",
            "In Cluster Network Programming Latency in seconds",
            _PROGRAMMING_SECONDS,
        )
        self._queued = self._gauge(
            "sync_proxy_rules_last_queued_timestamp_seconds", "The last time a sync of proxy rules was queued", _FAMILY
        )
        self._synced = self._gauge(
            "sync_proxy_rules_last_timestamp_seconds", "The last time proxy rules were successfully synced", _FAMILY
        )
        self._endpoints_pending = self._gauge(
            "sync_proxy_rules_endpoint_changes_pending", "Pending proxy rules Endpoint changes"
        )
        self._endpoints_total = self._counter(
            "sync_proxy_rules_endpoint_changes_total", "Cumulative proxy rules Endpoint changes"
        )
        self._services_pending = self._gauge(
            "sync_proxy_rules_service_changes_pending", "Pending proxy rules Service changes"
        )
        self._services_total = self._counter(
            "sync_proxy_rules_service_changes_total", "Cumulative proxy rules Service changes"
        )
        self._failures = self._counter(
            "sync_proxy_rules_nftables_sync_failures_total", "Cumulative proxy nftables sync failures", _FAMILY
        )
        self._no_local = self._gauge(
            "sync_proxy_rules_no_local_endpoints_total",
            "Number of services with a Local traffic policy and no endpoints",
            ("ip_family", "traffic_policy"),
        )
        self._healthz = self._counter("proxy_healthz_total", "Cumulative proxy healthz HTTP status", ("code",))
        self._livez = self._counter("proxy_livez_total", "Cumulative proxy livez HTTP status", ("code",))
        for family in families:
            self._failures.inc((family,), 0)
        self.registry.on_collect(self._collect)

    def service_changed(self, key: str) -> None:
        """A Service differs from what was seen of it before."""
        self._services_total.inc()
        self._services.add(key)
        self._queue()

    def endpoints_changed(self, key: str, triggered_at: datetime | None) -> None:
        """A slice of a service differs. triggered_at: when what it follows did, if that is told and new."""
        self._endpoints_total.inc()
        self._endpoints.add(key)
        if triggered_at is not None and triggered_at >= self._began_at:
            self._triggers.append(triggered_at)
        self._queue()

    def applied(self, seconds: float) -> None:
        """Everything seen so far is in the kernel; the last turn took so long."""
        now = self._clock.now()
        for family in self._families:
            self._duration.observe(seconds, (family,))
            self._synced.set(now.timestamp(), (family,))
            for at in self._triggers:
                self._programming.observe((now - at).total_seconds(), (family,))
        self._triggers.clear()
        self._services.clear()
        self._endpoints.clear()

    def refused(self) -> None:
        """The kernel refused a turn; in one transaction for all families."""
        for family in self._families:
            self._failures.inc((family,))

    def asked(self, is_healthz: bool, status: int) -> None:
        """Somebody asked how the proxy is."""
        (self._healthz if is_healthz else self._livez).inc((str(status),))

    def _queue(self) -> None:
        now = self._clock.now().timestamp()
        for family in self._families:
            self._queued.set(now, (family,))

    def _collect(self) -> None:
        self._services_pending.set(len(self._services))
        self._endpoints_pending.set(len(self._endpoints))
        for family, ports_of in self.ports.items():
            ports = [port for port in ports_of() if port.everywhere]
            self._no_local.set(sum(not port.internal for port in ports), (family, "internal"))
            external = sum(port.external_local and not port.external for port in ports)
            self._no_local.set(external, (family, "external"))

    def _counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        found = Counter(f"kubeproxy_{name}", help, labels)
        self.registry.add(found)
        return found

    def _gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        found = Gauge(f"kubeproxy_{name}", help, labels)
        self.registry.add(found)
        return found

    def _histogram(self, name: str, help: str, buckets: Sequence[float]) -> Histogram:
        found = Histogram(f"kubeproxy_{name}", help, _FAMILY, buckets)
        self.registry.add(found)
        return found
