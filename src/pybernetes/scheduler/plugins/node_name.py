"""NodeName: a pod that names its node goes nowhere else."""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo


class NodeName:
    name = "NodeName"
    interests: ClassVar[dict[str, Action]] = {"Node": Action.ADD}

    def __init__(self) -> None:
        self._verdict = Verdict(Code.UNRESOLVABLE, self.name, ("node(s) didn't match the requested node name",))

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        wanted = pod.node_name
        if not wanted:
            return {}
        return {node.row: self._verdict for node in nodes if node.name != wanted}

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        return bool(event.new.metadata.name == pod.node_name)
