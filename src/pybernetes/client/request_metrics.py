"""What a component shows of its requests to the API server, under client-go's names.

    rest_client_requests_total{code, method, host}            answers; code `<error>` when none came
    rest_client_request_duration_seconds{verb, host}          until the answer began
    rest_client_request_retries_total{code, verb, host}       those that the server asked to send again

All clients of one component share these.
"""

from ..base.metrics import Counter, Histogram, Registry

NO_ANSWER = "<error>"
_DURATION_SECONDS = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)


class RequestMetrics:
    """The numbers of one component; `host` is the server's `host:port`."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._requests = Counter(
            "rest_client_requests_total",
            "Number of HTTP requests, partitioned by status code, method, and host.",
            ("code", "method", "host"),
        )
        self._durations = Histogram(
            "rest_client_request_duration_seconds",
            "Request latency in seconds. Broken down by verb, and host.",
            ("verb", "host"),
            _DURATION_SECONDS,
        )
        self._retries = Counter(
            "rest_client_request_retries_total",
            "Number of request retries, partitioned by status code, verb, and host.",
            ("code", "verb", "host"),
        )
        self._registry = Registry((self._requests, self._durations, self._retries))

    def answered(self, method: str, code: int, seconds: float) -> None:
        """An answer began after so long."""
        self._requests.inc((str(code), method, self.host))
        self._durations.observe(seconds, (method, self.host))

    def lost(self, method: str, seconds: float) -> None:
        """There will be no answer."""
        self._requests.inc((NO_ANSWER, method, self.host))
        self._durations.observe(seconds, (method, self.host))

    def repeated(self, method: str, code: int) -> None:
        """The same request is sent again since the answer asked for it."""
        self._retries.inc((str(code), method, self.host))

    def text(self) -> bytes:
        """In the Prometheus text format."""
        return self._registry.text()
