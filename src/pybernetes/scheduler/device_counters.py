"""Partitionable devices (KEP-4815): devices that are cut from one piece of hardware share counters of their pool.

A pool's slices offer sets of counters; a device consumes some of them, wherever it is used. What devices that are in
use consume is gone for the others, also on other nodes.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from pybernetes.api.dynamic_resource import Device, ResourceSlice
from pybernetes.api.quantity import parse

CounterId = tuple[str, str, str, str]
"""(driver, pool, set, counter)."""
Consumption = tuple[tuple[CounterId, Any], ...]
"""What one device takes of each counter."""


def consumption(device: Device, driver: str, pool: str) -> Consumption:
    """What the device consumes while it is in use."""
    found: dict[CounterId, Any] = {}
    for row in device.consumes_counters or ():
        for name, counter in (row.counters or {}).items():
            key = (driver, pool, row.counter_set, name)
            found[key] = found.get(key, 0) + parse(counter.value)
    return tuple(found.items())


class Counters:
    """What is left of the counters."""

    def __init__(self, left: dict[CounterId, Any]) -> None:
        self._left = left

    @staticmethod
    def of(slices: Sequence[ResourceSlice], taken: Iterable[tuple[str, str, str]]) -> "Counters":
        """What the pools offer less what the devices in use consume."""
        counters = Counters({})
        for one in slices:
            for group in one.spec.shared_counters or ():
                for name, counter in (group.counters or {}).items():
                    counters._left[one.spec.driver, one.spec.pool.name, group.name, name] = parse(counter.value)
        if counters._left:
            used = frozenset(taken)
            for one in slices:
                driver, pool = one.spec.driver, one.spec.pool.name
                for device in one.spec.devices or ():
                    if (driver, pool, device.name) in used:
                        counters.take(consumption(device, driver, pool))
        return counters

    def copy(self) -> "Counters":
        """For one search."""
        return Counters(dict(self._left)) if self._left else self

    def suffice(self, wanted: Consumption) -> bool:
        """Whether enough is left; of a counter that nobody offers there is none."""
        return all(self._left.get(key, -1) >= amount for key, amount in wanted)

    def take(self, wanted: Consumption) -> None:
        """The device is in use."""
        for key, amount in wanted:
            if key in self._left:
                self._left[key] -= amount

    def give(self, wanted: Consumption) -> None:
        """It is not."""
        for key, amount in wanted:
            if key in self._left:
                self._left[key] += amount
