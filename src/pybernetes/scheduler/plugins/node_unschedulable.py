"""NodeUnschedulable: a cordoned node takes only pods that tolerate the taint of cordoned nodes."""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.api.core import Taint
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.matching import NO_SCHEDULE, tolerates
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo

_TAINT = Taint(key="node.kubernetes.io/unschedulable", effect=NO_SCHEDULE)


class NodeUnschedulable:
    name = "NodeUnschedulable"
    interests: ClassVar[dict[str, Action]] = {"Node": Action.ADD | Action.NODE_TAINTS}

    def __init__(self) -> None:
        self._verdict = Verdict(Code.UNRESOLVABLE, self.name, ("node(s) were unschedulable",))

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        cordoned = [node for node in nodes if node.unschedulable]
        if not cordoned or tolerates(pod.pod.spec.tolerations, _TAINT):
            return {}
        return {node.row: self._verdict for node in cordoned}

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        return not event.new.spec.unschedulable
