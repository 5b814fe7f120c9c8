"""One class of pods: pods that ask the same of nodes and relate alike to other pods.

    static verdicts (taints, selectors)   rebuilt when a node changes
    room (resources, ports)               replayed row by row as pods come and go
    hard and score terms                  replayed domain by domain
                     └──▶ key[row]: the total score, -1 where the pod does not fit

`refresh` brings it up to date; then `best`, `codes` and `feasible` are about this moment.
"""

from collections.abc import Iterable, Sequence
from random import Random

import numpy as np

from pybernetes.api.core import Taint
from pybernetes.scheduler.matching import NO_SCHEDULE, tolerates
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.vector.board import Board
from pybernetes.scheduler.vector.codes import FIT, NOT_SELECTED, PORTS, TAINTED, UNSCHEDULABLE, RowCodes
from pybernetes.scheduler.vector.columns import Bools, Ids, Ints
from pybernetes.scheduler.vector.neighbours import HardNeighbours, SoftNeighbours
from pybernetes.scheduler.vector.relations import Relations
from pybernetes.scheduler.vector.room import Room
from pybernetes.scheduler.vector.selecting import affinity_mask, term_mask, untolerated_mask, unwanted_taints
from pybernetes.scheduler.vector.spreading import HardSpread, SoftSpread
from pybernetes.scheduler.vector.terms import FEW_ROWS, NO_ROWS, HardTerm, Scaled, ScoreTerm, Touched, together

_CORDON = Taint(key="node.kubernetes.io/unschedulable", effect=NO_SCHEDULE)
_INFEASIBLE = -1


