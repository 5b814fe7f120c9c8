"""Where each CPU of the machine is: its core, socket and NUMA node. Read once, from /sys."""

import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from .cpu_set import CpuSet, parse


class Place(msgspec.Struct, frozen=True, order=True):
    """One CPU's. `core` is unique on the machine: (socket, number)."""

    socket: int
    numa_node: int
    core: tuple[int, int]


class Topology(msgspec.Struct, frozen=True):
    """The CPUs that pods may be given, by number."""

    places: Mapping[int, Place]

    @property
    def cpus(self) -> CpuSet:
        """All of them."""
        return frozenset(self.places)

    @property
    def numa_nodes(self) -> tuple[int, ...]:
        """The NUMA nodes that have any, in order."""
        return tuple(sorted({place.numa_node for place in self.places.values()}))

    @property
    def cpus_per_core(self) -> int:
        """Threads of one core."""
        cores = {place.core for place in self.places.values()}
        return len(self.places) // len(cores) if cores else 1

    def groups(self, of: Callable[[Place], object]) -> list[CpuSet]:
        """The CPUs that share a core, a socket or a NUMA node, in the order of their lowest CPU."""
        found: dict[object, set[int]] = {}
        for cpu in sorted(self.places):
            found.setdefault(of(self.places[cpu]), set()).add(cpu)
        return [frozenset(group) for group in found.values()]

    def on_nodes(self, nodes: Iterable[int]) -> CpuSet:
        """The CPUs of these NUMA nodes."""
        wanted = set(nodes)
        return frozenset(cpu for cpu, place in self.places.items() if place.numa_node in wanted)

    def with_siblings(self, cpus: CpuSet) -> CpuSet:
        """Every CPU of the cores that these belong to."""
        cores = {self.places[cpu].core for cpu in cpus if cpu in self.places}
        return frozenset(cpu for cpu, place in self.places.items() if place.core in cores)


def read_topology(sys: str = "/sys", usable: Iterable[int] | None = None) -> Topology:
    """The machine's; usable: the CPUs that this process may use, as the kernel says by default."""
    devices = Path(sys) / "devices/system"
    nodes: dict[int, int] = {}
    for directory in devices.glob("node/node*"):
        if re.fullmatch(r"node\d+", directory.name):
            cpus = parse((directory / "cpulist").read_text())
            nodes.update(dict.fromkeys(cpus, int(directory.name.removeprefix("node"))))
    places = {}
    for cpu in usable if usable is not None else os.sched_getaffinity(0):
        topology = devices / f"cpu/cpu{cpu}/topology"
        socket = max(_number(topology / "physical_package_id", 0), 0)
        places[cpu] = Place(socket, nodes.get(cpu, 0), (socket, _number(topology / "core_id", cpu)))
    return Topology(places)


def _number(path: Path, otherwise: int) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return otherwise
