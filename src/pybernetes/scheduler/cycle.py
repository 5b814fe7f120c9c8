"""One decision: which node gets the pod.

    PreFilter ─▶ Filter over slices of nodes, until enough fit ─▶ PreScore ─▶ Score × weight ─▶ best, ties by chance

Synchronous and free of I/O: reads the snapshot, changes nothing. In a large cluster not all nodes are looked at: the
search stops once enough nodes fit (as upstream: 50 % less one per 125 nodes, at least 5 %, at least 100 nodes) and the
next pod's search starts where this one ended.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import msgspec

from pybernetes.scheduler.diagnosis import Diagnosis, unsatisfied
from pybernetes.scheduler.framework import Code, CycleState, Filter, PreFilter, Profile
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

_MIN_FEASIBLE = 100
_MIN_PERCENTAGE = 5


class Decision(msgspec.Struct):
    """node_name "": no node fits, and diagnosis says why."""

    node_name: str
    state: CycleState
    diagnosis: Diagnosis
    evaluated: int = 0
    feasible: int = 0


def nodes_to_find(total: int, percentage: int) -> int:
    """How many fitting nodes are enough. percentage 0: adaptive."""
    if total < _MIN_FEASIBLE:
        return total
    if not percentage:
        percentage = max(50 - total // 125, _MIN_PERCENTAGE)
    return max(total * percentage // 100, _MIN_FEASIBLE)


class Cycle:
    """Makes decisions for the pods of one profile."""

    def __init__(
        self,
        profile: Profile,
        snapshot: Snapshot,
        nominations: Nominations,
        *,
        random: Random,
        percentage_of_nodes_to_score: int = 0,
    ) -> None:
        self._profile = profile
        self._snapshot = snapshot
        self._nominations = nominations
        self._random = random
        self._percentage = percentage_of_nodes_to_score
        self._start = 0

    def decide(self, pod: PodInfo) -> Decision:
        """See the module docstring. What a plugin raises is raised."""
        snapshot = self._snapshot
        state, diagnosis = CycleState(), Diagnosis(len(snapshot.rows))
        decision = Decision("", state, diagnosis)
        if not snapshot.rows:
            return decision
        found = self.pre_filter(state, pod, diagnosis)
        if found is None:
            return decision
        names, filters = found
        nominated = self._nominations.node_of(pod.uid)
        feasible: list[NodeInfo] = []
        if nominated and (names is None or nominated in names):
            node = snapshot.node(nominated)
            if node is not None:
                feasible = self._filter(state, pod, [node], filters, diagnosis)
        if not feasible:
            feasible = self._search(decision, pod, names, filters)
        decision.feasible = len(feasible)
        if feasible:
            best = feasible[0] if len(feasible) == 1 else self._best(state, pod, feasible)
            decision.node_name = best.name
        return decision

    def decide_on(self, pod: PodInfo, node_name: str) -> Decision:
        """The decision when only this node comes into question."""
        state, diagnosis = CycleState(), Diagnosis(len(self._snapshot.rows))
        decision = Decision("", state, diagnosis)
        node = self._snapshot.node(node_name)
        found = self.pre_filter(state, pod, diagnosis) if node is not None else None
        if found is None or node is None or (found[0] is not None and node_name not in found[0]):
            return decision
        if self._filter(state, pod, [node], found[1], diagnosis):
            decision.node_name = node_name
            decision.evaluated = decision.feasible = 1
        return decision

    def pre_filter(
        self, state: CycleState, pod: PodInfo, diagnosis: Diagnosis, plugins: Sequence[PreFilter] | None = None
    ) -> tuple[frozenset[str] | None, list[Filter]] | None:
        """The nodes that come into question (None: all) and the filters to ask; None when no node can be. plugins: ask
        only these."""
        names: frozenset[str] | None = None
        naming: list[str] = []
        skipped: set[str] = set()
        for plugin in self._profile.pre_filter if plugins is None else plugins:
            verdict = plugin.pre_filter(state, pod, self._snapshot)
            if verdict is None:
                continue
            if isinstance(verdict, frozenset):
                names = verdict if names is None else names & verdict
                naming.append(plugin.name)
                if not names:
                    diagnosis.absent = unsatisfied(naming)
                    return None
            elif verdict.code is Code.SKIP:
                skipped.add(plugin.name)
            else:
                diagnosis.pre_filter = ", ".join(verdict.reasons)
                diagnosis.absent = verdict
                return None
        if names is not None:
            diagnosis.absent = unsatisfied(naming)
        return names, [plugin for plugin in self._profile.filter if plugin.name not in skipped]

    def _search(
        self, decision: Decision, pod: PodInfo, names: frozenset[str] | None, filters: list[Filter]
    ) -> list[NodeInfo]:
        """Nodes that fit, from where the last search ended."""
        state, diagnosis, rows = decision.state, decision.diagnosis, self._snapshot.rows
        if names is not None:
            chosen = [node for node in map(self._snapshot.node, names) if node is not None]
            decision.evaluated = len(chosen)
            return self._filter(state, pod, chosen, filters, diagnosis)
        total = len(rows)
        wanted = nodes_to_find(total, self._percentage)
        if wanted >= total:
            decision.evaluated = total
            return self._filter(state, pod, rows, filters, diagnosis)
        start = self._start % total
        order = rows[start:] + rows[:start]
        feasible: list[NodeInfo] = []
        looked_at = 0
        while looked_at < total and len(feasible) < wanted:
            piece = order[looked_at : looked_at + wanted - len(feasible)]
            feasible += self._filter(state, pod, piece, filters, diagnosis)
            looked_at += len(piece)
        self._start = (start + looked_at) % total
        decision.evaluated = looked_at
        return feasible

    def _filter(
        self, state: CycleState, pod: PodInfo, nodes: Sequence[NodeInfo], filters: list[Filter], diagnosis: Diagnosis
    ) -> list[NodeInfo]:
        """The nodes that every filter lets through; the others are noted."""
        left = list(nodes)
        for plugin in filters:
            rejections = plugin.filter(state, pod, left)
            if rejections:
                kept = []
                for node in left:
                    verdict = rejections.get(node.row)
                    if verdict is None:
                        kept.append(node)
                    else:
                        diagnosis.rejected[node.name] = verdict
                left = kept
                if not left:
                    return left
        if self._nominations:
            left = [node for node in left if self.leaves_room(state, pod, node, filters, diagnosis)]
        return left

    def leaves_room(
        self, state: CycleState, pod: PodInfo, node: NodeInfo, filters: list[Filter], diagnosis: Diagnosis
    ) -> bool:
        """Whether the pod fits even when the pods nominated for the node, as important as it or more, are there."""
        rivals = self._nominations.rivals(pod, node.name)
        if not rivals:
            return True
        twin, what_if = node.copy(), state.clone()
        for rival in rivals:
            self.add(what_if, pod, rival, twin)
        for plugin in filters:
            rejections = plugin.filter(what_if, pod, [twin])
            if rejections:
                diagnosis.rejected[node.name] = rejections[twin.row]
                return False
        return True

    def totals(self, state: CycleState, pod: PodInfo, nodes: list[NodeInfo]) -> list[int]:
        """The weighted scores of nodes that fit."""
        skipped = {
            plugin.name
            for plugin in self._profile.pre_score
            if plugin.pre_score(state, pod, nodes, self._snapshot) is not None
        }
        totals = [0] * len(nodes)
        for plugin, weight in self._profile.score:
            if plugin.name not in skipped:
                scores = plugin.normalise(state, nodes, plugin.score(state, pod, nodes))
                totals = [total + weight * score for total, score in zip(totals, scores, strict=True)]
        return totals

    def feasible(self, pod: PodInfo) -> tuple[Decision, list[NodeInfo]]:
        """A decision without a node yet, and all nodes that fit."""
        state, diagnosis = CycleState(), Diagnosis(len(self._snapshot.rows))
        decision = Decision("", state, diagnosis)
        found = self.pre_filter(state, pod, diagnosis) if self._snapshot.rows else None
        if found is None:
            return decision, []
        names, filters = found
        nodes = (
            self._snapshot.rows
            if names is None
            else [node for node in map(self._snapshot.node, names) if node is not None]
        )
        decision.evaluated = len(nodes)
        return decision, self._filter(state, pod, nodes, filters, diagnosis)

    def ranked(self, state: CycleState, pod: PodInfo, nodes: list[NodeInfo], more: Mapping[str, int]) -> Iterator[str]:
        """The names of nodes that fit, best first; more: scores to add, by name. Ties by chance."""
        totals = self.totals(state, pod, nodes)
        keys = {
            node.name: (total + more.get(node.name, 0), self._random.random())
            for node, total in zip(nodes, totals, strict=True)
        }
        yield from sorted(keys, key=keys.__getitem__, reverse=True)

    def _best(self, state: CycleState, pod: PodInfo, nodes: list[NodeInfo]) -> NodeInfo:
        """The node with the highest weighted score; among equals a random one."""
        totals = self.totals(state, pod, nodes)
        highest = max(totals)
        ties = [position for position, total in enumerate(totals) if total == highest]
        return nodes[ties[0] if len(ties) == 1 else self._random.choice(ties)]

    # what if: for preemption

    def filters(self, pod: PodInfo) -> tuple[CycleState, list[Filter]] | None:
        """A fresh state and the filters to ask about the pod; None when PreFilter rejects it everywhere."""
        state = CycleState()
        found = self.pre_filter(state, pod, Diagnosis(0))
        return (state, found[1]) if found is not None else None

    def fits(self, state: CycleState, pod: PodInfo, node: NodeInfo, filters: list[Filter]) -> Diagnosis | None:
        """None when the pod fits on a (changed copy of a) node, else why not."""
        diagnosis = Diagnosis(1)
        return None if self._filter(state, pod, [node], filters, diagnosis) else diagnosis

    def add(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """In this what-if, the other pod is on the node."""
        node.add(other)
        for plugin in self._profile.pre_filter_extensions:
            plugin.add_pod(state, pod, other, node)

    def remove(self, state: CycleState, pod: PodInfo, other: PodInfo, node: NodeInfo) -> None:
        """In this what-if, the other pod is not on the node."""
        node.remove(other)
        for plugin in self._profile.pre_filter_extensions:
            plugin.remove_pod(state, pod, other, node)
