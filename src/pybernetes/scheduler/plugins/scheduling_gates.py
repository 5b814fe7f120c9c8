"""SchedulingGates (KEP-3521): a pod with gates does not enter the queue until the last gate is removed."""

from typing import ClassVar

from pybernetes.scheduler.framework import Action, ClusterEvent, Code, Verdict
from pybernetes.scheduler.pod_info import PodInfo


class SchedulingGates:
    name = "SchedulingGates"
    interests: ClassVar[dict[str, Action]] = {}

    def pre_enqueue(self, pod: PodInfo) -> Verdict | None:
        gates = pod.pod.spec.scheduling_gates
        if not gates:
            return None
        names = " ".join(gate.name for gate in gates)
        return Verdict(Code.UNRESOLVABLE, self.name, (f"waiting for scheduling gates: [{names}]",))

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        """Only a change of the pod itself removes gates, and the queue looks at those by itself."""
        return False
