"""A node with what its pods use of it."""

from collections.abc import Iterable

from pybernetes.api.core import Node, Taint
from pybernetes.scheduler.matching import PREFER_NO_SCHEDULE
from pybernetes.scheduler.pod_info import HostPort, PodInfo
from pybernetes.scheduler.requests import amounts

ANY_IP = "0.0.0.0"


class NodeInfo:
    """One row of the snapshot. Amounts: thousandths of a core, bytes, counts. `row` is its place in `Snapshot.rows`."""

    __slots__ = (
        "allocatable_cpu",
        "allocatable_ephemeral",
        "allocatable_memory",
        "allocatable_pods",
        "allocatable_scalars",
        "cpu",
        "ephemeral",
        "hard_taints",
        "images",
        "labels",
        "memory",
        "name",
        "node",
        "pods",
        "ports",
        "row",
        "scalars",
        "scoring_cpu",
        "scoring_memory",
        "soft_taints",
        "unschedulable",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.row = -1
        self.pods: dict[str, PodInfo] = {}
        self.ports: dict[HostPort, int] = {}
        self.cpu = self.memory = self.ephemeral = 0
        self.scoring_cpu = self.scoring_memory = 0
        self.scalars: dict[str, int] = {}
        self.clear_node()

    def clear_node(self) -> None:
        """The node object is gone (or not seen yet); its pods may still be known."""
        self.node: Node | None = None
        self.labels: dict[str, str] = {}
        self.hard_taints: tuple[Taint, ...] = ()
        self.soft_taints: tuple[Taint, ...] = ()
        self.unschedulable = False
        self.allocatable_cpu = self.allocatable_memory = self.allocatable_ephemeral = self.allocatable_pods = 0
        self.allocatable_scalars: dict[str, int] = {}
        self.images: dict[str, int] = {}

    def set_node(self, node: Node) -> None:
        """Take over the state of the node object."""
        self.node = node
        self.labels = node.metadata.labels or {}
        taints = node.spec.taints or ()
        self.hard_taints = tuple(taint for taint in taints if taint.effect != PREFER_NO_SCHEDULE)
        self.soft_taints = tuple(taint for taint in taints if taint.effect == PREFER_NO_SCHEDULE)
        self.unschedulable = bool(node.spec.unschedulable)
        found = amounts(node.status.allocatable)
        self.allocatable_cpu = found.pop("cpu", 0)
        self.allocatable_memory = found.pop("memory", 0)
        self.allocatable_ephemeral = found.pop("ephemeral-storage", 0)
        self.allocatable_pods = found.pop("pods", 0)
        self.allocatable_scalars = found
        self.images = {name: image.size_bytes or 0 for image in node.status.images or () for name in image.names or ()}

    def add(self, pod: PodInfo) -> None:
        """Count a pod in."""
        self.pods[pod.uid] = pod
        self._count(pod, 1)
        for port in pod.host_ports:
            self.ports[port] = self.ports.get(port, 0) + 1

    def remove(self, pod: PodInfo) -> None:
        """Count a pod that is here out."""
        del self.pods[pod.uid]
        self._count(pod, -1)
        for port in pod.host_ports:
            left = self.ports[port] - 1
            if left:
                self.ports[port] = left
            else:
                del self.ports[port]

    def _count(self, pod: PodInfo, sign: int) -> None:
        requests = pod.requests
        self.cpu += sign * requests.milli_cpu
        self.memory += sign * requests.memory
        self.ephemeral += sign * requests.ephemeral
        self.scoring_cpu += sign * requests.scoring_cpu
        self.scoring_memory += sign * requests.scoring_memory
        for name, amount in requests.scalars.items() if requests.scalars else ():
            self.scalars[name] = self.scalars.get(name, 0) + sign * amount

    def has_free_ports(self, wanted: Iterable[HostPort]) -> bool:
        """Whether none of the ports is taken; 0.0.0.0 collides with every address."""
        for ip, protocol, port in wanted:
            for taken_ip, taken_protocol, taken_port in self.ports:
                same = port == taken_port and protocol == taken_protocol
                if same and (ip in (taken_ip, ANY_IP) or taken_ip == ANY_IP):
                    return False
        return True

    def copy(self) -> "NodeInfo":
        """A copy whose pods can be added and removed without touching this one."""
        twin = NodeInfo.__new__(NodeInfo)
        for slot in NodeInfo.__slots__:
            setattr(twin, slot, getattr(self, slot))
        twin.pods = dict(self.pods)
        twin.ports = dict(self.ports)
        twin.scalars = dict(self.scalars)
        return twin
