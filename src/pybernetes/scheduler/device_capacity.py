"""Consumable capacity (KEP-5075): a device that allows it serves several claims, each with a part of its capacities.

What a request takes of a capacity is what it asks for, rounded up as the capacity's `requestPolicy` says; of a capacity
that it does not mention the policy's default, or all. A device that serves one claim only has to have as much.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache

from pybernetes.api.dynamic_resource import CapacityRequestPolicy, Device, DeviceCapacity
from pybernetes.api.quantity import Quantity, parse

Amounts = dict[str, Quantity]
DeviceId = tuple[str, str, str]
"""(driver, pool, device)."""


def taken_of(device: Device, requests: Mapping[str, str]) -> Amounts | None:
    """What a request takes of each capacity of the device; None when the device cannot serve it even unused."""
    capacities = device.capacity or {}
    if not requests.keys() <= capacities.keys():
        return None
    found: Amounts = {}
    for name, capacity in capacities.items():
        amount = _rounded(parse(requests[name]) if name in requests else None, capacity)
        if _is_refused(amount, capacity.request_policy) or amount > parse(capacity.value):
            return None
        found[name] = amount
    return found


def _rounded(asked: Quantity | None, capacity: DeviceCapacity) -> Quantity:
    policy = capacity.request_policy
    if asked is None:
        return parse(policy.default if policy is not None and policy.default is not None else capacity.value)
    if policy is None:
        return asked
    allowed = policy.valid_range
    if allowed is not None and allowed.min is not None:
        least = parse(allowed.min)
        if asked < least:
            return least
        if allowed.step is None:
            return asked
        step = parse(allowed.step)
        steps = -((least - asked).nanos // step.nanos)
        return Quantity(least.nanos + steps * step.nanos, step.format)
    for text in policy.valid_values or ():
        if asked <= parse(text):
            return parse(text)
    return asked


def _is_refused(amount: Quantity, policy: CapacityRequestPolicy | None) -> bool:
    """Whether the policy has no such amount."""
    if policy is None or (policy.default is not None and amount == parse(policy.default)):
        return False
    allowed = policy.valid_range
    if allowed is not None:
        if allowed.max is not None and amount > parse(allowed.max):
            return True
        if allowed.step is None or allowed.min is None:
            return False
        return (amount - parse(allowed.min)).nanos % parse(allowed.step).nanos != 0
    return bool(policy.valid_values) and all(amount != parse(text) for text in policy.valid_values or ())


class Shares:
    """What is taken of devices that several claims share."""

    def __init__(self) -> None:
        self._taken: dict[DeviceId, Amounts] = {}
        self._users: dict[DeviceId, int] = {}

    def copy(self) -> "Shares":
        """For one search."""
        found = Shares()
        found._taken = {device: dict(amounts) for device, amounts in self._taken.items()}
        found._users = dict(self._users)
        return found

    @property
    def devices(self) -> Iterable[DeviceId]:
        """Those that somebody has a share of."""
        return self._users.keys()

    def suffice(self, device: Device, which: DeviceId, wanted: Amounts) -> bool:
        """Whether enough of every capacity is left."""
        taken = self._taken.get(which)
        if taken is None:
            return True
        capacities = device.capacity or {}
        return all(
            taken.get(name, _NOTHING) + amount <= parse(capacities[name].value) for name, amount in wanted.items()
        )

    def take(self, which: DeviceId, wanted: Mapping[str, Quantity]) -> None:
        """One more has a share."""
        taken = self._taken.setdefault(which, {})
        for name, amount in wanted.items():
            taken[name] = taken.get(name, _NOTHING) + amount
        self._users[which] = self._users.get(which, 0) + 1

    def give(self, which: DeviceId, wanted: Mapping[str, Quantity]) -> None:
        """One gives its share back."""
        self._users[which] -= 1
        if not self._users[which]:
            del self._users[which], self._taken[which]
            return
        taken = self._taken[which]
        for name, amount in wanted.items():
            taken[name] = taken[name] - amount


_NOTHING = Quantity.of(0)


@lru_cache(4096)
def amounts(texts: tuple[tuple[str, str], ...]) -> Mapping[str, Quantity]:
    """The amounts that a claim's status tells."""
    return {name: parse(text) for name, text in texts}
