"""InterPodAffinity for one class of pods, over all rows. The plain rules are in plugins/inter_pod_affinity.py."""

import numpy as np

from pybernetes.scheduler.framework import MAX_SCORE
from pybernetes.scheduler.vector.board import Board
from pybernetes.scheduler.vector.codes import NO_NEIGHBOUR, UNWANTED, UNWELCOME, RowCodes
from pybernetes.scheduler.vector.columns import Bools, Ids, Ints
from pybernetes.scheduler.vector.relations import Relations
from pybernetes.scheduler.vector.tally import Tally
from pybernetes.scheduler.vector.terms import Present, Spread


class _Occupied:
    """Which rows are in a domain with such a pod."""

    def __init__(self, tally: Tally, ids: Ids) -> None:
        self.tally = tally
        self._spread = Spread(ids)
        self._version = -1
        self.rows: Bools = np.zeros(0, np.bool_)

    def refresh(self) -> bool:
        """Make `rows` current; whether they may have changed."""
        version = self.tally.refresh()
        if version == self._version:
            return False
        self._version = version
        table = np.zeros(len(self.tally.domains) + 1, np.bool_)
        np.greater(self.tally.domains, 0, out=table[:-1])
        before = self.rows
        self.rows = self._spread.rows(table)
        return self.rows is not before


class HardNeighbours:
    """Required affinity and anti-affinity, of the pod and of those that run."""

    def __init__(self, board: Board, relations: Relations) -> None:
        columns = board.columns
        self._near: list[_Occupied] = []
        self._first = relations.first_of_its_kind
        self._complete: Bools = np.ones(columns.size, np.bool_)
        if relations.affinity is not None:
            for key in relations.affinity_keys:
                ids = columns.labels(key).ids
                self._near.append(_Occupied(board.tally(relations.affinity, key), ids))
                self._complete &= ids >= 0
        self._unwanted = [
            _Occupied(board.tally(matcher, key), columns.labels(key).ids) for matcher, key in relations.anti_affinity
        ]
        self._unwelcome = [
            _Occupied(board.term_tally("anti_affinity", use.term.key, use), columns.labels(use.term.topology_key).ids)
            for use in relations.rejecting
        ]
        self._near_ok: Bools = self._complete
        self.ok: Bools = self._complete

    def refresh(self) -> None:
        changed = [occupied.refresh() for occupied in (*self._near, *self._unwanted, *self._unwelcome)]
        if not any(changed):
            return
        if self._near:
            near: Bools = self._complete
            if not self._first or any(occupied.tally.domains.any() for occupied in self._near):
                for occupied in self._near:
                    near = near & occupied.rows
            self._near_ok = near
        ok = self._near_ok
        for occupied in (*self._unwanted, *self._unwelcome):
            ok = ok & ~occupied.rows
        self.ok = ok

    def mark(self, codes: RowCodes) -> None:
        for rows, code in (
            (~self._near_ok, NO_NEIGHBOUR),
            *((occupied.rows, UNWANTED) for occupied in self._unwanted),
            *((occupied.rows, UNWELCOME) for occupied in self._unwelcome),
        ):
            codes[rows & (codes == 0)] = code


class SoftNeighbours:
    """Preferred terms, and the required affinity of pods that run."""

    def __init__(self, board: Board, relations: Relations, weight: int) -> None:
        self._weight = weight
        columns = board.columns
        by_key: dict[str, list[tuple[Tally, int]]] = {}
        for matcher, key, each in relations.preferred:
            by_key.setdefault(key, []).append((board.tally(matcher, key), each))
        for kind, use, each in relations.preferring:
            key = use.term.topology_key
            by_key.setdefault(key, []).append((board.term_tally(kind, use.term.key, use), each))
        self._by_key = [(columns.labels(key).ids, tallies) for key, tallies in by_key.items()]
        ids = self._by_key[0][0]
        self._present = Present(ids, len(columns.labels(next(iter(by_key))).values))
        self._spread = Spread(ids)
        self._versions: list[int] = []
        self._fits_version = -2
        self._scores: Ints | None = None

    def scores(self, fits: Bools, version: int) -> Ints | None:
        versions = [tally.refresh() for _, tallies in self._by_key for tally, _ in tallies]
        if version >= 0 and version == self._fits_version and versions == self._versions:
            return self._scores
        self._fits_version, self._versions = version, versions
        if len(self._by_key) == 1:
            table = _sums(self._by_key[0][1])
            scaled = self._normalised(table, table[self._present.of(fits, version)])
            self._scores = None if scaled is None else self._spread.rows(scaled)
        else:
            rows = np.zeros(len(fits), np.int64)
            for ids, tallies in self._by_key:
                rows += _sums(tallies)[ids]
            self._scores = self._normalised(rows, rows[fits])
        return self._scores

    def _normalised(self, raw: Ints, counted: Ints) -> Ints | None:
        if not len(counted):
            return None
        least, most = int(counted.min()), int(counted.max())
        if least == most:
            return None
        return self._weight * (MAX_SCORE * (raw - least) // (most - least))


def _sums(tallies: list[tuple[Tally, int]]) -> Ints:
    """The scores per domain; the last entry, for rows without the label, is 0."""
    table = np.zeros(len(tallies[0][0].domains) + 1, np.int64)
    for tally, weight in tallies:
        table[:-1] += tally.domains * weight
    return table
