"""PodTopologySpread: keep the number of matching pods in the domains of a topology (zones, nodes, ...) close together.

`DoNotSchedule` constraints filter: placing the pod may not raise a domain above the emptiest one by more than maxSkew.
`ScheduleAnyway` constraints score. A pod without constraints that belongs to a service or a workload is spread by the
built-in defaults (zones with maxSkew 5, nodes with maxSkew 3, ScheduleAnyway; KEP-1258).

Which pods a constraint counts on each node comes from `Snapshot.counts`; here they are summed up by domain, over the
nodes that the constraint's policies include (KEP-3094).
"""

from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import ClassVar

from pybernetes.api.core import Node, TopologySpreadConstraint
from pybernetes.api.selectors import Labels, from_label_selector
from pybernetes.scheduler.configuration.types import PodTopologySpreadArgs
from pybernetes.scheduler.framework import MAX_SCORE, Action, ClusterEvent, Code, CycleState, Rejections, Verdict
from pybernetes.scheduler.matching import PodMatcher, first_untolerated, node_affinity_matches
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

HOSTNAME, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"

_BUILT_IN = [
    TopologySpreadConstraint(topology_key=HOSTNAME, max_skew=3, when_unsatisfiable="ScheduleAnyway"),
    TopologySpreadConstraint(topology_key=ZONE, max_skew=5, when_unsatisfiable="ScheduleAnyway"),
]

OwnerSelectors = Callable[[PodInfo], tuple[Labels, ...]]
"""The selectors of the services and of the workload a pod belongs to; empty when it belongs to none."""


class Constraint:
    """One constraint of a pod, ready to count."""

    __slots__ = ("honour_affinity", "honour_taints", "key", "matcher", "max_skew", "min_domains", "self_match")

    def __init__(
        self,
        pod: PodInfo,
        key: str,
        max_skew: int,
        selectors: Sequence[Labels],
        spec: TopologySpreadConstraint | None = None,
    ) -> None:
        pairs = {
            label: pod.labels[label]
            for label in (spec.match_label_keys if spec is not None else None) or ()
            if label in pod.labels
        }
        self.key = key
        self.max_skew = max_skew
        self.matcher = PodMatcher(frozenset((pod.namespace,)), selectors, pairs=pairs, terminating=False)
        self.min_domains = (spec.min_domains if spec is not None else None) or 1
        self.honour_affinity = spec is None or spec.node_affinity_policy != "Ignore"
        self.honour_taints = spec is not None and spec.node_taints_policy == "Honor"
        self.self_match = 1 if self.matcher.labels_match(pod.labels) else 0

    def counts_every_node(self, pod: PodInfo) -> bool:
        """Whether the policies leave no node out, whatever it looks like."""
        spec = pod.pod.spec
        return not self.honour_taints and not (self.honour_affinity and (spec.node_selector or spec.affinity))

    def counts_node(self, pod: PodInfo, node: NodeInfo) -> bool:
        """Whether the constraint's policies include the node."""
        spec = pod.pod.spec
        selective = self.honour_affinity and (spec.node_selector or spec.affinity is not None)
        if selective and not node_affinity_matches(spec, node.name, node.labels):
            return False
        return not (
            self.honour_taints
            and node.hard_taints
            and first_untolerated(spec.tolerations, node.hard_taints) is not None
        )


class _Domains:
    """Matching pods per domain, for each DoNotSchedule constraint of a pod."""

    __slots__ = ("constraints", "counts")

    def __init__(self, constraints: list[Constraint], counts: list[dict[str, int]]) -> None:
        self.constraints = constraints
        self.counts = counts

    def clone(self) -> "_Domains":
        return _Domains(self.constraints, [dict(count) for count in self.counts])


class _Weights:
    """What scoring needs: the constraints, their normalising weights, pods per domain (None: per node)."""

    __slots__ = ("constraints", "counts", "ignored", "weights")

    def __init__(
        self,
        constraints: list[Constraint],
        counts: list[Mapping[str, int]],
        weights: list[float],
        ignored: set[str],
    ) -> None:
        self.constraints = constraints
        self.counts = counts
        self.weights = weights
        self.ignored = ignored


