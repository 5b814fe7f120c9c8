"""InterPodAffinity: pods that want to be near, or not near, other pods.

A required term asks for a node in whose topology domain a matching pod runs; a required anti-affinity term forbids such
a node, and binds both sides: a pod that is there already keeps out newcomers that it rejects. Preferred terms of the
newcomer and of the pods that are there add up to a score.

`Snapshot.terms` knows on which nodes there are pods with a given term, so the terms are matched against the newcomer
once each and not once per pod; `Snapshot.counts` knows where the pods a term is about are.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from pybernetes.scheduler.framework import MAX_SCORE, Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.matching import PodMatcher
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import AffinityTerm, PodInfo
from pybernetes.scheduler.snapshot import Snapshot

REQUIRED_AFFINITY_WEIGHT = 1
"""What a required affinity term of a running pod adds to the score (hardPodAffinityWeight)."""

Domains = dict[tuple[str, str], int]
"""(topology key, value) -> number of pods, or score."""

NamespaceLabels = Callable[[str], dict[str, str]]


class _Required:
    """Matching pods per domain: of the newcomer's terms, and of the terms that reject the newcomer."""

    __slots__ = ("affinity", "anti_affinity", "rejecting")

    def __init__(self, affinity: Domains, anti_affinity: Domains, rejecting: Domains) -> None:
        self.affinity = affinity
        self.anti_affinity = anti_affinity
        self.rejecting = rejecting

    def clone(self) -> "_Required":
        return _Required(dict(self.affinity), dict(self.anti_affinity), dict(self.rejecting))


