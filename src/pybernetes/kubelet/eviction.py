"""Which pods have to go when the node runs short of memory, disk or process ids: pure decisions.

    observations ──▶ thresholds met ──▶ conditions (MemoryPressure, ...) with their 5 minutes of hold
                                    └─▶ ranked pods ──▶ the one to evict, and what to tell its owner

Follows the page "Node-pressure Eviction": first the pods that use more than they asked for, then the lower priority,
then the larger excess. Critical pods are never chosen. `eviction_manager.py` observes and acts.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from pybernetes.api.core import Container, Pod

from .kernel.resources import is_critical, memory_bytes, requests_of
from .stats import PodUsage

Signal = Literal["memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "pid.available"]

TRANSITION_SECONDS = 300.0

CONDITIONS: Mapping[Signal, str] = {
    "memory.available": "MemoryPressure",
    "nodefs.available": "DiskPressure",
    "nodefs.inodesFree": "DiskPressure",
    "imagefs.available": "DiskPressure",
    "pid.available": "PIDPressure",
}
RESOURCES: Mapping[Signal, str] = {
    "memory.available": "memory",
    "nodefs.available": "ephemeral-storage",
    "nodefs.inodesFree": "inodes",
    "imagefs.available": "ephemeral-storage",
    "pid.available": "pids",
}


class Observation(msgspec.Struct, frozen=True):
    """How much of something is left."""

    available: int
    capacity: int


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """Less than this calls for eviction: an amount, or a share of the capacity."""

    signal: Signal
    amount: int = 0
    percent: float = 0.0

    def limit(self, capacity: int) -> int:
        """The amount below which the threshold is met."""
        return int(capacity * self.percent / 100) if self.percent else self.amount


DEFAULT_THRESHOLDS = (
    Threshold(signal="memory.available", amount=100 << 20),
    Threshold(signal="nodefs.available", percent=10),
    Threshold(signal="nodefs.inodesFree", percent=5),
    Threshold(signal="imagefs.available", percent=15),
    Threshold(signal="pid.available", percent=2),
)
"""In the order in which they are dealt with: memory first, as upstream."""


def thresholds_met(
    observations: Mapping[Signal, Observation], thresholds: Sequence[Threshold] = DEFAULT_THRESHOLDS
) -> list[Threshold]:
    """The thresholds that are crossed now; what was not observed is not."""
    found = []
    for threshold in thresholds:
        seen = observations.get(threshold.signal)
        if seen is not None and seen.capacity > 0 and seen.available < threshold.limit(seen.capacity):
            found.append(threshold)
    return found


class Pressures:
    """The node's pressure conditions: they come at once and go five minutes after the last time they held."""

    def __init__(self) -> None:
        self._last: dict[str, datetime] = {}

    def update(self, met: Sequence[Threshold], now: datetime) -> frozenset[str]:
        """The conditions that hold."""
        for threshold in met:
            self._last[CONDITIONS[threshold.signal]] = now
        hold = timedelta(seconds=TRANSITION_SECONDS)
        self._last = {name: last for name, last in self._last.items() if now - last < hold}
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