class PodClass:
    """See the module docstring."""

    def __init__(self, board: Board, pod: PodInfo, relations: Relations) -> None:
        self._board = board
        self._pod = pod
        self._relations = relations
        self._epoch = -1
        self._at = 0
        self._codes: RowCodes | None = None
        self._numbers: dict[int, int] = {}

    # keeping current

    def refresh(self) -> None:
        """Bring everything up to date."""
        columns, usage = self._board.columns, self._board.snapshot.usage
        columns.sync_nodes()
        if self._epoch != columns.epoch:
            columns.sync()
            self._build()
            return
        touched: Touched = NO_ROWS
        if self._room.images_changed():
            columns.sync()
            self._room.measure_all()
            self._judge_all()
            touched = None
        elif self._at != usage.position:
            touched = self._replay(usage.since(self._at))
        self._at = usage.position
        if not self._plain:
            self._combine(touched)

    def _replay(self, changed: list[int] | None) -> Touched:
        """Judge rows anew whose pods changed; which."""
        columns, room = self._board.columns, self._room
        if changed is None:
            columns.sync()
            room.measure_all()
            self._judge_all()
            return None
        rows = changed if len(changed) == 1 else list(set(changed))
        if len(rows) <= FEW_ROWS:
            nodes = self._board.snapshot.rows
            for row in rows:
                self._judge_row(nodes[row])
            return rows
        columns.sync()
        self._codes = None
        picked: Ids = np.fromiter(rows, np.intp, len(rows))
        room.measure(picked)
        fits = (self._static[picked] == 0) & (room.codes[picked] == 0)
        if room.ports_taken is not None:
            fits &= ~room.ports_taken[picked]
        self._fits[picked] = fits
        self.key[picked] = np.where(fits, room.base[picked], _INFEASIBLE)
        return None

    def _judge_row(self, node: NodeInfo) -> None:
        room, row = self._room, node.row
        code = room.measure_row(node)
        front = self._static.item(row)
        if not front:
            if room.ports_taken is not None and room.ports_taken[row]:
                front = PORTS
            elif code:
                front = code + FIT
        self._fits[row] = not front
        self.key[row] = _INFEASIBLE if front else room.base[row]
        codes = self._codes
        if codes is not None:
            before = codes.item(row)
            if before != front:
                codes[row] = front
                self._numbers[before] -= 1
                self._numbers[front] = self._numbers.get(front, 0) + 1

    def _judge_all(self) -> None:
        room = self._room
        self._fits = (self._static == 0) & (room.codes == 0)
        if room.ports_taken is not None:
            self._fits &= ~room.ports_taken
        self.key: Ints = np.where(self._fits, room.base, _INFEASIBLE)
        self._codes = None

    def _build(self) -> None:
        """Everything anew."""
        board = self._board
        self._epoch, self._at = board.columns.epoch, board.snapshot.usage.position
        self._static = self._static_codes()
        self._room = Room(board, self._pod)
        self._room.measure_all()
        self._judge_all()
        self.feasible: Bools = self._fits.copy()
        self._version = 0
        relations = self._relations
        self._spread: HardTerm | None = None
        self._neighbours: HardTerm | None = None
        if relations.spread:
            self._spread = HardSpread(board, self._pod, relations.spread)
        if relations.affinity is not None or relations.anti_affinity or relations.rejecting:
            self._neighbours = HardNeighbours(board, relations)
        self._hard = [term for term in (self._spread, self._neighbours) if term is not None]
        self._soft = self._score_terms()
        self._plain = not self._hard and not self._soft
        if not self._plain:
            self._combine(None)

    def _static_codes(self) -> RowCodes:
        """What nothing but the node and the pod decide, in the order of the filters."""
        board, spec = self._board, self._pod.pod.spec
        columns = board.columns
        codes = np.zeros(columns.size, np.int32)
        if "NodeAffinity" in board.filters:
            codes[~affinity_mask(spec, columns, board.snapshot)] = NOT_SELECTED
        if "TaintToleration" in board.filters:
            codes[untolerated_mask(spec.tolerations, columns)] = TAINTED
        if "NodeUnschedulable" in board.filters and not tolerates(spec.tolerations, _CORDON):
            codes[columns.unschedulable] = UNSCHEDULABLE
        return codes

    def _score_terms(self) -> list[ScoreTerm]:
        board, relations, spec = self._board, self._relations, self._pod.pod.spec
        found: list[ScoreTerm] = []
        if weight := board.weight("TaintToleration"):
            unwanted = unwanted_taints(spec.tolerations, board.columns)
            if unwanted is not None:
                found.append(Scaled(unwanted, weight, reverse=True))
        affinity = spec.affinity.node_affinity if spec.affinity is not None else None
        preferred = affinity.preferred_during_scheduling_ignored_during_execution if affinity is not None else None
        if preferred and (weight := board.weight("NodeAffinity")):
            raw = np.zeros(board.columns.size, np.int64)
            for row in preferred:
                raw += row.weight * term_mask(row.preference, board.columns, board.snapshot)
            if raw.any():
                found.append(Scaled(raw, weight, reverse=False))
        if relations.scoring and (weight := board.weight("PodTopologySpread")):
            found.append(SoftSpread(board, self._pod, relations.scoring, relations.scoring_own, weight))
        if (relations.preferred or relations.preferring) and (weight := board.weight("InterPodAffinity")):
            found.append(SoftNeighbours(board, relations, weight))
        return found

    def _combine(self, touched: Touched) -> None:
        """Add the terms up; touched: the rows that are others than before, apart from the terms."""
        for term in self._hard:
            touched = together(touched, term.refresh())
        if touched is None:
            self._refit()
        else:
            self._refit_rows(touched)
        for score in self._soft:
            touched = together(touched, score.refresh(self.feasible, self._version))
        if touched is None:
            self.key = self._totals(self.feasible, [score.rows for score in self._soft])
            return
        for row in touched:
            total = _INFEASIBLE
            if self.feasible[row]:
                total = self._room.base[row] + sum(score.rows[row] for score in self._soft if score.rows is not None)
            self.key[row] = total

    def _refit(self) -> None:
        feasible = self._fits.copy()
        for term in self._hard:
            feasible &= term.ok
        if not np.array_equal(feasible, self.feasible):
            self.feasible = feasible
            self._version += 1
            self._codes = None

    def _refit_rows(self, rows: Sequence[int]) -> None:
        for row in rows:
            fits = bool(self._fits[row]) and all(term.ok[row] for term in self._hard)
            if fits != self.feasible[row]:
                self.feasible[row] = fits
                self._version += 1
                self._codes = None

    def _totals(self, feasible: Bools, scores: Iterable[Ints | None]) -> Ints:
        total = self._room.base
        for rows in scores:
            if rows is not None:
                total = total + rows
        return np.where(feasible, total, _INFEASIBLE)

    # answers

    @property
    def scalars(self) -> tuple[str, ...]:
        """The extended resources that the bits of the codes are about."""
        return self._room.scalars

    @property
    def depends_on_pods(self) -> bool:
        """Whether other pods decide where the pod fits, apart from the room they take."""
        return bool(self._hard)

    def fits(self, node: NodeInfo) -> bool:
        """Whether the pod fits on one node now; brings no more up to date than that takes."""
        columns = self._board.columns
        columns.sync_nodes()
        if self._epoch == columns.epoch and self._plain:
            return not self._static[node.row] and self._room.fits(node)
        self.refresh()
        return bool(self.fitting()[node.row])

    def fitting(self) -> Bools:
        """The rows that fit."""
        return self._fits if self._plain else self.feasible

    def best(self, random: Random, key: Ints | None = None) -> int:
        """The row with the highest total, any of them when there are several; -1 when none fits."""
        if key is None:
            key = self.key
        row = int(key.argmax())
        highest = key[row]
        if highest < 0:
            return -1
        ties = (key == highest).nonzero()[0]
        return int(ties[int(random.random() * len(ties))]) if len(ties) > 1 else row

    def totals_for(self, feasible: Bools) -> Ints:
        """The totals when only these rows come into question."""
        return self._totals(feasible, (score.once(feasible) for score in self._soft))

    def front_codes(self) -> RowCodes:
        """The codes of the filters up to NodeResourcesFit; a copy."""
        room = self._room
        codes = np.where(self._static > 0, self._static, np.where(room.codes > 0, room.codes + FIT, 0))
        if room.ports_taken is not None:
            codes[room.ports_taken & (self._static == 0)] = PORTS
        return codes

    def mark_terms(self, codes: RowCodes) -> None:
        """Add the codes of spreading and affinity where there are none yet."""
        for term in self._hard:
            term.mark(codes)

    def codes(self) -> tuple[RowCodes, dict[int, int]]:
        """The code of every row, and how many rows have each; a copy."""
        if self._codes is None or self._hard:
            self._codes = self.front_codes()
            self.mark_terms(self._codes)
            numbers = np.bincount(self._codes)
            self._numbers = {code: int(numbers[code]) for code in numbers.nonzero()[0].tolist()}
        return self._codes.copy(), {code: number for code, number in self._numbers.items() if number}
