"""On which NUMA nodes a container's CPUs should be: the topology manager's policies over the CPUs' hints. Pure.

A hint is a set of nodes that can give what is asked for; it is preferred when no smaller set could on an empty machine.

    none                 anywhere
    best-effort          the best hint, preferred or not
    restricted           the best hint, which has to be preferred
    single-numa-node     one node, which has to be preferred

CPUs are the only ones that give hints: devices of plugins here tell none, and memory is not managed.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations

import msgspec

from .cpu_set import CpuSet
from .topology import Topology

NONE, BEST_EFFORT, RESTRICTED, SINGLE_NUMA_NODE = "none", "best-effort", "restricted", "single-numa-node"
POLICIES = (NONE, BEST_EFFORT, RESTRICTED, SINGLE_NUMA_NODE)
SCOPES = CONTAINER, POD = "container", "pod"


class Hint(msgspec.Struct, frozen=True):
    """NUMA nodes that can give what is asked for."""

    nodes: tuple[int, ...]
    preferred: bool


def hints(topology: Topology, available: CpuSet, reusable: CpuSet, count: int) -> list[Hint]:
    """Every set of nodes with enough free CPUs, smaller ones first. What is reusable has to be among them."""
    nodes = topology.numa_nodes
    least = next(
        (len(some) for some in _subsets(nodes) if len(topology.on_nodes(some)) >= count),
        len(nodes),
    )
    found = []
    for some in _subsets(nodes):
        cpus = topology.on_nodes(some)
        if reusable <= cpus and len((available | reusable) & cpus) >= count:
            found.append(Hint(some, len(some) == least))
    return found


def chosen(policy: str, topology: Topology, found: Sequence[Hint]) -> Hint | None:
    """The nodes to use by a policy; None when the pod cannot be here."""
    if policy == NONE:
        return Hint(topology.numa_nodes, True)
    if policy == SINGLE_NUMA_NODE:
        found = [hint for hint in found if len(hint.nodes) == 1]
    best = min(found, key=lambda hint: (not hint.preferred, len(hint.nodes), hint.nodes), default=None)
    if best is None:
        return Hint(topology.numa_nodes, False) if policy == BEST_EFFORT else None
    return best if best.preferred or policy == BEST_EFFORT else None


def _subsets(nodes: Sequence[int]) -> Iterator[tuple[int, ...]]:
    for size in range(1, len(nodes) + 1):
        yield from combinations(nodes, size)
