"""Machines of several sockets, each a NUMA node, numbered as Linux does: the first threads of all cores come first."""

from pybernetes.kubelet.cpu_manager.topology import Place, Topology


def machine(*, sockets: int = 1, cores: int = 2, threads: int = 1) -> Topology:
    places = {}
    for thread in range(threads):
        for socket in range(sockets):
            for core in range(cores):
                places[(thread * sockets + socket) * cores + core] = Place(socket, socket, (socket, core))
    return Topology(places)
