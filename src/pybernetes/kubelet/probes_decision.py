"""When the outcome of single probes becomes a verdict: pure counting.

A verdict changes only after `success_threshold` successes or `failure_threshold` failures in a row (page "Configure
Probes"). Before the first one a container counts as alive, not ready, and not started. A liveness or startup failure is
final for this run of the container: it is on hold until the container was replaced.

                  successes >= threshold
        initial ─────────────────────────▶ success ◀──┐
           │                                  │       │ (readiness only)
           └──────────────▶ failure ◀─────────┘───────┘
                  failures >= threshold
"""

from typing import Literal

import msgspec

from pybernetes.api.core import Probe

ProbeKind = Literal["liveness", "readiness", "startup"]

INITIAL: dict[str, bool | None] = {"liveness": True, "readiness": False, "startup": None}


class ProbeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """A probe's numbers with the defaults of the API."""

    initial_delay_seconds: float = 0
    period_seconds: float = 10
    timeout_seconds: float = 1
    success_threshold: int = 1
    failure_threshold: int = 3


def settings_of(probe: Probe) -> ProbeSettings:
    """The numbers of a probe; absent ones take the API's defaults."""
    return ProbeSettings(
        initial_delay_seconds=probe.initial_delay_seconds or 0,
        period_seconds=probe.period_seconds or 10,
        timeout_seconds=probe.timeout_seconds or 1,
        success_threshold=probe.success_threshold or 1,
        failure_threshold=probe.failure_threshold or 3,
    )


class ProbeState:
    """What one probe of one container run has come to."""

    def __init__(self, kind: ProbeKind, settings: ProbeSettings) -> None:
        self.kind = kind
        self.verdict: bool | None = INITIAL[kind]
        self.on_hold = False
        self._settings = settings
        self._last: bool | None = None
        self._run = 0

    def observe(self, success: bool) -> bool:
        """Count one outcome; True if the verdict changed."""
        if self.on_hold:
            return False
        self._run = self._run + 1 if success is self._last else 1
        self._last = success
        threshold = self._settings.success_threshold if success else self._settings.failure_threshold
        if self._run < threshold:
            return False
        changed = self.verdict is not success
        self.verdict = success
        if not success and self.kind != "readiness":
            self.on_hold = True
        return changed
