"""Which service addresses and node ports are free. Pure bookkeeping, no I/O.

A `Pool` knows what is held, whether by a stored object or by a write under way. Automatic choice prefers the upper part
of a pool, so that the lower part stays free for those who choose themselves (KEP-3070, KEP-3668).
"""

import ipaddress
import random
from collections.abc import Callable, Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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
        self._upper = min(first + reserved, last + 1)
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
    """The service addresses and node ports of one cluster. ValueError for a range that is none.

    `cidrs` is one range, or one of each family with a comma between; the first one's family is the default. `ranges`
    adds to the cluster's own range those of further ServiceCIDRs; addresses are chosen from the first range
    that has a free one.
    """

    def __init__(
        self, cidrs: str = "10.96.0.0/16", port_range: str = "30000-32767", choose: random.Random | None = None
    ) -> None:
        self._choose = choose or random.Random()
        self._pools: dict[Network, Pool] = {}
        self._own = [ipaddress.ip_network(cidr.strip()) for cidr in cidrs.split(",")]
        if len(self._own) > 2:
            raise ValueError("--service-cluster-ip-range must not contain more than two entries")
        if len({network.version for network in self._own}) < len(self._own):
            words = "--service-cluster-ip-range[0] and --service-cluster-ip-range[1] must be of different IP family"
            raise ValueError(words)
        self.families = tuple(f"IPv{network.version}" for network in self._own)
        self.ranges([])
        low, _, high = port_range.partition("-")
        self.port_range = port_range
        size = int(high) - int(low) + 1
        reserved = min(128, max(16, size // 32)) if size > 16 else 0
        self._ports = Pool(int(low), int(high), reserved, self._choose)

    def ranges(self, cidrs: Iterable[str]) -> None:
        """Give out addresses of these ranges too from now on, and of no others; what is held stays held."""
        wanted = {**dict.fromkeys(self._own), **{ipaddress.ip_network(cidr): None for cidr in cidrs}}
        self._pools = {network: self._pools.get(network) or self._pool(network) for network in wanted}

    def _pool(self, network: Network) -> Pool:
        # The first address names the network, the last one of IPv4 is its broadcast address.
        first, last = int(network[1]), int(network[-1]) - (1 if network.version == 4 else 0)
        return Pool(first, last, _reserved(last - first), self._choose)

    def _pool_of(self, number: int, version: int) -> Pool | None:
        for network, pool in self._pools.items():
            if network.version == version and pool.contains(number):
                return pool
        return None

    def _ranges(self, version: int) -> Iterable[str]:
        return [str(network) for network in self._pools if network.version == version]

    def take_address(self, text: str, owner: str) -> None:
        """A given address. Taken, OutOfRange."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            raise OutOfRange(f"the provided IP ({text}) is not a valid IP address") from None
        pool = self._pool_of(int(address), address.version)
        if pool is None:
            valid = f"The range of valid IPs is {', '.join(self._ranges(address.version))}"
            raise OutOfRange(f"the provided IP ({text}) is not in the valid range. {valid}")
        pool.take(int(address), owner)

    def take_any_address(self, owner: str, family: str = "") -> str:
        """A free address of a family (`IPv4`, `IPv6`; "" is the default one). Exhausted."""
        version = int((family or self.families[0])[-1])
        for network, pool in self._pools.items():
            if network.version != version:
                continue
            try:
                number = pool.take_any(owner)
            except Exhausted:
                continue
            return str(ipaddress.IPv4Address(number) if network.version == 4 else ipaddress.IPv6Address(number))
        raise Exhausted

    def release_address(self, text: str, owner: str) -> None:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return  # an object of that name was never given out
        pool = self._pool_of(int(address), address.version)
        if pool is not None:
            pool.release(int(address), owner)

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
