"""Which CPUs to take: as close together as they can be, leaving whole sockets and cores to others. Pure.

whole sockets ──▶ whole NUMA nodes ──▶ whole cores ──▶ single threads, each where the least is left over
(upstream's packed strategy, `cpu_assignment.go`)
"""

from .cpu_set import CpuSet
from .topology import Place, Topology


class NotEnoughCpus(Exception):
    """There are fewer CPUs than asked for."""


def take(topology: Topology, available: CpuSet, count: int) -> CpuSet:
    """`count` of the available CPUs. NotEnoughCpus."""
    if count > len(available):
        raise NotEnoughCpus(
            f"not enough cpus available to satisfy request: requested={count}, available={len(available)}"
        )
    taken: set[int] = set()

    def free(group: CpuSet) -> CpuSet:
        return frozenset(cpu for cpu in group & available if cpu not in taken)

    def left_around(group: CpuSet) -> tuple[int, int, int]:
        """How much is left of the socket and of the NUMA node of a group; the least comes first, then the lowest."""
        place = topology.places[min(group)]
        socket = sum(1 for cpu in available - taken if topology.places[cpu].socket == place.socket)
        node = sum(1 for cpu in available - taken if topology.places[cpu].numa_node == place.numa_node)
        return socket, node, min(group)

    for level in (_socket, _numa_node, _core):
        while len(taken) < count:
            left = count - len(taken)
            whole = [group for group in topology.groups(level) if len(free(group)) == len(group) <= left]
            if not whole:
                break
            nearest = min(whole, key=left_around)
            taken.update(nearest)
    while len(taken) < count:
        parts = [group for group in topology.groups(_core) if free(group)]
        nearest = min(parts, key=lambda group: (left_around(group)[:2], len(free(group)), min(group)))
        taken.add(min(free(nearest)))
    return frozenset(taken)


def _socket(place: Place) -> object:
    return place.socket


def _numa_node(place: Place) -> object:
    return place.socket, place.numa_node


def _core(place: Place) -> object:
    return place.core
