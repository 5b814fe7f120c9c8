"""NodeResourcesFit: the node must have what the pod requests; the emptier node is better (LeastAllocated)."""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.scheduler.framework import MAX_SCORE, Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo, Requests, amounts


class NodeResourcesFit:
    name = "NodeResourcesFit"
    interests: ClassVar[dict[str, Action]] = {
        "Pod": Action.DELETE | Action.POD_SCALED_DOWN,
        "Node": Action.ADD | Action.NODE_ALLOCATABLE,
    }

    def __init__(self) -> None:
        self._verdicts: dict[tuple[bool, tuple[str, ...]], Verdict] = {}

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
        """The mean of the free shares of CPU and memory, with unset requests at their default."""
        more_cpu, more_memory = pod.requests.scoring_cpu, pod.requests.scoring_memory
        scores = []
        for node in nodes:
            total = weights = 0
            capacity = node.allocatable_cpu
            if capacity:
                weights = 1
                free = capacity - node.scoring_cpu - more_cpu
                if free > 0:
                    total = free * MAX_SCORE // capacity
            capacity = node.allocatable_memory
            if capacity:
                weights += 1
                free = capacity - node.scoring_memory - more_memory
                if free > 0:
                    total += free * MAX_SCORE // capacity
            scores.append(total // weights if weights else 0)
        return scores

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scores

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        requests = pod.requests
        if event.kind == "Node":
            offered = amounts(event.new.status.allocatable)
            return (
                requests.milli_cpu <= offered.get("cpu", 0)
                and requests.memory <= offered.get("memory", 0)
                and requests.ephemeral <= offered.get("ephemeral-storage", 0)
                and all(amount <= offered.get(name, 0) for name, amount in requests.scalars.items())
            )
        if event.action & Action.DELETE:
            return True  # its place among the node's pods is free, whatever it requested
        freed: Requests = event.old.requests
        return bool(
            (requests.milli_cpu and freed.milli_cpu)
            or (requests.memory and freed.memory)
            or (requests.ephemeral and freed.ephemeral)
            or any(name in freed.scalars for name in requests.scalars)
        )