class PodTopologySpread:
    name = "PodTopologySpread"
    interests: ClassVar[dict[str, Action]] = {
        "Pod": Action.ADD | Action.DELETE | Action.POD_LABELS,
        "Node": Action.ADD | Action.DELETE | Action.NODE_LABELS | Action.NODE_TAINTS,
    }

    def __init__(self, owner_selectors: OwnerSelectors, args: PodTopologySpreadArgs | None = None) -> None:
        self.owner_selectors = owner_selectors
        self._defaults = _BUILT_IN if args is None or args.defaulting_type == "System" else args.default_constraints
        self.has_array_form = self._defaults is _BUILT_IN
        reason = "node(s) didn't match pod topology spread constraints"
        self._missing = Verdict(Code.UNRESOLVABLE, self.name, (f"{reason} (missing required label)",))
        self._skewed = Verdict(Code.UNSCHEDULABLE, self.name, (reason,))
        self._skip = Verdict(Code.SKIP, self.name)

    def constraints(self, pod: PodInfo, when_unsatisfiable: str) -> list[Constraint]:
        """The pod's own constraints of one kind; the defaults of the configuration for a pod that has none."""
        if not pod.pod.spec.topology_spread_constraints:
            rows = [row for row in self._defaults if row.when_unsatisfiable == when_unsatisfiable]
            selectors = self.owner_selectors(pod) if rows else ()
            return [Constraint(pod, row.topology_key, row.max_skew, selectors, row) for row in rows if selectors]
        return [
            Constraint(pod, found.topology_key, found.max_skew, [from_label_selector(found.label_selector)], found)
            for found in pod.pod.spec.topology_spread_constraints or ()
            if found.when_unsatisfiable == when_unsatisfiable
        ]

    def scoring_constraints(self, pod: PodInfo, selectors: tuple[Labels, ...]) -> list[Constraint]:
        """The constraints that weigh nodes: the pod's own, else the built-in ones over these selectors."""
        if pod.pod.spec.topology_spread_constraints or self._defaults is not _BUILT_IN:
            return self.constraints(pod, "ScheduleAnyway")
        return [Constraint(pod, row.topology_key, row.max_skew, selectors) for row in _BUILT_IN if selectors]

    # filtering

    def pre_filter(self, state: CycleState, pod: PodInfo, snapshot: Snapshot) -> Verdict | frozenset[str] | None:
        constraints = self.constraints(pod, "DoNotSchedule")
        if not constraints:
            return self._skip
        keys = [constraint.key for constraint in constraints]
        counts: list[dict[str, int]] = [{} for _ in constraints]
        complete = _having(snapshot.rows, keys)
        for constraint, count in zip(constraints, counts, strict=True):
            key, pods_on = constraint.key, snapshot.counts(constraint.matcher).get
            counted = complete
            if not constraint.counts_every_node(pod):
                counted = [node for node in complete if constraint.counts_node(pod, node)]
            for node in counted:
                domain = node.labels[key]
                count[domain] = count.get(domain, 0) + pods_on(node.name, 0)
        state.data[self.name] = _Domains(constraints, counts)
        return None

    def filter(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Rejections:
        domains: _Domains = state.data[self.name]
        rejected: Rejections = {}
        for constraint, count in zip(domains.constraints, domains.counts, strict=True):
            least = min(count.values(), default=0) if len(count) >= constraint.min_domains else 0
            most = least + constraint.max_skew - constraint.self_match
            key = constraint.key
            for node in nodes:
                if node.row in rejected:
                    continue
                domain = node.labels.get(key)
                if domain is None:
                    rejected[node.row] = self._missing
                elif count.get(domain, 0) > most:
                    rejected[node.row] = self._skewed
        return rejected

    def add_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        self._change(state, pod, other, node, 1)

    def remove_pod(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        self._change(state, pod, other, node, -1)

    def _change(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo, sign: int) -> None:
        domains: _Domains | None = state.data.get(self.name)
        if domains is None or other.terminating or not all(c.key in node.labels for c in domains.constraints):
            return
        for constraint, count in zip(domains.constraints, domains.counts, strict=True):
            if constraint.matcher.matches(other.namespace, other.labels) and constraint.counts_node(pod, node):
                domain = node.labels[constraint.key]
                count[domain] = count.get(domain, 0) + sign

    # scoring

    def pre_score(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], snapshot: Snapshot
    ) -> Verdict | None:
        state.data.pop(self.name, None)
        own = bool(pod.pod.spec.topology_spread_constraints) or self._defaults is not _BUILT_IN
        constraints = self.scoring_constraints(pod, () if own else self.owner_selectors(pod))
        if not constraints:
            return self._skip
        ignored: set[str] = set()
        if own:
            ignored = {node.name for node in nodes if not all(c.key in node.labels for c in constraints)}
        scored = [node for node in nodes if node.name not in ignored]
        counts: list[Mapping[str, int]] = []
        weights: list[float] = []
        for constraint in constraints:
            by_node = snapshot.counts(constraint.matcher)
            if constraint.key == HOSTNAME:
                counts.append(by_node)
                weights.append(log(len(scored) + 2))
                continue
            domains = dict.fromkeys(
                (node.labels[constraint.key] for node in scored if constraint.key in node.labels), 0
            )
            weights.append(log(len(domains) + 2))
            for name, number in by_node.items():
                node = snapshot.node(name)
                if node is None or (own and not all(c.key in node.labels for c in constraints)):
                    continue
                domain = node.labels.get(constraint.key)
                if domain in domains and constraint.counts_node(pod, node):
                    domains[domain] += number
            counts.append(domains)
        state.data[self.name] = _Weights(constraints, counts, weights, ignored)
        return None

    def score(self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo]) -> list[int]:
        """How crowded the node's domains are: less is better."""
        weights: _Weights = state.data[self.name]
        totals = [0.0] * len(nodes)
        for constraint, count, weight in zip(weights.constraints, weights.counts, weights.weights, strict=True):
            key, least = constraint.key, constraint.max_skew - 1
            get = count.get
            if key == HOSTNAME:
                for position, node in enumerate(nodes):
                    if key in node.labels:
                        totals[position] += get(node.name, 0) * weight + least
            else:
                for position, node in enumerate(nodes):
                    domain = node.labels.get(key)
                    if domain is not None:
                        totals[position] += get(domain, 0) * weight + least
        return [round(total) for total in totals]

    def normalise(self, state: CycleState, nodes: Sequence[NodeInfo], scores: list[int]) -> list[int]:
        ignored = state.data[self.name].ignored
        counted = scores
        if ignored:
            counted = [score for node, score in zip(nodes, scores, strict=True) if node.name not in ignored]
        least, most = min(counted, default=0), max(counted, default=0)
        if not most:
            found = [MAX_SCORE] * len(scores)
        else:
            found = [MAX_SCORE * (most + least - score) // most for score in scores]
        if ignored:
            found = [0 if node.name in ignored else score for node, score in zip(nodes, found, strict=True)]
        return found

    # waking

    def wakes(self, pod: PodInfo, event: ClusterEvent) -> bool:
        constraints = self.constraints(pod, "DoNotSchedule")
        if event.kind == "Node":
            return self._node_matters(event.old, event.new, [constraint.key for constraint in constraints])
        others = [other for other in (event.old, event.new) if other is not None]
        return any(
            constraint.matcher.matches(other.namespace, other.labels) for other in others for constraint in constraints
        )

    @staticmethod
    def _node_matters(old: Node | None, new: Node | None, keys: list[str]) -> bool:
        """Whether the node is, was, or has become or ceased to be, part of a domain of every key."""
        before = [(old.metadata.labels or {}).get(key) for key in keys] if old is not None else [None]
        after = [(new.metadata.labels or {}).get(key) for key in keys] if new is not None else [None]
        was, is_now = None not in before, None not in after
        if old is None or new is None or was != is_now:
            return was or is_now
        return is_now and (before != after or (old.spec.taints or []) != (new.spec.taints or []))


def _having(nodes: Sequence[NodeInfo], keys: Sequence[str]) -> Sequence[NodeInfo]:
    """The nodes that have all these labels."""
    for key in keys:
        nodes = [node for node in nodes if key in node.labels]
    return nodes
