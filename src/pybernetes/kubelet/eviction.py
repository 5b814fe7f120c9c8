"""Which pods have to go when the node runs short of memory, disk or process ids: pure decisions.

    observations ──▶ thresholds met ──▶ conditions (MemoryPressure, ...) with their 5 minutes of hold
                                    └─▶ those that are due: hard ones at once, soft ones after their grace period
                                         └─▶ ranked pods ──▶ the one to evict, and what to tell its owner

Follows the page "Node-pressure Eviction": first the pods that use more than they asked for, then the lower priority,
then the larger excess. Critical pods are never chosen. `eviction_manager.py` observes and acts.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from pybernetes.api.core import Container, Pod

from .eviction_thresholds import CONDITIONS, DEFAULT_THRESHOLDS, RESOURCES, Signal, Threshold
from .kernel.resources import is_critical, memory_bytes, requests_of
from .stats import PodUsage

TRANSITION_SECONDS = 300.0
HARD_GRACE_SECONDS = 1
"""A hard eviction leaves no time, as the node has none."""


class Observation(msgspec.Struct, frozen=True):
    """How much of something is left."""

    available: int
    capacity: int


def thresholds_met(
    observations: Mapping[Signal, Observation],
    thresholds: Sequence[Threshold] = DEFAULT_THRESHOLDS,
    crossed: Collection[Threshold] = (),
) -> list[Threshold]:
    """The thresholds that are crossed now; what was not observed is not. Those that were `crossed` before stay so until
    their minimum is reclaimed too."""
    found = []
    for threshold in thresholds:
        seen = observations.get(threshold.signal)
        if seen is None or seen.capacity <= 0:
            continue
        limit = threshold.enough(seen.capacity) if threshold in crossed else threshold.limit(seen.capacity)
        if seen.available < limit:
            found.append(threshold)
    return found


class ThresholdWatch:
    """Since when thresholds are crossed, and which of them call for an eviction."""

    def __init__(self, thresholds: Sequence[Threshold]) -> None:
        self._thresholds = thresholds
        self._since: dict[Threshold, datetime] = {}
        self._due: list[Threshold] = []

    def update(self, observations: Mapping[Signal, Observation], now: datetime) -> list[Threshold]:
        """The thresholds that are crossed, for the node's conditions; `due` is brought up to date."""
        met = thresholds_met(observations, self._thresholds, self._due)
        self._since = {threshold: self._since.get(threshold, now) for threshold in met}
        self._due = [t for t in met if (now - self._since[t]).total_seconds() >= t.grace_seconds]
        return met

    @property
    def due(self) -> Sequence[Threshold]:
        """Those that were crossed for as long as their grace period, the most urgent first."""
        return self._due


def eviction_grace_seconds(pod: Pod, threshold: Threshold, maximum: int) -> int:
    """How long an evicted pod has to end: nothing for a hard threshold, its own time up to a maximum for a soft one."""
    if not threshold.grace_seconds:
        return HARD_GRACE_SECONDS
    own = pod.spec.termination_grace_period_seconds
    return max(maximum if own is None else min(own, maximum), HARD_GRACE_SECONDS)


class Pressures:
    """The node's pressure conditions: they come at once and go some time after the last time they held."""

    def __init__(self, transition_seconds: float = TRANSITION_SECONDS) -> None:
        self._hold = timedelta(seconds=transition_seconds)
        self._last: dict[str, datetime] = {}

    def update(self, met: Sequence[Threshold], now: datetime) -> frozenset[str]:
        """The conditions that hold."""
        current = {CONDITIONS[threshold.signal]: now for threshold in met}
        self._last = {name: last for name, last in self._last.items() if now - last < self._hold} | current
        return frozenset(self._last)


def _pod_memory_request(pod: Pod) -> int:
    return sum(memory_bytes(requests_of(container)) for container in pod.spec.containers or ())


def usage_of(usage: PodUsage, signal: Signal) -> int:
    """What the pod uses of the resource behind a signal."""
    if signal == "memory.available":
        if usage.own is not None:
            return usage.own.memory_working_set_bytes
        found = [stats.memory for stats in usage.containers.values() if stats.memory is not None]
        return sum(memory.working_set_bytes or 0 for memory in found)
    if signal == "pid.available":
        return usage.own.processes if usage.own is not None else 0
    layers = [stats.writable_layer for stats in usage.containers.values() if stats.writable_layer is not None]
    if signal == "nodefs.inodesFree":
        return sum(layer.inodes_used or 0 for layer in layers)
    return sum(layer.used_bytes or 0 for layer in layers)


def rank(pods: Sequence[PodUsage], signal: Signal) -> list[PodUsage]:
    """The pods that may be evicted for a signal, the first to go first."""

    def order(usage: PodUsage) -> tuple[bool, int, int]:
        used = usage_of(usage, signal)
        asked = _pod_memory_request(usage.pod) if signal == "memory.available" else 0
        within = used <= asked if signal != "pid.available" else False
        return within, usage.pod.spec.priority or 0, asked - used

    return sorted((usage for usage in pods if not is_critical(usage.pod)), key=order)


def binary_amount(amount: int) -> str:
    """Bytes the way events write them: the largest binary unit that loses nothing."""
    for unit, suffix in ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki")):
        if amount and amount % unit == 0:
            return f"{amount // unit}{suffix}"
    return str(amount)


def _container_named(pod: Pod, name: str) -> Container | None:
    return next((container for container in pod.spec.containers or () if container.name == name), None)


def eviction_message(victim: PodUsage, threshold: Threshold, observation: Observation) -> str:
    """What the pod's status and event say: what was short, and which of its containers used more than they asked."""
    resource = RESOURCES[threshold.signal]
    limit, left = threshold.limit(observation.capacity), observation.available
    bytes_counted = threshold.signal.endswith(".available") and threshold.signal != "pid.available"
    shown = (binary_amount(limit), binary_amount(left)) if bytes_counted else (str(limit), str(left))
    text = f"The node was low on resource: {resource}. Threshold quantity: {shown[0]}, available: {shown[1]}. "
    if threshold.signal != "memory.available":
        return text
    for name, stats in sorted(victim.containers.items()):
        container = _container_named(victim.pod, name)
        used = (stats.memory.working_set_bytes or 0) if stats.memory is not None else 0
        asked = memory_bytes(requests_of(container)) if container is not None else 0
        if used > asked:
            text += (
                f"Container {name} was using {binary_amount(used)}, request is {binary_amount(asked)}, "
                f"has larger consumption of {resource}. "
            )
    return text
