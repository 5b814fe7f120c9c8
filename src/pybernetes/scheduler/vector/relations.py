"""How a pod relates to other pods: its class, apart from what it asks of the node itself.

Two pods with equal relations and an equal shape are decided alike, whatever their other labels say. Relations are
found with the plain plugins' own rules: which constraints and terms a pod has, which running pods' terms are about it.
"""

from collections.abc import Hashable, Iterable

import msgspec

from pybernetes.api.selectors import Labels
from pybernetes.scheduler.matching import PodMatcher
from pybernetes.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from pybernetes.scheduler.plugins.pod_topology_spread import Constraint, PodTopologySpread
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot, TermUse


class Relations(msgspec.Struct, gc=False):
    """`key` identifies them; everything else follows from it and the snapshot."""

    key: Hashable = ()
    spread: list[Constraint] = []
    """DoNotSchedule."""
    scoring: list[Constraint] = []
    """ScheduleAnyway, or the built-in ones."""
    scoring_own: bool = False
    affinity: PodMatcher | None = None
    affinity_keys: tuple[str, ...] = ()
    first_of_its_kind: bool = False
    """Whether the pod satisfies its own affinity terms."""
    anti_affinity: list[tuple[PodMatcher, str]] = []
    rejecting: list[TermUse] = []
    preferred: list[tuple[PodMatcher, str, int]] = []
    preferring: list[tuple[str, TermUse, int]] = []
    """(kind, use, weight)."""


NONE = Relations()


class Relating:
    """Finds the relations of pods. A plugin that is None has no say."""

    def __init__(
        self, snapshot: Snapshot, spread: PodTopologySpread | None, neighbours: InterPodAffinity | None
    ) -> None:
        self._snapshot = snapshot
        self._spread = spread
        self._neighbours = neighbours

    def none_possible(self, pod: PodInfo, selectors: tuple[Labels, ...]) -> bool:
        """Whether a glance suffices to know that the pod relates to nobody."""
        return not selectors and not pod.shape.constrained and not any(self._snapshot.terms.values())

    def selectors(self, pod: PodInfo) -> tuple[Labels, ...]:
        """What the built-in spreading of this pod counts; () when it has constraints of its own, or no owners."""
        spread = self._spread
        if spread is None or pod.shape.spec.topology_spread_constraints:
            return ()
        return spread.owner_selectors(pod)

    def of(self, pod: PodInfo, selectors: tuple[Labels, ...]) -> Relations:
        """The relations of a pod."""
        found = Relations(spread=[], scoring=[], anti_affinity=[], rejecting=[], preferred=[], preferring=[])
        if self._spread is not None:
            found.spread = self._spread.constraints(pod, "DoNotSchedule")
            found.scoring_own = bool(pod.shape.spec.topology_spread_constraints)
            found.scoring = self._spread.scoring_constraints(pod, selectors)
        if self._neighbours is not None:
            self._add_neighbours(self._neighbours, found, pod)
        found.key = (
            tuple(map(_constraint_key, found.spread)),
            tuple(map(_constraint_key, found.scoring)),
            found.scoring_own,
            found.affinity.key if found.affinity is not None else None,
            found.affinity_keys,
            found.first_of_its_kind,
            tuple((matcher.key, key) for matcher, key in found.anti_affinity),
            _uses(found.rejecting),
            tuple((matcher.key, key, weight) for matcher, key, weight in found.preferred),
            _uses(use for _, use, _ in found.preferring),
        )
        return found

    def _add_neighbours(self, plugin: InterPodAffinity, found: Relations, pod: PodInfo) -> None:
        if pod.affinity:
            found.affinity = plugin.matcher(*pod.affinity)
            found.affinity_keys = tuple(dict.fromkeys(term.topology_key for term in pod.affinity))
            found.first_of_its_kind = plugin.all_match(pod.affinity, pod)
        found.anti_affinity = [(plugin.matcher(term), term.topology_key) for term in pod.anti_affinity]
        for terms, sign in ((pod.preferred_affinity, 1), (pod.preferred_anti_affinity, -1)):
            found.preferred += [(plugin.matcher(term), term.topology_key, sign * term.weight) for term in terms]
        running = self._snapshot.terms
        found.rejecting = [use for use in running["anti_affinity"].values() if plugin.all_match((use.term,), pod)]
        for kind, sign in plugin.kinds_of_others(pod):
            for use in running[kind].values():
                weight = sign * (use.term.weight or plugin.required_weight)
                if weight and plugin.all_match((use.term,), pod):
                    found.preferring.append((kind, use, weight))


def _uses(uses: Iterable[TermUse]) -> tuple[int, ...]:
    return tuple(map(id, uses))


def _constraint_key(constraint: Constraint) -> Hashable:
    return (
        constraint.key,
        constraint.max_skew,
        constraint.matcher.key,
        constraint.min_domains,
        constraint.honour_affinity,
        constraint.honour_taints,
        constraint.self_match,
    )
