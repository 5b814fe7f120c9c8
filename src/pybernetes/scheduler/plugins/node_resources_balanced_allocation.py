"""NodeResourcesBalancedAllocation: prefer nodes whose resources would become used to a more similar share."""

from collections.abc import Sequence
from math import sqrt

from pybernetes.scheduler.configuration.types import NodeResourcesBalancedAllocationArgs
from pybernetes.scheduler.framework import MAX_SCORE, Code, CycleState, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.requests import Requests
from pybernetes.scheduler.snapshot import Snapshot

_HALF = MAX_SCORE // 2


class NodeResourcesBalancedAllocation:
    name = "NodeResourcesBalancedAllocation"

    def __init__(self, args: NodeResourcesBalancedAllocationArgs | None = None) -> None:
        args = args or NodeResourcesBalancedAllocationArgs()
        self._resources = [row.name for row in args.resources]
        self.has_array_form = self._resources == ["cpu", "memory"]
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        """A pod that requests none of the resources changes no share."""
        return None if any(_requested(pod.requests, name) for name in self._resources) else self._skip

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """How much better or worse balanced the node would be: 75 for no change, 100 and 50 at the extremes."""
        scores = []
        for node in nodes:
            after, before = [], []
            for name in self._resources:
                wanted = _requested(pod.requests, name)
                used, capacity = _use(node, name)
                if capacity and (wanted or name in ("cpu", "memory", "ephemeral-storage")):
                    after.append(min((used + wanted) / capacity, 1.0))
                    before.append(min(used / capacity, 1.0))
            scores.append(_HALF + (_HALF + _balance(after) - _balance(before)) // 2)
        return scores

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scores


def _requested(requests: Requests, name: str) -> int:
    if name == "cpu":
        return requests.milli_cpu
    if name == "memory":
        return requests.memory
    return requests.ephemeral if name == "ephemeral-storage" else requests.scalars.get(name, 0)


def _use(node: NodeInfo, name: str) -> tuple[int, int]:
    """(used, allocatable)."""
    if name == "cpu":
        return node.cpu, node.allocatable_cpu
    if name == "memory":
        return node.memory, node.allocatable_memory
    if name == "ephemeral-storage":
        return node.ephemeral, node.allocatable_ephemeral
    return node.scalars.get(name, 0), node.allocatable_scalars.get(name, 0)


def _balance(shares: list[float]) -> int:
    """MAX_SCORE less the standard deviation of the used shares (of two: half their distance)."""
    deviation = 0.0
    if len(shares) == 2:
        deviation = abs((shares[0] - shares[1]) / 2)
    elif len(shares) > 2:
        mean = sum(shares) / len(shares)
        deviation = sqrt(sum((share - mean) * (share - mean) for share in shares) / len(shares))
    return int((1 - deviation) * MAX_SCORE)
