"""DefaultPreemption for pods whose place depends on nothing but room: the victims per node are remembered.

The rules are those of preemption.py. What a node's victims would be for a given demand and priority changes only when
the node or its pods change, so the answer is kept per row (candidates.py), and the rows that the journals name are
asked again (victims.py), as soon as there are too few plans to choose from. Rows that a pod is nominated for are asked
plainly, and only if nothing else helps.
"""

from collections.abc import Sequence
from random import Random

import numpy as np

from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.scheduler.configuration.types import DefaultPreemptionArgs
from pybernetes.scheduler.cycle import Cycle
from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.framework import Verdict
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import NO_VICTIMS, NOT_HELPFUL, Plan, candidates_wanted, harm, try_node
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.vector.candidates import Candidates
from pybernetes.scheduler.vector.codes import EXTRA, VectorDiagnosis
from pybernetes.scheduler.vector.columns import Columns
from pybernetes.scheduler.vector.occupants import LowestPriorities, Promised
from pybernetes.scheduler.vector.victims import Demand

_ENOUGH = 0.9
"""The share of the wanted candidates down to which no new ones are worked out."""


class RoomMaker:
    """The plans for pods of one shape and priority."""

    def __init__(
        self,
        snapshot: Snapshot,
        columns: Columns,
        priorities: LowestPriorities,
        promised: Promised,
        pod: PodInfo,
        args: DefaultPreemptionArgs,
    ) -> None:
        self._args = args
        self._snapshot = snapshot
        self._columns = columns
        self._priorities = priorities
        self._promised = promised
        self._priority = pod.priority
        self._demand = Demand(pod)
        self._candidates = Candidates()
        self._epoch = -1
        self._budgets: Sequence[PodDisruptionBudget] = ()
        self._usage_at = self._starts_at = self._promised_at = 0
        self._wanted = 0

    def plan(
        self,
        cycle: Cycle,
        pod: PodInfo,
        diagnosis: VectorDiagnosis,
        budgets: Sequence[PodDisruptionBudget],
        random: Random,
    ) -> Plan | str:
        """As `preemption.plan` for an eligible pod."""
        if not diagnosis.helpful_codes():
            outcome = Diagnosis(len(self._snapshot.rows))
            outcome.absent = NOT_HELPFUL
            return f"preemption: {outcome.message()}"
        self._catch_up(diagnosis, budgets, random)
        candidates = self._candidates
        if candidates.plans < self._wanted * _ENOUGH or not candidates.harmless:
            self._work_out(diagnosis, budgets)
        found = candidates.best()
        return found if found is not None else self._last_resort(cycle, pod, diagnosis, budgets)

    def _catch_up(self, diagnosis: VectorDiagnosis, budgets: Sequence[PodDisruptionBudget], random: Random) -> None:
        """Forget the answers about rows that changed."""
        snapshot, promised = self._snapshot, self._promised
        self._columns.sync_nodes()
        changed, started = snapshot.usage.since(self._usage_at), snapshot.starts.since(self._starts_at)
        nominated = promised.changed_since(self._promised_at)
        self._usage_at, self._starts_at = snapshot.usage.position, snapshot.starts.position
        self._promised_at = promised.position
        if (
            changed is None
            or started is None
            or nominated is None
            or self._epoch != self._columns.epoch
            or not _same(budgets, self._budgets)
        ):
            self._start(diagnosis, budgets, random)
            return
        for row in {*changed, *started, *nominated}:
            self._candidates.forget(row)

    def _start(self, diagnosis: VectorDiagnosis, budgets: Sequence[PodDisruptionBudget], random: Random) -> None:
        """Everything is to be asked, from a random row on. Nothing but changes of rows makes others helpful later."""
        self._epoch, self._budgets = self._columns.epoch, budgets
        self._wanted = candidates_wanted(len(self._snapshot.rows), self._args)
        possible = np.flatnonzero(diagnosis.helpful() & (self._priorities.rows() < self._priority))
        start = random.randrange(len(possible)) if len(possible) else 0
        self._candidates.start(np.roll(possible, -start).tolist())

    def _work_out(self, diagnosis: VectorDiagnosis, budgets: Sequence[PodDisruptionBudget]) -> None:
        """Ask open rows until there are enough plans, one of them without violations (as upstream's dry run)."""
        candidates, wanted, rows = self._candidates, self._wanted, self._snapshot.rows
        promised, codes, helpful = self._promised.rows(), diagnosis.codes, diagnosis.helpful_codes()
        while candidates.plans < wanted or not candidates.harmless:
            row = candidates.next_open()
            if row is None:
                break
            if not promised[row] and codes[row] in helpful:  # else it is open again when that changes
                candidates.put(row, self._demand.victims(rows[row], budgets))

    def _last_resort(
        self, cycle: Cycle, pod: PodInfo, diagnosis: VectorDiagnosis, budgets: Sequence[PodDisruptionBudget]
    ) -> Plan | str:
        """The least harmful plan for a promised row; the message when there is none."""
        rows, helpful = self._snapshot.rows, diagnosis.helpful()
        promised = np.flatnonzero(self._promised.rows() & helpful & (self._priorities.rows() < self._priority))
        answers: dict[int, Plan | Verdict] = dict(self._candidates.answers)
        plans: list[Plan] = []
        asked = cycle.filters(pod) if len(promised) else None
        for row in promised.tolist() if asked is not None else ():
            assert asked is not None
            answer = answers[row] = try_node(cycle, *asked, pod, rows[row], budgets)
            if isinstance(answer, Plan):
                plans.append(answer)
        if plans:
            return min(plans, key=harm)
        codes = np.full(len(rows), EXTRA, np.int32)
        codes[helpful] = EXTRA + 1
        verdicts = [NOT_HELPFUL, NO_VICTIMS]
        for row, verdict in answers.items():
            assert isinstance(verdict, Verdict)
            if verdict not in verdicts:
                verdicts.append(verdict)
            codes[row] = EXTRA + verdicts.index(verdict)
        return f"preemption: {VectorDiagnosis(self._snapshot, codes, (), verdicts).message()}"


def _same(budgets: Sequence[PodDisruptionBudget], before: Sequence[PodDisruptionBudget]) -> bool:
    """Whether the very same objects, in the same order."""
    if not budgets and not before:
        return True
    return len(budgets) == len(before) and all(map(lambda one, other: one is other, budgets, before))
