"""PodTopologySpread for one class of pods, over all rows. The plain rules are in plugins/pod_topology_spread.py."""

from math import log

import numpy as np

from pybernetes.scheduler.framework import MAX_SCORE
from pybernetes.scheduler.plugins.pod_topology_spread import HOSTNAME, Constraint
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.vector.board import Board
from pybernetes.scheduler.vector.codes import NO_LABEL, SKEWED, RowCodes
from pybernetes.scheduler.vector.columns import Bools, Ints
from pybernetes.scheduler.vector.selecting import affinity_mask, untolerated_mask
from pybernetes.scheduler.vector.tally import Tally
from pybernetes.scheduler.vector.terms import NO_ROWS, Present, Spread, Touched, together


def _complete(board: Board, constraints: list[Constraint]) -> Bools:
    """The rows that have the labels of all constraints."""
    mask = np.ones(board.columns.size, np.bool_)
    for constraint in constraints:
        mask &= board.columns.labels(constraint.key).ids >= 0
    return mask


def _included(board: Board, constraint: Constraint, pod: PodInfo) -> Bools | None:
    """The rows that the constraint's policies include; None for all."""
    if constraint.counts_every_node(pod):
        return None
    mask = np.ones(board.columns.size, np.bool_)
    if constraint.honour_affinity:
        mask &= affinity_mask(pod.pod.spec, board.columns, board.snapshot)
    if constraint.honour_taints:
        mask &= ~untolerated_mask(pod.pod.spec.tolerations, board.columns)
    return mask


class HardSpread:
    """DoNotSchedule constraints."""

    def __init__(self, board: Board, pod: PodInfo, constraints: list[Constraint]) -> None:
        complete = _complete(board, constraints)
        self._rows: list[_Domains] = []
        for constraint in constraints:
            included = _included(board, constraint, pod)
            counted = complete if included is None else complete & included
            self._rows.append(_Domains(board, constraint, None if counted.all() else counted))
        self.ok: Bools = np.ones(board.columns.size, np.bool_)

    def refresh(self) -> Touched:
        touched: Touched = NO_ROWS
        for domains in self._rows:
            touched = together(touched, domains.refresh())
        if touched is None:
            self.ok = self._rows[0].ok.copy()
            for domains in self._rows[1:]:
                self.ok &= domains.ok
        else:
            for row in touched:
                self.ok[row] = all(domains.ok[row] for domains in self._rows)
        return touched

    def mark(self, codes: RowCodes) -> None:
        for domains in self._rows:
            found = np.where(domains.ids < 0, NO_LABEL, np.where(domains.ok, 0, SKEWED))
            np.copyto(codes, found, where=codes == 0, casting="unsafe")


class _Domains:
    """One DoNotSchedule constraint."""

    def __init__(self, board: Board, constraint: Constraint, counted: Bools | None) -> None:
        labels = board.columns.labels(constraint.key)
        self.ids = labels.ids
        self._tally = board.own_tally(constraint.matcher, constraint.key)
        self._tally.restrict(counted)
        self._present = np.zeros(len(labels.values), np.bool_)
        ids = self.ids if counted is None else self.ids[counted]
        self._present[ids[ids >= 0]] = True
        self._all_present = bool(self._present.all())
        self._enough = int(self._present.sum()) >= constraint.min_domains
        self._slack = constraint.max_skew - constraint.self_match
        self._at = -1
        self._most = -1
        """The highest number of pods in a domain that may get another."""
        self._spread = Spread(labels)

    @property
    def ok(self) -> Bools:
        """After `refresh`."""
        return self._spread.rows

    def refresh(self) -> Touched:
        """Make `ok` current."""
        position = self._tally.refresh()
        if position == self._at:
            return NO_ROWS
        changed = self._tally.changes.since(self._at)
        self._at = position
        counts = self._tally.domains
        least = 0
        if self._enough:
            counted = counts if self._all_present else counts[self._present]
            least = int(counted.min()) if len(counted) else 0
        most = least + self._slack
        if changed is not None and most == self._most:
            return self._spread.change(changed, lambda number: counts[number] <= most)
        self._most = most
        table = np.empty(len(counts) + 1, np.bool_)
        np.less_equal(counts, most, out=table[:-1])
        table[-1] = False
        return self._spread.renew(table)


