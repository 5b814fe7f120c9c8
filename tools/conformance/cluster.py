"""A cluster of two nodes, each on a machine of its own as the end-to-end tests have them, with the suite's images."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.machine import Machine, machine, neighbour
from tests.support.waiting import until

PYBERNETES = str(Path(sys.executable).parent / "pybernetes")
# How full the disk of this machine is has nothing to do with what is tested.
_ANY_DISK = ("--kubelet-arg=eviction-hard=memory.available<100Mi", "--kubelet-arg=image-gc-high-threshold=100")


class Cluster:
    """A running cluster: the machine to run the suite on, and the administrator's kubeconfig."""

    def __init__(self, first: Machine, kubeconfig: Path) -> None:
        self.machine = first
        self.kubeconfig = kubeconfig


@contextlib.contextmanager
def cluster(images: Path) -> Iterator[Cluster]:
    """Two Ready nodes, e2e-1 with the control plane and e2e-2, gone with everything on them when the block ends."""
    with machine("e2e-1") as first, neighbour(first, "e2e-2", 11) as second:
        data, other = first.directory / "data", second.directory / "data"
        kubeconfig = data / "admin.kubeconfig"
        first.run(PYBERNETES, "up", "--no-sample", *_ANY_DISK, "--data-dir", str(data), timeout=300)
        joining = first.run(PYBERNETES, "token", "create", "--data-dir", str(data)).stdout.split()[1:]
        log = second.directory / "agent.log"
        with log.open("ab") as output:
            second.start(PYBERNETES, *joining, *_ANY_DISK, "--data-dir", str(other), stdout=output)

        def is_ready() -> bool:
            words = ("kubectl", "--kubeconfig", str(kubeconfig), "get", "nodes", "--no-headers")
            rows = first.run(PYBERNETES, *words, check=False).stdout.splitlines()
            return [row.split()[1] for row in rows] == ["Ready", "Ready"]

        until(is_ready, show=log.read_text)
        for host, directory in ((first, data), (second, other)):
            host.run(PYBERNETES, "image", "import", str(images), "--data-dir", str(directory), timeout=900)
        try:
            yield Cluster(first, kubeconfig)
        finally:
            first.run(PYBERNETES, "down", "--grace-period", "1", "--data-dir", str(data), check=False, timeout=300)
