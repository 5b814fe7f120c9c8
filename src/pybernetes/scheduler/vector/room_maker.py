"""DefaultPreemption for pods whose place depends on nothing but room: the victims per node are remembered.

The rules are those of preemption.py. What a node's victims would be for a given demand and priority changes only when
the node or its pods change, so it is kept per row, with a heap of the least harmful, and the rows that the journals
name are worked out again. Rows that a pod is nominated for are asked plainly, and only if nothing else helps.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from random import Random

import numpy as np

from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.scheduler.configuration.types import DefaultPreemptionArgs
from pybernetes.scheduler.cycle import Cycle
from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.framework import Verdict
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import (
    NO_VICTIMS,
    NOT_HELPFUL,
    Plan,
    candidates_wanted,
    harm,
    importance,
    split_by_budgets,
    try_node,
)
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.vector.codes import (
    CPU,
    EPHEMERAL,
    EXTRA,
    MEMORY,
    SCALAR,
    TOO_MANY_PODS,
    VectorDiagnosis,
    fit_verdict,
)
from pybernetes.scheduler.vector.columns import Bools, Columns, Ids, Ints

_ENOUGH = 0.9
"""The share of the wanted candidates down to which no new ones are worked out."""
_NOBODY = 1 << 40


class LowestPriorities:
    """The priority of the least important pod of each row."""

    def __init__(self, snapshot: Snapshot, columns: Columns) -> None:
        self._snapshot = snapshot
        self._columns = columns
        self._epoch = -1
        self._at = 0
        self._rows: Ints = np.zeros(0, np.int64)

    def rows(self) -> Ints:
        """Current; rows without pods have a number above every priority."""
        snapshot, usage = self._snapshot, self._snapshot.usage
        changed = usage.since(self._at) if self._epoch == self._columns.epoch else None
        self._epoch, self._at = self._columns.epoch, usage.position
        if changed is None:
            self._rows = np.array([_lowest(node) for node in snapshot.rows], np.int64)
        else:
            for row in set(changed):
                self._rows[row] = _lowest(snapshot.rows[row])
        return self._rows


def _lowest(node: NodeInfo) -> int:
    return min([pod.priority for pod in node.pods.values()], default=_NOBODY)


class Promised:
    """The rows that some pod is nominated for."""

    def __init__(self, snapshot: Snapshot, columns: Columns, nominations: Nominations) -> None:
        self._snapshot = snapshot
        self._columns = columns
        self._nominations = nominations
        self._epoch = -1
        self._at = 0
        self._rows: Bools = np.zeros(0, np.bool_)

    @property
    def position(self) -> int:
        """See `Journal.position`."""
        return self._nominations.journal.position

    def changed_since(self, position: int) -> list[int] | None:
        """The rows of which the nominated pods changed; None when that is forgotten."""
        names = self._nominations.journal.since(position)
        if names is None:
            return None
        return [node.row for name in names if (node := self._snapshot.node(name)) is not None]

    def rows(self) -> Bools:
        """Current."""
        names = self._nominations.journal.since(self._at) if self._epoch == self._columns.epoch else None
        if names is None:
            self._rows = np.zeros(self._columns.size, np.bool_)
            names = self._nominations.nodes()
        self._epoch, self._at = self._columns.epoch, self.position
        for name in names:
            node = self._snapshot.node(name)
            if node is not None:
                self._rows[node.row] = self._nominations.any_on(name)
        return self._rows


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
        self._promised = promised
        self._promised_at = 0
        self._snapshot = snapshot
        self._columns = columns
        self._priorities = priorities
        self._priority = pod.priority
        requests = pod.requests
        self._cpu, self._memory, self._ephemeral = requests.milli_cpu, requests.memory, requests.ephemeral
        self._scalars = requests.scalars
        self._stamp: tuple[object, ...] = ()
        self._usage_at = self._starts_at = 0
        self._answers: dict[int, Plan | Verdict] = {}
        self._answered: Bools = np.zeros(0, np.bool_)
        self._plans = 0
        self._heap: list[tuple[tuple[float, ...], int, int]] = []
        self._serials: dict[int, int] = {}
        self._serial = 0

    def plan(
        self,
        cycle: Cycle,
        pod: PodInfo,
        diagnosis: VectorDiagnosis,
        budgets: Sequence[PodDisruptionBudget],
        random: Random,
    ) -> Plan | str:
        """As `preemption.plan` for an eligible pod."""
        self._catch_up(budgets)
        rows = self._snapshot.rows
        if not diagnosis.any_helpful():
            outcome = Diagnosis(len(rows))
            outcome.absent = NOT_HELPFUL
            return f"preemption: {outcome.message()}"
        if self._plans >= candidates_wanted(len(rows), self._args) * _ENOUGH:
            found = self._least_harmful()
            if found is not None:
                return found
        helpful = diagnosis.helpful()
        possible = helpful & (self._priorities.rows() < self._priority)
        promised = self._promised.rows()
        if self._plans < candidates_wanted(len(rows), self._args):
            self._work_out(np.flatnonzero(possible & ~promised & ~self._answered), budgets, random)
        found = self._least_harmful()
        if found is not None:
            return found
        answers: dict[int, Verdict] = {}
        plans: list[Plan] = []
        asked = cycle.filters(pod) if (promised & possible).any() else None
        for row in np.flatnonzero(possible).tolist():
            answer = self._answers.get(row)
            if promised[row] and asked is not None:
                answer = try_node(cycle, *asked, pod, rows[row], budgets)
                if isinstance(answer, Plan):
                    plans.append(answer)
                    continue
            if isinstance(answer, Verdict):
                answers[row] = answer
        if plans:
            return min(plans, key=harm)
        codes = np.full(len(rows), EXTRA, np.int32)
        codes[helpful] = EXTRA + 1
        verdicts = [NOT_HELPFUL, NO_VICTIMS]
        for row, verdict in answers.items():
            if verdict not in verdicts:
                verdicts.append(verdict)
            codes[row] = EXTRA + verdicts.index(verdict)
        return f"preemption: {VectorDiagnosis(self._snapshot, codes, (), verdicts).message()}"

    def _catch_up(self, budgets: Sequence[PodDisruptionBudget]) -> None:
        """Forget the answers about rows that changed."""
        snapshot = self._snapshot
        self._columns.sync_nodes()
        stamp = (self._columns.epoch, *map(id, budgets))
        changed, started = snapshot.usage.since(self._usage_at), snapshot.starts.since(self._starts_at)
        nominated = self._promised.changed_since(self._promised_at)
        self._promised_at = self._promised.position
        self._usage_at, self._starts_at = snapshot.usage.position, snapshot.starts.position
        self._budgets = budgets  # keeps the ids of the stamp from being used again
        if stamp != self._stamp or changed is None or started is None or nominated is None:
            self._stamp = stamp
            self._answers.clear()
            self._answered = np.zeros(self._columns.size, np.bool_)
            self._serials.clear()
            self._heap.clear()
            self._plans = 0
            return
        for row in {*changed, *started, *nominated}:
            self._answered[row] = False
            answer = self._answers.pop(row, None)
            self._plans -= isinstance(answer, Plan)
            self._serials.pop(row, None)

    def _work_out(self, rows: Ids, budgets: Sequence[PodDisruptionBudget], random: Random) -> None:
        """Answer for rows from a random one on, until there are enough plans."""
        wanted = candidates_wanted(len(self._snapshot.rows), self._args)
        number = len(rows)
        start = random.randrange(number) if number else 0
        for position in range(number):
            if self._plans >= wanted:
                break
            row = int(rows[(start + position) % number])
            answer = self._answers[row] = self._try(self._snapshot.rows[row], budgets)
            self._answered[row] = True
            if isinstance(answer, Plan):
                self._plans += 1
                self._serial += 1
                self._serials[row] = self._serial
                heappush(self._heap, (harm(answer), self._serial, row))

    def _least_harmful(self) -> Plan | None:
        heap = self._heap
        while heap:
            _, serial, row = heap[0]
            if self._serials.get(row) == serial:
                answer = self._answers[row]
                assert isinstance(answer, Plan)
                return answer
            heappop(heap)
        return None

    def _try(self, node: NodeInfo, budgets: Sequence[PodDisruptionBudget]) -> Plan | Verdict:
        """The victims on one node, or why none help."""
        priority = self._priority
        potential = [other for other in node.pods.values() if other.priority < priority]
        if not potential:
            return NO_VICTIMS
        room = _Free(node)
        for other in potential:
            room.give(other)
        missing = self._missing(room)
        if missing:
            return fit_verdict(missing, tuple(self._scalars))
        potential.sort(key=importance)
        victims: list[PodInfo] = []
        violations = 0
        protected, free = split_by_budgets(potential, budgets) if budgets else ([], potential)
        for group in (protected, free):
            for other in group:
                room.take(other)
                if self._missing(room):
                    room.give(other)
                    victims.append(other)
                    violations += group is protected
        if violations:  # else they are in the order of `potential`
            victims.sort(key=importance)
        return Plan(node.name, tuple(victims), violations)

    def _missing(self, room: "_Free") -> int:
        bits = TOO_MANY_PODS if room.pods < 1 else 0
        if 0 < self._cpu > room.cpu:
            bits |= CPU
        if 0 < self._memory > room.memory:
            bits |= MEMORY
        if 0 < self._ephemeral > room.ephemeral:
            bits |= EPHEMERAL
        for position, (name, wanted) in enumerate(self._scalars.items()) if self._scalars else ():
            if wanted > room.scalars.get(name, 0):
                bits |= SCALAR << position
        return bits


class _Free:
    """What a node has left."""

    __slots__ = ("cpu", "ephemeral", "memory", "pods", "scalars")

    def __init__(self, node: NodeInfo) -> None:
        self.cpu = node.allocatable_cpu - node.cpu
        self.memory = node.allocatable_memory - node.memory
        self.ephemeral = node.allocatable_ephemeral - node.ephemeral
        self.pods = node.allocatable_pods - len(node.pods)
        scalars = node.allocatable_scalars
        self.scalars = {name: has - node.scalars.get(name, 0) for name, has in scalars.items()} if scalars else {}

    def give(self, pod: PodInfo) -> None:
        """The pod goes."""
        requests = pod.requests
        self.cpu += requests.milli_cpu
        self.memory += requests.memory
        self.ephemeral += requests.ephemeral
        self.pods += 1
        for name, amount in requests.scalars.items() if requests.scalars else ():
            self.scalars[name] = self.scalars.get(name, 0) + amount

    def take(self, pod: PodInfo) -> None:
        """The pod comes."""
        requests = pod.requests
        self.cpu -= requests.milli_cpu
        self.memory -= requests.memory
        self.ephemeral -= requests.ephemeral
        self.pods -= 1
        for name, amount in requests.scalars.items() if requests.scalars else ():
            self.scalars[name] = self.scalars.get(name, 0) - amount
