"""NodePorts: the host ports a pod asks for must be free."""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot


class NodePorts:
    name = "NodePorts"
    interests: ClassVar[dict[str, Action]] = {"Pod": Action.DELETE, "Node": Action.ADD}

    def __init__(self) -> None:
        reason = "node(s) didn't have free ports for the requested pod ports"
        self._verdict = Verdict(Code.UNSCHEDULABLE, self.name, (reason,))
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        return None if pod.host_ports else self._skip

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        wanted = pod.host_ports
        return {node.row: self._verdict for node in nodes if node.ports and not node.has_free_ports(wanted)}

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.kind == "Node":
            return True
        freed = {(protocol, port) for _, protocol, port in event.old.host_ports}
        return any((protocol, port) in freed for _, protocol, port in pod.host_ports)
