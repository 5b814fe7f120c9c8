"""Which service addresses and node ports are free. Pure bookkeeping, no I/O.

A `Pool` knows what is held, whether by a stored object or by a write under way. Automatic choice prefers the upper part
of a pool, so that the lower part stays free for those who choose themselves (KEP-3070, KEP-3668).
"""

import ipaddress
import random
from collections.abc import Callable


class Taken(Exception):
    """The asked value is held by somebody else."""


class OutOfRange(Exception):
    """The asked value does not belong to the pool; the text tells what does."""


class Exhausted(Exception):
    """Nothing is free."""


class Pool:
    """Numbers first..last. Holds are counted by owner, so taking twice for the same owner is harmless."""

    def __init__(self, first: int, last: int, reserved: int, choose: random.Random) -> None:
        self._first = first
        self._last = last
        self._upper = first + reserved
        self._choose = choose
        self._owners: dict[int, str] = {}

    def contains(self, number: int) -> bool:
        return self._first <= number <= self._last

    def take(self, number: int, owner: str) -> None:
        """Taken when somebody else holds it."""
        if self._owners.get(number, owner) != owner:
            raise Taken
        self._owners[number] = owner

    def take_any(self, owner: str, suits: Callable[[int], bool] = lambda number: True) -> int:
        """A free number, from the upper part if there is one. Exhausted when the pool is full."""
        for low, high in ((self._upper, self._last), (self._first, self._upper - 1)):
            size = high - low + 1
            if size <= 0:
                continue
            start = self._choose.randrange(size)
            for step in range(size):
                number = low + (start + step) % size
                if number not in self._owners and suits(number):
                    self._owners[number] = owner
                    return number
        raise Exhausted

    def release(self, number: int, owner: str) -> None:
        """Free it if that owner holds it."""
        if self._owners.get(number) == owner:
            del self._owners[number]


def _reserved(size: int) -> int:
    """How much of a range is left to those who choose: between 16 and 256, a sixteenth of the range."""
    return min(max(16, size // 16), 256) if size > 16 else 0


class ServiceNetwork:
    """The service addresses and node ports of one cluster. ValueError for a range that is none."""

    def __init__(
        self, cidr: str = "10.96.0.0/16", port_range: str = "30000-32767", choose: random.Random | None = None
    ) -> None:
        choose = choose or random.Random()
        self._network = ipaddress.IPv4Network(cidr)
        first, last = int(self._network[1]), int(self._network[-1]) - 1
        self._addresses = Pool(first, last, _reserved(last - first), choose)
        low, _, high = port_range.partition("-")
        self.port_range = port_range
        self._ports = Pool(int(low), int(high), min(128, max(16, (int(high) - int(low)) // 32)), choose)

    def take_address(self, text: str, owner: str) -> None:
        """A given address. Taken, OutOfRange."""
        try:
            number = int(ipaddress.IPv4Address(text))
        except ValueError:
            raise OutOfRange(f"the provided IP ({text}) is not a valid IP address") from None
        if not self._addresses.contains(number):
            valid = f"The range of valid IPs is {self._network}"
            raise OutOfRange(f"the provided IP ({text}) is not in the valid range. {valid}")
        self._addresses.take(number, owner)

    def take_any_address(self, owner: str) -> str:
        """A free address. Exhausted."""
        return str(ipaddress.IPv4Address(self._addresses.take_any(owner)))

    def release_address(self, text: str, owner: str) -> None:
        self._addresses.release(int(ipaddress.IPv4Address(text)), owner)

    def take_port(self, number: int, owner: str) -> None:
        """A given node port. Taken, OutOfRange."""
        if not self._ports.contains(number):
            raise OutOfRange(f"provided port is not in the valid range. The range of valid ports is {self.port_range}")
        self._ports.take(number, owner)

    def take_any_port(self, owner: str) -> int:
        """A free node port. Exhausted."""
        return self._ports.take_any(owner)

    def release_port(self, number: int, owner: str) -> None:
        self._ports.release(number, owner)
