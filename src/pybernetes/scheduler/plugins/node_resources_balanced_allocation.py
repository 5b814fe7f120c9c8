"""NodeResourcesBalancedAllocation: prefer nodes whose CPU and memory would be used to a similar share."""

from collections.abc import Sequence

from pybernetes.scheduler.framework import MAX_SCORE, Code, CycleState, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

_HALF = MAX_SCORE // 2


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
        """How much better or worse balanced the node would be: 75 for no change, 100 and 50 at the extremes."""
        more_cpu, more_memory = pod.requests.milli_cpu, pod.requests.memory
        return [
            _HALF
            + (
                _HALF
                + _balance(node, node.cpu + more_cpu, node.memory + more_memory)
                - _balance(node, node.cpu, node.memory)
            )
            // 2
            for node in nodes
        ]

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scores


def _balance(node: NodeInfo, cpu: int, memory: int) -> int:
    """MAX_SCORE less the standard deviation of the used shares (of two: half their distance)."""
    if not node.allocatable_cpu or not node.allocatable_memory:
        return MAX_SCORE
    cpu_share = min(cpu / node.allocatable_cpu, 1.0)
    memory_share = min(memory / node.allocatable_memory, 1.0)
    return int((1 - abs((cpu_share - memory_share) / 2)) * MAX_SCORE)
