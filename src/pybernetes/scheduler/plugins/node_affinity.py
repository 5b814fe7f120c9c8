"""NodeAffinity: nodeSelector and required node affinity select nodes, preferred node affinity weighs them."""

from collections.abc import Sequence
from typing import ClassVar

from pybernetes.api.core import PodSpec
from pybernetes.scheduler.configuration.types import NodeAffinityArgs
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, Rejections, Verdict, scaled
from pybernetes.scheduler.matching import node_affinity_matches, node_term_matches
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot


class NodeAffinity:
    name = "NodeAffinity"
    interests: ClassVar[dict[str, Action]] = {"Node": Action.ADD | Action.NODE_LABELS}

    def __init__(self, args: NodeAffinityArgs | None = None) -> None:
        added = args.added_affinity if args is not None else None
        self.has_array_form = added is None
        required = added.required_during_scheduling_ignored_during_execution if added is not None else None
        preferred = added.preferred_during_scheduling_ignored_during_execution if added is not None else None
        self._added_terms = required.node_selector_terms or () if required is not None else None
        self._added_preferred = preferred or []
        self._enforced = Verdict(
            Code.UNRESOLVABLE, self.name, ("node(s) didn't match scheduler-enforced node affinity",)
        )
        reason = "node(s) didn't match Pod's node affinity/selector"
        self._verdict = Verdict(Code.UNRESOLVABLE, self.name, (reason,))
        self._conflict = Verdict(
            Code.UNRESOLVABLE, self.name, ("pod affinity terms conflict, no node can match all of them",)
        )
        self._skip = Verdict(Code.SKIP, self.name)

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        spec = pod.pod.spec
        affinity = spec.affinity.node_affinity if spec.affinity is not None else None
        required = affinity.required_during_scheduling_ignored_during_execution if affinity is not None else None
        if required is None:
            return None if spec.node_selector or self._added_terms is not None else self._skip
        names = _named_nodes(spec)
        if names is not None and not names:
            return self._conflict
        return names

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        spec, added = pod.pod.spec, self._added_terms
        rejected: Rejections = {}
        for node in nodes:
            if added is not None and not any(node_term_matches(term, node.name, node.labels) for term in added):
                rejected[node.row] = self._enforced
            elif not node_affinity_matches(spec, node.name, node.labels):
                rejected[node.row] = self._verdict
        return rejected

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        affinity = pod.pod.spec.affinity.node_affinity if pod.pod.spec.affinity is not None else None
        own = affinity.preferred_during_scheduling_ignored_during_execution if affinity is not None else None
        preferred = [*self._added_preferred, *(own or ())]
        if not preferred:
            return self._skip
        state.data[self.name] = preferred
        return None

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        preferred = state.data[self.name]
        return [
            sum(term.weight for term in preferred if node_term_matches(term.preference, node.name, node.labels))
            for node in nodes
        ]

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        return scaled(scores)

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        metadata = event.new.metadata
        return node_affinity_matches(pod.pod.spec, metadata.name or "", metadata.labels or {})


def _named_nodes(spec: PodSpec) -> frozenset[str] | None:
    """The nodes that the required terms name by `metadata.name` (pods of DaemonSets do); None when one of the terms
    names none."""
    assert spec.affinity is not None
    assert spec.affinity.node_affinity is not None
    required = spec.affinity.node_affinity.required_during_scheduling_ignored_during_execution
    assert required is not None
    found: set[str] = set()
    for term in required.node_selector_terms or ():
        names: set[str] | None = None
        for requirement in term.match_fields or ():
            if requirement.key == "metadata.name" and requirement.operator == "In":
                named = set(requirement.values or ())
                names = named if names is None else names & named
        if names is None:
            return None
        found |= names
    return frozenset(found)
