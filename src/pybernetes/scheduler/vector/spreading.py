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
from pybernetes.scheduler.vector.terms import Present, Spread


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

    def refresh(self) -> None:
        changed = [domains.refresh() for domains in self._rows]
        if any(changed):
            self.ok = self._rows[0].ok
            for domains in self._rows[1:]:
                self.ok = self.ok & domains.ok

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
        self._version = -1
        self._spread = Spread(self.ids)
        self.ok: Bools = np.ones(0, np.bool_)

    def refresh(self) -> bool:
        """Make `ok` current; whether it may have changed."""
        version = self._tally.refresh()
        if version == self._version:
            return False
        self._version = version
        counts = self._tally.domains
        least = 0
        if self._enough:
            least = int((counts if self._all_present else counts[self._present]).min(initial=np.iinfo(np.int64).max))
            least = 0 if least == np.iinfo(np.int64).max else least
        table = np.empty(len(counts) + 1, np.bool_)
        np.less_equal(counts, least + self._slack, out=table[:-1])
        table[-1] = False
        before = self.ok
        self.ok = self._spread.rows(table)
        return self.ok is not before


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
        self._versions: list[int] = []
        self._fits_version = -2
        self._scores: Ints | None = None

    def scores(self, fits: Bools, version: int) -> Ints | None:
        versions = [part.tally.refresh() for part in self._parts]
        if version >= 0 and version == self._fits_version and versions == self._versions:
            return self._scores
        self._fits_version, self._versions = version, versions
        scored = fits if self._counted is None else fits & self._counted
        self._scores = self._of_domains(scored, version) if self._by_domain else self._of_rows(scored, version)
        return self._scores

    def _of_domains(self, scored: Bools, version: int) -> Ints:
        """One constraint on a few domains: normalise per domain, then lay out."""
        part = self._parts[0]
        present = part.present.of(scored, version)
        raw = np.rint(part.tally.domains * log(int(present[:-1].sum()) + 2) + part.least).astype(np.int64)
        table = np.zeros(len(raw) + 1, np.int64)
        table[:-1] = self._weight * _normalised(raw, raw[present[:-1]])
        rows: Ints = part.spread.rows(table)
        return rows

    def _of_rows(self, scored: Bools, version: int) -> Ints:
        raw = np.zeros(len(scored))
        number = int(np.count_nonzero(scored))
        for part in self._parts:
            if part.by_row:
                each = part.tally.domains * log(number + 2) + part.least
                raw += each if part.everywhere else np.where(part.ids < 0, 0.0, each)
            else:
                present = part.present.of(scored, version)
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
        self.spread = Spread(self.ids)
