"""NodeResourcesFit: the pod's requests must fit into what the node's pods have left. Scores by a strategy: free shares
(LeastAllocated, the default), used shares (MostAllocated), or a function of the used share
(RequestedToCapacityRatio)."""

from collections.abc import Callable, Sequence
from typing import ClassVar

from pybernetes.scheduler.configuration.types import NodeResourcesFitArgs, ShapePoint
from pybernetes.scheduler.extended_resources import PREFIX, Backing
from pybernetes.scheduler.framework import MAX_SCORE, Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.requests import Requests, amounts

_SHAPE_SCORES = 10

ResourceScore = Callable[[int, int], int]
"""(requested with the pod, allocatable > 0) -> 0 to MAX_SCORE."""


def least_allocated(requested: int, capacity: int) -> int:
    """The free share."""
    return (capacity - requested) * MAX_SCORE // capacity if requested <= capacity else 0


def most_allocated(requested: int, capacity: int) -> int:
    """The used share."""
    return min(requested, capacity) * MAX_SCORE // capacity


def ratio_function(shape: Sequence[ShapePoint]) -> ResourceScore:
    """The score at the used percentage, on the lines between the points of the shape."""
    points = [(point.utilization, point.score * MAX_SCORE // _SHAPE_SCORES) for point in shape]

    def score(requested: int, capacity: int) -> int:
        used = 100 if requested > capacity else requested * 100 // capacity
        for position, (utilization, value) in enumerate(points):
            if used <= utilization:
                if not position:
                    return value
                before, least = points[position - 1]
                return least + int((value - least) * (used - before) / (utilization - before))
        return points[-1][1]

    return score


class NodeResourcesFit:
    name = "NodeResourcesFit"
    interests: ClassVar[dict[str, Action]] = {
        "Pod": Action.DELETE | Action.POD_SCALED_DOWN,
        "Node": Action.ADD | Action.NODE_ALLOCATABLE,
        "DeviceClass": Action.ADD | Action.UPDATE,
    }

    def __init__(
        self,
        args: NodeResourcesFitArgs | None = None,
        extended_elsewhere: frozenset[str] = frozenset(),
        backing: Backing | None = None,
    ) -> None:
        """extended_elsewhere: resources that extenders judge; backing: those that come as devices."""
        self._backing = backing
        args = args or NodeResourcesFitArgs()
        self.has_array_form = args == NodeResourcesFitArgs() and not extended_elsewhere
        """Whether scheduler/vector decides alike."""
        self._ignored = frozenset(args.ignored_resources) | extended_elsewhere
        self._ignored_groups = frozenset(args.ignored_resource_groups)
        strategy = args.scoring_strategy
        self._resources = [(row.name, row.weight) for row in strategy.resources]
        self._round = strategy.type == "RequestedToCapacityRatio"
        self._scorer: ResourceScore = most_allocated if strategy.type == "MostAllocated" else least_allocated
        if self._round and strategy.requested_to_capacity_ratio is not None:
            self._scorer = ratio_function(strategy.requested_to_capacity_ratio.shape)
        self._verdicts: dict[tuple[bool, tuple[str, ...]], Verdict] = {}

    def _is_ignored(self, name: str) -> bool:
        return name in self._ignored or (bool(self._ignored_groups) and name.split("/", 1)[0] in self._ignored_groups)

    def _comes_as_devices(self, name: str, node: NodeInfo) -> bool:
        return (
            self._backing is not None and not node.allocatable_scalars.get(name) and bool(self._backing.class_of(name))
        )

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        requests = pod.requests
        cpu, memory, ephemeral, scalars = requests.milli_cpu, requests.memory, requests.ephemeral, requests.scalars
        rejected: Rejections = {}
        for node in nodes:
            if (
                len(node.pods) >= node.allocatable_pods
                or cpu > node.allocatable_cpu - node.cpu
                or memory > node.allocatable_memory - node.memory
                or ephemeral > node.allocatable_ephemeral - node.ephemeral
                or scalars
            ):
                verdict = self._judge(requests, node)
                if verdict is not None:
                    rejected[node.row] = verdict
        return rejected

    def _judge(self, requests: Requests, node: NodeInfo) -> Verdict | None:
        """The slow, exact answer for a node that may be too full. What is not requested is never insufficient."""
        reasons: list[str] = []
        hopeless = False
        if len(node.pods) >= node.allocatable_pods:
            reasons.append("Too many pods")
        for name, wanted, allocatable, used in (
            ("cpu", requests.milli_cpu, node.allocatable_cpu, node.cpu),
            ("memory", requests.memory, node.allocatable_memory, node.memory),
            ("ephemeral-storage", requests.ephemeral, node.allocatable_ephemeral, node.ephemeral),
            *(
                (name, wanted, node.allocatable_scalars.get(name, 0), node.scalars.get(name, 0))
                for name, wanted in requests.scalars.items()
                if not self._is_ignored(name) and not self._comes_as_devices(name, node)
            ),
        ):
            if wanted > 0 and wanted > allocatable - used:
                reasons.append(f"Insufficient {name}")
                hopeless = hopeless or wanted > allocatable
        return self._verdict(hopeless, tuple(reasons)) if reasons else None

    def _verdict(self, hopeless: bool, reasons: tuple[str, ...]) -> Verdict:
        """One shared object per set of reasons: a full cluster gives thousands of equal verdicts."""
        key = (hopeless, reasons)
        found = self._verdicts.get(key)
        if found is None:
            code = Code.UNRESOLVABLE if hopeless else Code.UNSCHEDULABLE
            found = self._verdicts[key] = Verdict(code, self.name, reasons)
        return found

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """The weighted mean over the resources, with unset requests of CPU and memory at their default."""
        return [self._score(pod.requests, node) for node in nodes]

    def _score(self, requests: Requests, node: NodeInfo) -> int:
        total = weights = 0
        for name, weight in self._resources:
            found = _demand(requests, node, name)
            if found is None:
                continue
            score = self._scorer(*found)
            if self._round and not score:
                continue
            total += score * weight
            weights += weight
        if not weights:
            return 0
        return int(total / weights + 0.5) if self._round else total // weights

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scores

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        requests = pod.requests
        if event.kind == "DeviceClass":
            name = event.new.metadata.name
            return any(
                resource in (event.new.spec.extended_resource_name, f"{PREFIX}{name}") for resource in requests.scalars
            )
        if event.kind == "Node":
            offered = amounts(event.new.status.allocatable)
            return (
                requests.milli_cpu <= offered.get("cpu", 0)
                and requests.memory <= offered.get("memory", 0)
                and requests.ephemeral <= offered.get("ephemeral-storage", 0)
                and all(amount <= offered.get(name, 0) for name, amount in requests.scalars.items())
            )
        if event.new is None:
            return True  # its place among the node's pods is free, whatever it requested
        freed: Requests = event.old.requests
        return bool(
            (requests.milli_cpu and freed.milli_cpu)
            or (requests.memory and freed.memory)
            or (requests.ephemeral and freed.ephemeral)
            or any(name in freed.scalars for name in requests.scalars)
        )


def _demand(requests: Requests, node: NodeInfo, name: str) -> tuple[int, int] | None:
    """(what would be used, capacity) of one resource; None when the resource has no say."""
    if name == "cpu":
        found = (node.scoring_cpu + requests.scoring_cpu, node.allocatable_cpu)
    elif name == "memory":
        found = (node.scoring_memory + requests.scoring_memory, node.allocatable_memory)
    elif name == "ephemeral-storage":
        found = (node.ephemeral + requests.ephemeral, node.allocatable_ephemeral)
    else:
        wanted = requests.scalars.get(name, 0)
        if not wanted:
            return None
        found = (node.scalars.get(name, 0) + wanted, node.allocatable_scalars.get(name, 0))
    return found if found[1] else None