class InterPodAffinity:
    name = "InterPodAffinity"
    interests: ClassVar[dict[str, Action]] = {
        "Pod": Action.ADD | Action.DELETE | Action.POD_LABELS,
        "Node": Action.ADD | Action.DELETE | Action.NODE_LABELS,
    }

    def __init__(
        self,
        namespace_labels: NamespaceLabels,
        namespaces: Callable[[], Iterable[str]],
        required_weight: int = REQUIRED_AFFINITY_WEIGHT,
        ignore_preferred_of_others: bool = False,
    ) -> None:
        """namespace_labels: the labels of a namespace; namespaces: the names of all; the others are the plugin's
        arguments hardPodAffinityWeight and ignorePreferredTermsOfExistingPods."""
        self.required_weight = required_weight
        self.ignore_preferred_of_others = ignore_preferred_of_others
        self._namespace_labels = namespace_labels
        self._namespaces = namespaces
        self._no_affinity = Verdict(Code.UNRESOLVABLE, self.name, ("node(s) didn't match pod affinity rules",))
        self._anti = Verdict(Code.UNSCHEDULABLE, self.name, ("node(s) didn't match pod anti-affinity rules",))
        self._rejected = Verdict(
            Code.UNSCHEDULABLE, self.name, ("node(s) didn't satisfy existing pods anti-affinity rules",)
        )
        self._skip = Verdict(Code.SKIP, self.name)

    def all_match(self, terms: Iterable[AffinityTerm], pod: PodInfo) -> bool:
        """Whether all terms are about the pod."""
        return all(term.matches(pod, self._namespace_labels) for term in terms)

    # filtering

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        rejecting: Domains = {}
        for use in snapshot.terms["anti_affinity"].values():
            if use.term.matches(pod, self._namespace_labels):
                _spread(rejecting, snapshot, use.term.topology_key, use.by_node, 1)
        if not rejecting and not pod.affinity and not pod.anti_affinity:
            return self._skip
        anti_affinity: Domains = {}
        for term in pod.anti_affinity:
            _spread(anti_affinity, snapshot, term.topology_key, snapshot.counts(self.matcher(term)), 1)
        affinity: Domains = {}
        if pod.affinity:
            by_node = snapshot.counts(self.matcher(*pod.affinity))
            for key in {term.topology_key for term in pod.affinity}:
                _spread(affinity, snapshot, key, by_node, 1)
        state.data[self.name] = _Required(affinity, anti_affinity, rejecting)
        return None

    def matcher(self, *terms: AffinityTerm) -> PodMatcher:
        """Selects the pods that all terms are about."""
        namespaces: frozenset[str] | None = None
        for term in terms:
            found: frozenset[str] | None = term.namespaces
            if term.namespace_selector is not None:
                if term.namespace_selector.empty:
                    found = None
                else:
                    chosen = filter(self._selected_by(term), self._namespaces())
                    found = term.namespaces | frozenset(chosen)
            if found is not None:
                namespaces = found if namespaces is None else namespaces & found
        return PodMatcher(namespaces, [term.labels for term in terms])

    def _selected_by(self, term: AffinityTerm) -> Callable[[str], bool]:
        selector = term.namespace_selector
        assert selector is not None
        return lambda namespace: selector.matches(self._namespace_labels(namespace))

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        required: _Required = state.data[self.name]
        rejected: Rejections = {}
        affinity_keys = [term.topology_key for term in pod.affinity]
        first_of_its_kind = bool(
            affinity_keys
            and not any(required.affinity.values())
            and all(term.matches(pod, self._namespace_labels) for term in pod.affinity)
        )
        if affinity_keys:
            for node in nodes:
                if not self._near(required.affinity, affinity_keys, node.labels, first_of_its_kind):
                    rejected[node.row] = self._no_affinity
        for domains, verdict in ((required.anti_affinity, self._anti), (required.rejecting, self._rejected)):
            for key, values in _occupied(domains).items():
                for node in nodes:
                    if node.labels.get(key) in values and node.row not in rejected:
                        rejected[node.row] = verdict
        return rejected

    @staticmethod
    def _near(affinity: Domains, keys: list[str], labels: dict[str, str], first_of_its_kind: bool) -> bool:
        """Whether the node has all topologies, with a matching pod in each domain; the first pod of a group that wants
        to be near itself may go anywhere that has the topologies."""
        if not all(key in labels for key in keys):
            return False
        return first_of_its_kind or all(affinity.get((key, labels[key]), 0) > 0 for key in keys)

    def add_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        self._change(state, pod, other, node, 1)

    def remove_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        self._change(state, pod, other, node, -1)

    def _change(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, sign: int) -> None:
        required: _Required | None = state.data.get(self.name)
        if required is None:
            return
        for term in other.anti_affinity:
            if term.matches(pod, self._namespace_labels):
                _count(required.rejecting, node, term.topology_key, sign)
        for term in pod.anti_affinity:
            if term.matches(other, self._namespace_labels):
                _count(required.anti_affinity, node, term.topology_key, sign)
        if pod.affinity and all(term.matches(other, self._namespace_labels) for term in pod.affinity):
            for key in {term.topology_key for term in pod.affinity}:
                _count(required.affinity, node, key, sign)

    # scoring

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        scores: Domains = {}
        for term in pod.preferred_affinity:
            _spread(scores, snapshot, term.topology_key, snapshot.counts(self.matcher(term)), term.weight)
        for term in pod.preferred_anti_affinity:
            _spread(scores, snapshot, term.topology_key, snapshot.counts(self.matcher(term)), -term.weight)
        for kind, sign in self.kinds_of_others(pod):
            for use in snapshot.terms[kind].values():
                if use.term.matches(pod, self._namespace_labels):
                    weight = sign * (use.term.weight or self.required_weight)
                    _spread(scores, snapshot, use.term.topology_key, use.by_node, weight)
        if not scores:
            return self._skip
        by_key: dict[str, dict[str, int]] = {}
        for (key, value), score in scores.items():
            by_key.setdefault(key, {})[value] = score
        state.data[self.name] = by_key
        return None

    def kinds_of_others(self, pod: PodInfo) -> tuple[tuple[str, int], ...]:
        """(kind, sign) of the terms of running pods that count for the score of this one."""
        if self.ignore_preferred_of_others and not (pod.preferred_affinity or pod.preferred_anti_affinity):
            return ()
        return (("preferred_affinity", 1), ("preferred_anti_affinity", -1), ("affinity", 1))

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        by_key: dict[str, dict[str, int]] = state.data[self.name]
        return [
            sum(values.get(node.labels[key], 0) for key, values in by_key.items() if key in node.labels)
            for node in nodes
        ]

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        least, most = min(scores, default=0), max(scores, default=0)
        if most == least:
            return [0] * len(scores)
        return [MAX_SCORE * (score - least) // (most - least) for score in scores]

    # waking

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.kind == "Node":
            if event.new is None:
                return True  # the pods of the node, and what they forbade near them, go with it
            labels = event.new.metadata.labels or {}
            return all(term.topology_key in labels for term in pod.affinity)
        for other in (event.old, event.new):
            if other is None:
                continue
            if any(term.matches(other, self._namespace_labels) for term in (*pod.affinity, *pod.anti_affinity)):
                return True
            if any(term.matches(pod, self._namespace_labels) for term in other.anti_affinity):
                return True
        return False


def _occupied(domains: Domains) -> dict[str, set[str]]:
    """The domains with such a pod: their values by topology key."""
    found: dict[str, set[str]] = {}
    for (key, value), number in domains.items():
        if number > 0:
            found.setdefault(key, set()).add(value)
    return found


def _spread(domains: Domains, snapshot: Snapshot, key: str, by_node: dict[str, int], weight: int) -> None:
    """Add up what is on the nodes by their domains."""
    for name, number in by_node.items():
        node = snapshot.node(name)
        if node is not None:
            _count(domains, node, key, number * weight)


def _count(domains: Domains, node: NodeInfo, key: str, number: int) -> None:
    value = node.labels.get(key)
    if value is not None:
        domain = (key, value)
        domains[domain] = domains.get(domain, 0) + number
