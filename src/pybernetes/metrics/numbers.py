"""The metrics server's own metrics, under the names of upstream's."""

from ..base.metrics import LATENCY_SECONDS, Counter, Gauge, Histogram, Registry


class ServerNumbers:
    """What the metrics server has done."""

    def __init__(self) -> None:
        self._requests = Counter(
            "metrics_server_kubelet_request_total", "Number of requests sent to Kubelet API", ("success",)
        )
        self._durations = Histogram(
            "metrics_server_kubelet_request_duration_seconds",
            "Duration of requests to Kubelet API in seconds",
            ("node",),
            LATENCY_SECONDS,
        )
        self._looks = Histogram(
            "metrics_server_manager_tick_duration_seconds",
            "The total time spent collecting and storing metrics in seconds.",
            (),
            LATENCY_SECONDS,
        )
        self._stored = Gauge("metrics_server_storage_points", "Number of metrics points stored.", ("type",))
        self.registry = Registry((self._requests, self._durations, self._looks, self._stored))

    def asked(self, node: str, seconds: float, *, success: bool) -> None:
        """A kubelet was asked."""
        self._requests.inc((str(success).lower(),))
        self._durations.observe(seconds, (node,))

    def looked(self, seconds: float, nodes: int, containers: int) -> None:
        """A look is over; so many nodes and containers are known now."""
        self._looks.observe(seconds)
        self._stored.set(nodes, ("node",))
        self._stored.set(containers, ("container",))
