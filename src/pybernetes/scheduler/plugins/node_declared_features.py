"""NodeDeclaredFeatures (KEP-5328): a pod that needs a feature goes only to nodes whose kubelet declares it.

What a pod needs is read off its spec: here, containers whose exit restarts all containers of the pod (KEP-5532).
"""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

_RESTART_ALL = "RestartAllContainersOnContainerExits"


def required_features(pod: PodInfo) -> tuple[str, ...]:
    """The features that the pod's node must declare, sorted."""
    spec = pod.pod.spec
    for container in (*(spec.init_containers or ()), *(spec.containers or ())):
        for rule in container.restart_policy_rules or ():
            if rule.action == "RestartAllContainers":
                return (_RESTART_ALL,)
    return ()


class NodeDeclaredFeatures:
    name = "NodeDeclaredFeatures"
    interests: ClassVar[dict[str, Action]] = {"Node": Action.ADD | Action.UPDATE}

    def __init__(self) -> None:
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        wanted = required_features(pod)
        if not wanted:
            return self._skip
        state.data[self.name] = wanted
        return None

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        wanted: tuple[str, ...] = state.data[self.name]
        rejected: Rejections = {}
        for node in nodes:
            declared = set(node.node.status.declared_features or ()) if node.node is not None else set()
            missing = [feature for feature in wanted if feature not in declared]
            if missing:
                reason = f"node declared features check failed - unsatisfied requirements: {', '.join(missing)}"
                rejected[node.row] = Verdict(Code.UNRESOLVABLE, self.name, (reason,))
        return rejected

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        return set(required_features(pod)) <= set(event.new.status.declared_features or ())