class SoftSpread:
    """ScheduleAnyway constraints, or the built-in ones."""

    def __init__(self, board: Board, pod: PodInfo, constraints: list[Constraint], own: bool, weight: int) -> None:
        self._weight = weight
        self._counted: Bools | None = None
        complete = _complete(board, constraints) if own else np.ones(board.columns.size, np.bool_)
        if not complete.all():
            self._counted = complete
        self._parts = [_Part(board, pod, constraint, self._counted) for constraint in constraints]
        self._by_domain = own and len(constraints) == 1 and constraints[0].key != HOSTNAME
        self._at: tuple[int, ...] = ()
        self.rows: Ints | None = None

    def refresh(self, fits: Bools, version: int) -> Touched:
        positions = (version, *(part.tally.refresh() for part in self._parts))
        if positions == self._at:
            return NO_ROWS
        self._at = positions
        if not self._by_domain:
            self.rows = self._of_rows(self._scored(fits), version)
            return None
        part = self._parts[0]
        touched = part.spread.renew(self._table(part.present.current(self._scored(fits), version)))
        self.rows = part.spread.rows
        return touched

    def once(self, fits: Bools) -> Ints | None:
        scored = self._scored(fits)
        if not self._by_domain:
            return self._of_rows(scored, None)
        part = self._parts[0]
        rows: Ints = self._table(part.present.of(scored))[part.ids]
        return rows

    def _scored(self, fits: Bools) -> Bools:
        return fits if self._counted is None else fits & self._counted

    def _table(self, present: Bools) -> Ints:
        """One constraint on a few domains: normalised per domain, 0 for rows without the label."""
        part = self._parts[0]
        raw = np.rint(part.tally.domains * log(int(present[:-1].sum()) + 2) + part.least).astype(np.int64)
        table = np.zeros(len(raw) + 1, np.int64)
        table[:-1] = self._weight * _normalised(raw, raw[present[:-1]])
        return table

    def _of_rows(self, scored: Bools, version: int | None) -> Ints:
        """version: of the rows that are scored; None: just for once."""
        raw = np.zeros(len(scored))
        number = int(np.count_nonzero(scored))
        for part in self._parts:
            if part.by_row:
                each = part.tally.domains * log(number + 2) + part.least
                raw += each if part.everywhere else np.where(part.ids < 0, 0.0, each)
            else:
                present = part.present.of(scored) if version is None else part.present.current(scored, version)
                table = np.zeros(len(part.tally.domains) + 1)
                table[:-1] = part.tally.domains * log(int(present[:-1].sum()) + 2) + part.least
                raw += table[part.ids]
        whole = np.rint(raw).astype(np.int64)
        found = self._weight * _normalised(whole, whole[scored])
        return found if self._counted is None else np.where(self._counted, found, 0)


def _normalised(raw: Ints, counted: Ints) -> Ints:
    """Fewest pods: MAX_SCORE."""
    least, most = int(counted.min(initial=1 << 60)), int(counted.max(initial=0))
    if not most:
        return np.full(len(raw), MAX_SCORE, np.int64)
    return MAX_SCORE * (most + least - raw) // most


class _Part:
    """One scoring constraint."""

    def __init__(self, board: Board, pod: PodInfo, constraint: Constraint, counted: Bools | None) -> None:
        labels = board.columns.labels(constraint.key)
        self.ids = labels.ids
        self.least = constraint.max_skew - 1
        self.by_row = constraint.key == HOSTNAME
        self.everywhere = bool((self.ids >= 0).all())
        self.tally: Tally
        if self.by_row:
            self.tally = board.tally(constraint.matcher, None)
        else:
            included = _included(board, constraint, pod)
            if counted is not None:
                included = counted if included is None else included & counted
            self.tally = board.own_tally(constraint.matcher, constraint.key)
            self.tally.restrict(included)
        self.present = Present(self.ids, len(labels.values))
        self.spread = Spread(labels)
