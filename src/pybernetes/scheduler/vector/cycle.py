"""The cycle over arrays; see the package's docstring.

    the class of the pod ──▶ refresh ──▶ plugins without array form, rivals' rooms ──▶ best row
                                              (only for pods or nodes that have them)

Pods that name their nodes, clusters with few nodes, and profiles with other arguments than this package knows are left
to the plain cycle.
"""

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.scheduler.configuration.types import DefaultPreemptionArgs
from pybernetes.scheduler.cycle import Cycle, Decision
from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.framework import CycleState, Filter, PreFilter, Profile, Score, Verdict
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.plugins.default_preemption import DefaultPreemption
from pybernetes.scheduler.plugins.dynamic_resources import DynamicResources
from pybernetes.scheduler.plugins.inter_pod_affinity import InterPodAffinity
from pybernetes.scheduler.plugins.pod_topology_spread import PodTopologySpread
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import Plan, ineligible
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.vector.board import Board
from pybernetes.scheduler.vector.codes import EXTRA, MAX_SCALARS, VectorDiagnosis
from pybernetes.scheduler.vector.columns import Bools, Ints
from pybernetes.scheduler.vector.occupants import LowestPriorities, Promised
from pybernetes.scheduler.vector.pod_class import PodClass
from pybernetes.scheduler.vector.relations import NONE, Relating
from pybernetes.scheduler.vector.room_maker import RoomMaker

