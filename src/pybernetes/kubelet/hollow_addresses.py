"""Addresses of simulated nodes and of their pods, in each family of the cluster. No I/O."""

import ipaddress
import itertools
from collections.abc import Sequence

_NODES = {4: ipaddress.ip_address("10.250.0.0"), 6: ipaddress.ip_address("fd00:10:250::")}
_MADE_UP = {4: (ipaddress.ip_address("100.64.0.0"), 256, 24), 6: (ipaddress.ip_address("fd00:100:64::"), 1 << 64, 64)}
"""For nodes beyond those the cluster's pod range has room for: first address, distance, prefix. Nothing routes them."""
_MOST_PODS = 65_000


def node_addresses(index: int, families: Sequence[int]) -> tuple[str, ...]:
    """Those of a node by its number, of each family in order."""
    return tuple(str(_NODES[family] + index + 1) for family in families)


def made_up_ranges(index: int, families: Sequence[int]) -> tuple[str, ...]:
    """Pod ranges of a node for which the cluster has none left."""
    found = []
    for family in families:
        first, distance, prefix = _MADE_UP[family]
        found.append(f"{first + index % 16384 * distance}/{prefix}")
    return tuple(found)


class PodAddresses:
    """The addresses of one node's pods; `ranges` has one for each family, none as long as it is not known."""

    def __init__(self) -> None:
        self.ranges: tuple[str, ...] = ()
        self._used: dict[str, int] = {}
        self._numbers = itertools.count(2)

    def of(self, pod_uid: str) -> tuple[str, ...]:
        """A pod's, one in each range; the same each time they are asked for."""
        networks = [ipaddress.ip_network(text) for text in self.ranges]
        number = self._used.get(pod_uid)
        if number is None:
            number = self._used[pod_uid] = self._free(min(network.num_addresses for network in networks))
        return tuple(str(network.network_address + number) for network in networks)

    def release(self, pod_uid: str) -> None:
        """The pod is gone; its addresses may be given again."""
        self._used.pop(pod_uid, None)

    def _free(self, size: int) -> int:
        hosts = min(max(size - 3, 1), _MOST_PODS)
        taken = set(self._used.values())
        number = 0
        for _ in range(hosts):
            number = 2 + next(self._numbers) % hosts
            if number not in taken:
                break
        return number
