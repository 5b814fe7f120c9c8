"""The numbers of one followed configuration, under upstream's names."""

import hashlib
import socket

from ...base.clock import Clock
from ...base.metrics import Counter, Gauge, Registry
from ..identity_lease import identity_of

_LABELS = ("apiserver_id_hash", "status")


def server_id() -> str:
    """The name under which this server is told apart from its peers in metrics, hashed as upstream does."""
    return "sha256:" + hashlib.sha256(identity_of(socket.gethostname()).encode()).hexdigest()


class ReloadMetrics:
    """`apiserver_<what>_config_controller_*` for what in authentication, authorization, encryption."""

    def __init__(self, what: str, registry: Registry, clock: Clock) -> None:
        name = f"apiserver_{what}_config_controller"
        self._clock = clock
        self._id = server_id()
        self._total = Counter(
            f"{name}_automatic_reloads_total",
            f"Total number of automatic reloads of {what} configuration split by status and apiserver identity.",
            _LABELS,
        )
        self._last = Gauge(
            f"{name}_automatic_reload_last_timestamp_seconds",
            f"Timestamp of the last automatic reload of {what} configuration split by status and apiserver identity.",
            _LABELS,
        )
        self._info = Gauge(
            f"{name}_last_config_info",
            f"Information about the last applied {what} configuration with hash as label, split by apiserver identity.",
            ("apiserver_id_hash", "hash"),
        )
        for metric in (self._total, self._last, self._info):
            registry.add(metric)

    def loaded(self, digest: str) -> None:
        """This content is in force; `digest` is hexadecimal."""
        self._info.values.clear()
        self._info.set(1, (self._id, f"sha256:{digest}"))

    def tried(self, *, succeeded: bool) -> None:
        """A changed file was looked at."""
        labels = (self._id, "success" if succeeded else "failure")
        self._total.inc(labels)
        self._last.set(self._clock.now().timestamp(), labels)
