"""TaintToleration: NoSchedule and NoExecute taints must be tolerated; PreferNoSchedule taints should be."""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict, scaled
from pybernetes.scheduler.matching import PREFER_NO_SCHEDULE, first_untolerated, tolerates
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot


class TaintToleration:
    name = "TaintToleration"
    interests: ClassVar[dict[str, Action]] = {"Node": Action.ADD | Action.NODE_TAINTS}

    def __init__(self) -> None:
        self._verdict = Verdict(Code.UNRESOLVABLE, self.name, ("node(s) had untolerated taint(s)",))
        self._skip = Verdict(Code.SKIP, self.name)

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        tolerations = pod.pod.spec.tolerations
        return {
            node.row: self._verdict
            for node in nodes
            if node.hard_taints and first_untolerated(tolerations, node.hard_taints) is not None
        }

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        if not any(node.soft_taints for node in nodes):
            return self._skip
        state.data[self.name] = [
            toleration
            for toleration in pod.pod.spec.tolerations or ()
            if not toleration.effect or toleration.effect == PREFER_NO_SCHEDULE
        ]
        return None

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        tolerations = state.data[self.name]
        return [sum(not tolerates(tolerations, taint) for taint in node.soft_taints) for node in nodes]

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scaled(scores, reverse=True)

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        taints = [taint for taint in event.new.spec.taints or () if taint.effect != PREFER_NO_SCHEDULE]
        return first_untolerated(pod.pod.spec.tolerations, taints) is None
