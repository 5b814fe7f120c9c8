"""NodeResourcesBalancedAllocation: prefer nodes whose CPU and memory would be used to a similar share."""

from collections.abc import Sequence

from pybernetes.scheduler.framework import MAX_SCORE, Code, CycleState, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot


class NodeResourcesBalancedAllocation:
    name = "NodeResourcesBalancedAllocation"

    def __init__(self) -> None:
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        """A pod that requests neither changes no share."""
        return None if pod.requests.milli_cpu or pod.requests.memory else self._skip

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """MAX_SCORE less the standard deviation of the used shares (of two: half their distance)."""
        more_cpu, more_memory = pod.requests.milli_cpu, pod.requests.memory
        scores = []
        for node in nodes:
            if node.allocatable_cpu and node.allocatable_memory:
                cpu = (node.cpu + more_cpu) / node.allocatable_cpu
                memory = (node.memory + more_memory) / node.allocatable_memory
                if cpu > 1.0:
                    cpu = 1.0
                if memory > 1.0:
                    memory = 1.0
                scores.append(int((1 - abs(cpu - memory) / 2) * MAX_SCORE))
            else:
                scores.append(MAX_SCORE)
        return scores

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scores
