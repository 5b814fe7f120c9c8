"""When the node runs short of something: thresholds by signal, as a KubeletConfiguration has them.

    evictionHard            {"memory.available": "100Mi"} ──▶ kept_back: what pods may not request
    evictionSoft            {"memory.available": "500Mi"}       has to hold for as long as
    evictionSoftGracePeriod {"memory.available": "1m30s"}       in seconds here
    evictionMinimumReclaim  {"memory.available": "200Mi"}       how much more must be there before it is enough
      └─▶ all_thresholds ──▶ Threshold, at most two a signal, memory's first

Follows the page "Node-pressure Eviction".
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from ..api import quantity

Signal = Literal["memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "pid.available"]

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


class Threshold(msgspec.Struct, frozen=True, kw_only=True):
    """Less than this calls for eviction: an amount, or a share of the capacity."""

    signal: Signal
    amount: int = 0
    percent: float = 0.0
    grace_seconds: float = 0.0
    """It has to hold so long before a pod goes; 0 for a hard threshold."""
    reclaim: "Threshold | None" = None
    """Once it was crossed, so much more must be left before it is over."""

    def limit(self, capacity: int) -> int:
        """The amount below which the threshold is met."""
        return int(capacity * self.percent / 100) if self.percent else self.amount

    def enough(self, capacity: int) -> int:
        """The amount below which a threshold that was crossed is not over."""
        return self.limit(capacity) + (self.reclaim.limit(capacity) if self.reclaim is not None else 0)


EVICTION_HARD: Mapping[str, str] = MappingProxyType(
    {
        "memory.available": "100Mi",
        "nodefs.available": "10%",
        "nodefs.inodesFree": "5%",
        "imagefs.available": "15%",
        "pid.available": "2%",
    }
)
"""What is in force unless a configuration says otherwise, in the order in which it is dealt with: memory first."""


def parse_thresholds(settings: Mapping[str, str]) -> tuple[Threshold, ...]:
    """Thresholds from amounts or percentages by signal; 0% and 100% switch one off. ValueError names what cannot be."""
    if unknown := [signal for signal in settings if signal not in CONDITIONS]:
        raise ValueError(f"there is no eviction signal {unknown[0]}; there are: {', '.join(CONDITIONS)}")
    found = [_threshold(signal, settings[signal]) for signal in CONDITIONS if signal in settings]
    return tuple(threshold for threshold in found if threshold is not None)


def all_thresholds(
    hard: Mapping[str, str],
    soft: Mapping[str, str],
    soft_grace_seconds: Mapping[str, float],
    minimum_reclaim: Mapping[str, str],
) -> tuple[Threshold, ...]:
    """Hard and soft thresholds, memory's first. ValueError names what cannot be."""
    reclaim = {threshold.signal: threshold for threshold in parse_thresholds(minimum_reclaim)}
    found = list(parse_thresholds(hard))
    for signal in soft_grace_seconds:
        if signal not in CONDITIONS:
            raise ValueError(f"there is no eviction signal {signal}; there are: {', '.join(CONDITIONS)}")
    for threshold in parse_thresholds(soft):
        if threshold.signal not in soft_grace_seconds:
            raise ValueError(f"grace period must be specified for the soft eviction threshold {threshold.signal}")
        seconds = soft_grace_seconds[threshold.signal]
        found.append(msgspec.structs.replace(threshold, grace_seconds=seconds))
    order = list(CONDITIONS)
    found.sort(key=lambda threshold: order.index(threshold.signal))
    return tuple(msgspec.structs.replace(t, reclaim=reclaim.get(t.signal)) for t in found)


def _threshold(signal: Signal, text: str) -> Threshold | None:
    is_share = text.endswith("%")
    try:
        amount = float(text[:-1]) if is_share else quantity.value(text)
    except ValueError:
        raise ValueError(f"{signal}: {text} is neither an amount such as 1Gi nor a percentage such as 10%") from None
    if amount < 0 or (is_share and amount > 100):
        raise ValueError(f"{signal}: {text} is not {'between 0% and 100%' if is_share else 'positive'}")
    if is_share:
        return Threshold(signal=signal, percent=amount) if 0 < amount < 100 else None
    return Threshold(signal=signal, amount=int(amount))


DEFAULT_THRESHOLDS = parse_thresholds(EVICTION_HARD)


def kept_back(settings: Mapping[str, str], signal: Signal, capacity: int) -> int:
    """How much of a capacity the threshold of a signal takes from what pods may request."""
    found = [threshold for threshold in parse_thresholds(settings) if threshold.signal == signal]
    return found[0].limit(capacity) if found else 0
