"""VolumeZone: a volume with zone or region labels pins the pod to nodes with such labels."""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.scheduler.claims import Claims, has_claims
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

_LABELS = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone": "failure-domain.beta.kubernetes.io/zone",
    "topology.kubernetes.io/region": "failure-domain.beta.kubernetes.io/region",
}
"""Label of volumes -> the other name it may have on nodes."""
_BETWEEN = "__"


class VolumeZone:
    name = "VolumeZone"
    interests: ClassVar[dict[str, Action]] = {
        "StorageClass": Action.ADD,
        "Node": Action.ADD | Action.NODE_LABELS,
        "PersistentVolumeClaim": Action.ADD | Action.UPDATE,
        "PersistentVolume": Action.ADD | Action.UPDATE,
    }

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._verdict = Verdict(Code.UNRESOLVABLE, self.name, ("node(s) had no available volume zone",))
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        if not has_claims(pod):
            return self._skip
        wanted: list[tuple[str, frozenset[str]]] = []
        for claim in self._claims.of(pod):
            volume = self._claims.volume(claim)
            for key, value in (volume.metadata.labels or {}).items() if volume is not None else ():
                if key in _LABELS:
                    wanted.append((key, frozenset(value.split(_BETWEEN))))
        if not wanted:
            return self._skip
        state.data[self.name] = wanted
        return None

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        wanted: list[tuple[str, frozenset[str]]] = state.data[self.name]
        return {
            node.row: self._verdict
            for node in nodes
            if any(key in node.labels or _LABELS[key] in node.labels for key in _LABELS)
            and not all(_value(node, key) in values for key, values in wanted)
        }

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.kind == "PersistentVolumeClaim":
            return bool(event.new.metadata.namespace == pod.namespace)
        return True


def _value(node: NodeInfo, key: str) -> str | None:
    """A node's value for a label of volumes, under either name."""
    return node.labels.get(key, node.labels.get(_LABELS[key]))