FRONT = ("NodeUnschedulable", "NodeName", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit")
BACK = ("PodTopologySpread", "InterPodAffinity")
SCORES = (
    "TaintToleration",
    "NodeAffinity",
    "NodeResourcesFit",
    "PodTopologySpread",
    "InterPodAffinity",
    "NodeResourcesBalancedAllocation",
    "ImageLocality",
)
BY_OBJECTS = frozenset(
    (
        "VolumeRestrictions",
        "NodeVolumeLimits",
        "VolumeBinding",
        "VolumeZone",
        "DynamicResources",
        "NodeDeclaredFeatures",
    )
)
"""Plugins that skip every pod that does not `brings_own`."""
_MAX_CLASSES = 256
_MAX_MAKERS = 32
_MAX_ALIASES = 16384


def has_array_form(profile: Profile) -> bool:
    """Whether the profile's plugins are those that this package knows, in an order and with arguments it knows."""
    order = [plugin.name for plugin in profile.filter if plugin.name in FRONT + BACK]
    if order != [name for name in FRONT + BACK if name in order]:
        return False
    plugins: list[Any] = [*profile.filter, *(plugin for plugin, _ in profile.score)]
    return all(getattr(plugin, "has_array_form", True) for plugin in plugins if plugin.name in FRONT + BACK + SCORES)


class VectorCycle:
    """Same contract as `Cycle`, whose what-if methods it shares."""

    def __init__(
        self, plain: Cycle, profile: Profile, snapshot: Snapshot, nominations: Nominations, random: Random
    ) -> None:
        self._plain = plain
        self._profile = profile
        self._snapshot = snapshot
        self._nominations = nominations
        self._random = random
        self._board = Board(snapshot, profile)
        plugins = {plugin.name: plugin for plugin in (*profile.filter, *(plugin for plugin, _ in profile.score))}
        spread, neighbours = plugins.get("PodTopologySpread"), plugins.get("InterPodAffinity")
        assert spread is None or isinstance(spread, PodTopologySpread)
        assert neighbours is None or isinstance(neighbours, InterPodAffinity)
        self._devices = next((plugin for plugin in profile.filter if isinstance(plugin, DynamicResources)), None)
        self._relating = Relating(snapshot, spread, neighbours)
        known = set(FRONT + BACK + SCORES)
        self._pre_filters: list[PreFilter] = [plugin for plugin in profile.pre_filter if plugin.name not in known]
        self._always_asked = [plugin for plugin in self._pre_filters if plugin.name not in BY_OBJECTS]
        names = [plugin.name for plugin in profile.filter]
        first_back = min((names.index(name) for name in BACK if name in names), default=len(names))
        others = [(at, plugin) for at, plugin in enumerate(profile.filter) if plugin.name not in known]
        self._middle: list[Filter] = [plugin for at, plugin in others if at < first_back]
        self._last: list[Filter] = [plugin for at, plugin in others if at > first_back]
        self._extras = frozenset(plugin.name for _, plugin in others)
        self._always_extras = self._extras - BY_OBJECTS
        self._scores: list[tuple[Score, int]] = [row for row in profile.score if row[0].name not in known]
        self._own_scores = [row for row in self._scores if row[0].name not in self._extras]
        """Of plugins that do not filter; one that filters and was left out there has no score to give either."""
        self._preemption = next(
            (plugin.args for plugin in profile.post_filter if isinstance(plugin, DefaultPreemption)),
            DefaultPreemptionArgs(),
        )
        self._classes: dict[Any, PodClass] = {}
        self._aliases: dict[Any, tuple[Any, PodClass]] = {}
        self._priorities = LowestPriorities(snapshot, self._board.columns)
        self._promised = Promised(snapshot, self._board.columns, nominations)
        self._makers: dict[tuple[int, int], RoomMaker] = {}

    # finding the class

    def class_of(self, pod: PodInfo) -> PodClass:
        """The class a pod belongs to now, up to date."""
        found = self._find_class(pod)
        found.refresh()
        return found

    def _find_class(self, pod: PodInfo) -> PodClass:
        relating, shape = self._relating, pod.shape
        selectors = relating.selectors(pod)
        if relating.none_possible(pod, selectors):
            found = self._classes.get((shape.number, ()))
            if found is None:
                found = self._make((shape.number, ()), pod, NONE)
        else:
            alias = (shape.number, pod.namespace, tuple(pod.labels.items()))
            stamp = (self._snapshot.terms_version, self._snapshot.namespaces_version, selectors)
            known = self._aliases.get(alias)
            if known is not None and known[0] == stamp:
                found = known[1]
            else:
                relations = relating.of(pod, selectors)
                key = (shape.number, relations.key)
                found = self._classes.get(key) or self._make(key, pod, relations)
                if len(self._aliases) >= _MAX_ALIASES:
                    self._aliases.clear()
                self._aliases[alias] = (stamp, found)
        return found

    def _make(self, key: Any, pod: PodInfo, relations: Any) -> PodClass:
        if len(self._classes) >= _MAX_CLASSES:
            for old in list(self._classes)[: _MAX_CLASSES // 2]:
                del self._classes[old]
            self._aliases.clear()
        self._board.columns.sync_nodes()
        found = self._classes[key] = PodClass(self._board, pod, relations)
        return found

    # deciding

    def decide(self, pod: PodInfo) -> Decision:
        """See `Cycle.decide`; every node is looked at, whatever percentageOfNodesToScore says."""
        nominated = self._nominations.node_of(pod.uid) if self._nominations else ""
        if pod.shape.names_nodes or pod.node_name or (pod.requests.scalars and self._is_odd(pod)):
            return self._plain.decide(pod)
        state = CycleState()
        snapshot = self._snapshot
        total = len(snapshot.rows)
        extras = self._extras if pod.brings_own else self._always_extras
        pre_filters = self._pre_filters if pod.brings_own else self._always_asked
        if pre_filters:
            diagnosis = Diagnosis(total)
            asked = self._plain.pre_filter(state, pod, diagnosis, pre_filters)
            if asked is None:
                return Decision("", state, diagnosis)
            if asked[0] is not None:
                return self._plain.decide(pod)
            extras = extras.intersection(plugin.name for plugin in asked[1])
        found = self._find_class(pod)
        if nominated:
            decision = self._decide_nominated(pod, state, found, nominated, extras)
            if decision is not None:
                return decision
        found.refresh()
        if extras or self._own_scores or self._nominations:
            return self._decide_mixed(pod, state, found, extras)
        row = found.best(self._random)
        if row < 0:
            codes, numbers = found.codes()
            diagnosis = VectorDiagnosis(snapshot, codes, found.scalars, numbers=numbers)
            diagnosis.pod_class = found
            return Decision("", state, diagnosis, total)
        return Decision(snapshot.rows[row].name, state, _FITS, total, 1)

    def _is_odd(self, pod: PodInfo) -> bool:
        """Whether its extended resources have no array form: too many, or they come as devices."""
        devices = self._devices
        return len(pod.requests.scalars) > MAX_SCALARS or (devices is not None and bool(devices.backing.of(pod)))

    def _decide_nominated(
        self, pod: PodInfo, state: CycleState, found: PodClass, nominated: str, extras: frozenset[str]
    ) -> Decision | None:
        """The nominated node, if the pod fits there."""
        node = self._snapshot.node(nominated)
        if node is None or not found.fits(node):
            return None
        if not extras and not self._nominations.rivals(pod, nominated):
            return Decision(nominated, state, _FITS, 1, 1)
        decision = self._plain.decide_on(pod, nominated)
        return decision if decision.node_name else None

    def _decide_mixed(self, pod: PodInfo, state: CycleState, found: PodClass, extras: frozenset[str]) -> Decision:
        """With plugins that are asked in their plain form, or with nominated pods about."""
        rows = self._snapshot.rows
        verdicts: list[Verdict] = []
        codes = found.front_codes()
        middle = [plugin for plugin in self._middle if plugin.name in extras]
        last = [plugin for plugin in self._last if plugin.name in extras]
        for plugins, mark in ((middle, True), (last, False)):
            for plugin in plugins:
                left = [rows[row] for row in np.flatnonzero(codes == 0)]
                for row, verdict in plugin.filter(state, pod, left).items() if left else ():
                    codes[row] = EXTRA + len(verdicts)
                    verdicts.append(verdict)
            if mark:
                found.mark_terms(codes)
        if self._nominations:
            self._leave_room(pod, codes, verdicts)
        feasible: Bools = codes == 0
        if not feasible.any():
            diagnosis = VectorDiagnosis(self._snapshot, codes, found.scalars, verdicts)
            diagnosis.pod_class = None if extras else found
            return Decision("", state, diagnosis, len(rows))
        key = found.totals_for(feasible)
        self._add_scores(pod, state, feasible, key, extras)
        return Decision(rows[found.best(self._random, key)].name, state, _FITS, len(rows), int(feasible.sum()))

    def _leave_room(self, pod: PodInfo, codes: Any, verdicts: list[Verdict]) -> None:
        """Rule out the rows where the pod would take the place of a nominated one."""
        asked: tuple[CycleState, list[Filter]] | None = None
        for row in np.flatnonzero(self._promised.rows() & (codes == 0)):
            node = self._snapshot.rows[row]
            if not self._nominations.rivals(pod, node.name):
                continue
            if asked is None:
                asked = self._plain.filters(pod)
                if asked is None:
                    return
            diagnosis = Diagnosis(1)
            if not self._plain.leaves_room(asked[0], pod, node, asked[1], diagnosis):
                codes[row] = EXTRA + len(verdicts)
                verdicts.append(diagnosis.rejected[node.name])

    def _add_scores(self, pod: PodInfo, state: CycleState, feasible: Bools, key: Ints, extras: frozenset[str]) -> None:
        """The scores of plugins that have no array form."""
        asked = [row for row in self._scores if row[0].name in extras or row[0].name not in self._extras]
        if not asked:
            return
        picked = np.flatnonzero(feasible)
        nodes = [self._snapshot.rows[row] for row in picked]
        known = {plugin.name for plugin, _ in asked}
        skipped = {
            plugin.name
            for plugin in self._profile.pre_score
            if plugin.name in known and plugin.pre_score(state, pod, nodes, self._snapshot) is not None
        }
        for plugin, weight in asked:
            if plugin.name not in skipped:
                scores = plugin.normalise(state, nodes, plugin.score(state, pod, nodes))
                key[picked] += weight * np.array(scores, np.int64)

    # making room

    def plan(self, pod: PodInfo, diagnosis: Diagnosis, budgets: Sequence[PodDisruptionBudget]) -> Plan | str | None:
        """As `preemption.plan`, when the pod's place depends on nothing but the room on the nodes; else None."""
        if not isinstance(diagnosis, VectorDiagnosis) or not isinstance(diagnosis.pod_class, PodClass):
            return None
        kept = diagnosis.pod_class
        if kept.depends_on_pods or pod.host_ports:
            return None
        reason = ineligible(pod, self._snapshot, self._nominations, diagnosis)
        if reason:
            return f"preemption: {reason}"
        key = (pod.shape.number, pod.priority)
        found = self._makers.get(key)
        if found is None:
            if len(self._makers) >= _MAX_MAKERS:
                self._makers.clear()
            found = self._makers[key] = RoomMaker(
                self._snapshot, self._board.columns, self._priorities, self._promised, pod, self._preemption
            )
        return found.plan(self._plain, pod, diagnosis, budgets, self._random)


_FITS = Diagnosis(0)
