"""How the zones fare, under upstream's names."""

from ...base.metrics import Counter, Gauge, Registry
from .zones import Zones

_ZONE = ("zone",)


class NodeMetrics:
    """The metrics of the node lifecycle controller, in `registry`."""

    def __init__(self, registry: Registry, zones: Zones) -> None:
        self._zones = zones
        self.evictions = Counter(
            "node_collector_evictions_total",
            "Number of Node evictions that happened since current instance of NodeController started.",
            _ZONE,
        )
        self._health = Gauge(
            "node_collector_zone_health", "Gauge measuring percentage of healthy nodes per zone.", _ZONE
        )
        self._size = Gauge("node_collector_zone_size", "Gauge measuring number of registered Nodes per zones.", _ZONE)
        self._unhealthy = Gauge(
            "node_collector_unhealthy_nodes_in_zone",
            "Gauge measuring number of not Ready Nodes per zones.",
            _ZONE,
        )
        for metric in (self.evictions, self._health, self._size, self._unhealthy):
            registry.add(metric)
        registry.on_collect(self._collect)

    def _collect(self) -> None:
        for gauge in (self._health, self._size, self._unhealthy):
            gauge.values.clear()
        for zone in self._zones.states():
            size, unhealthy = self._zones.size(zone), self._zones.unhealthy(zone)
            self._size.set(size, (zone,))
            self._unhealthy.set(unhealthy, (zone,))
            self._health.set(100 * (size - unhealthy) / size, (zone,))
