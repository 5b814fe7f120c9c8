"""InterPodAffinity for one class of pods, over all rows. The plain rules are in plugins/inter_pod_affinity.py."""

import numpy as np

from pybernetes.scheduler.framework import MAX_SCORE
from pybernetes.scheduler.vector.board import Board
from pybernetes.scheduler.vector.codes import NO_NEIGHBOUR, UNWANTED, UNWELCOME, RowCodes
from pybernetes.scheduler.vector.columns import Bools, Distinct, Ids, Ints
from pybernetes.scheduler.vector.relations import Relations
from pybernetes.scheduler.vector.tally import Tally
from pybernetes.scheduler.vector.terms import NO_ROWS, Present, Spread, Touched, together


class _Occupied:
    """Which rows are in a domain with such a pod."""

    def __init__(self, tally: Tally, labels: Distinct) -> None:
        self.tally = tally
        self._spread = Spread(labels)
        self._at = -1

    @property
    def rows(self) -> Bools:
        """After `refresh`."""
        return self._spread.rows

    def refresh(self) -> Touched:
        """Make `rows` current."""
        position = self.tally.refresh()
        if position == self._at:
            return NO_ROWS
        changed = self.tally.changes.since(self._at)
        self._at = position
        domains = self.tally.domains
        if changed is not None:
            return self._spread.change(changed, lambda number: domains[number] > 0)
        table = np.zeros(len(domains) + 1, np.bool_)
        np.greater(domains, 0, out=table[:-1])
        return self._spread.renew(table)


class HardNeighbours:
    """Required affinity and anti-affinity, of the pod and of those that run."""

    def __init__(self, board: Board, relations: Relations) -> None:
        columns = board.columns
        self._near: list[_Occupied] = []
        self._first = relations.first_of_its_kind
        self._alone: bool | None = None
        """Whether there is none of its kind yet, and it may be the first."""
        self._complete: Bools = np.ones(columns.size, np.bool_)
        if relations.affinity is not None:
            for key in relations.affinity_keys:
                labels = columns.labels(key)
                self._near.append(_Occupied(board.tally(relations.affinity, key), labels))
                self._complete &= labels.ids >= 0
        self._unwanted = [
            _Occupied(board.tally(matcher, key), columns.labels(key)) for matcher, key in relations.anti_affinity
        ]
        self._unwelcome = [
            _Occupied(board.term_tally("anti_affinity", use.term.key, use), columns.labels(use.term.topology_key))
            for use in relations.rejecting
        ]
        self._apart = (*self._unwanted, *self._unwelcome)
        self._near_ok: Bools = self._complete
        self.ok: Bools = self._complete

    def refresh(self) -> Touched:
        touched: Touched = NO_ROWS
        for occupied in self._near:
            touched = together(touched, occupied.refresh())
        alone = self._first and not any(occupied.tally.total for occupied in self._near)
        for occupied in self._apart:
            touched = together(touched, occupied.refresh())
        if alone is not self._alone:
            self._alone = alone
            touched = None
        if touched is None:
            self._judge()
        else:
            for row in touched:
                if self._near:
                    near = alone or all(occupied.rows[row] for occupied in self._near)
                    self._near_ok[row] = near and self._complete[row]
                self.ok[row] = self._near_ok[row] and not any(occupied.rows[row] for occupied in self._apart)
        return touched

    def _judge(self) -> None:
        near = self._complete.copy()
        if not self._alone:
            for occupied in self._near:
                near &= occupied.rows
        self._near_ok = near
        self.ok = near.copy()
        for occupied in self._apart:
            self.ok &= ~occupied.rows

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
        columns = board.columns
        by_key: dict[str, list[tuple[Tally, int]]] = {}
        for matcher, key, each in relations.preferred:
            by_key.setdefault(key, []).append((board.tally(matcher, key), each))
        for kind, use, each in relations.preferring:
            key = use.term.topology_key
            by_key.setdefault(key, []).append((board.term_tally(kind, use.term.key, use), each))
        rows = [(columns.labels(key), tallies) for key, tallies in by_key.items()]
        self._term = _OneTopology(*rows[0], weight) if len(rows) == 1 else _SeveralTopologies(rows, weight)
        self.rows: Ints | None = None

    def refresh(self, fits: Bools, version: int) -> Touched:
        touched = self._term.refresh(fits, version)
        self.rows = self._term.rows
        return touched

    def once(self, fits: Bools) -> Ints | None:
        return self._term.once(fits)


class _OneTopology:
    """Scores per domain. Where the extremes stay, a domain that changed is scaled alone."""

    def __init__(self, labels: Distinct, tallies: list[tuple[Tally, int]], weight: int) -> None:
        self._ids = labels.ids
        self._tallies = tallies
        self._weight = weight
        self._counted = Present(labels.ids, len(labels.values))
        self._spread = Spread(labels)
        self._at: list[int] = []
        self._version = -2
        self._raw: Ints = np.zeros(0, np.int64)
        self._least = self._most = 0
        self.rows: Ints | None = None

    def refresh(self, fits: Bools, version: int) -> Touched:
        positions = [tally.refresh() for tally, _ in self._tallies]
        if version == self._version and positions == self._at:
            return NO_ROWS
        present = self._counted.current(fits, version)
        extremes_stay = version == self._version
        self._version = version
        changed = self._changed(positions)
        if changed is None:
            self._raw = _sums(self._tallies)
            extremes_stay = False
        else:
            raw = self._raw
            for number in changed:
                before = int(raw[number])
                after = raw[number] = sum(int(tally.domains[number]) * each for tally, each in self._tallies)
                if extremes_stay and present[number]:
                    extremes_stay = self._least < before < self._most or before == after
                    extremes_stay = extremes_stay and self._least <= after <= self._most
        if not extremes_stay:
            counted = self._raw if present.all() else self._raw[present]
            extremes = (int(counted.min()), int(counted.max())) if len(counted) else (0, 0)
            if changed is None or extremes != (self._least, self._most):
                self._least, self._most = extremes
                return self._scale_all()
        if not changed or self._least == self._most:
            return NO_ROWS
        return self._spread.change(changed, self._scaled)

    def _changed(self, positions: list[int]) -> list[int] | None:
        """The domains that are others than before."""
        found: list[int] = []
        before, self._at = self._at, positions
        if not before:
            return None
        for (tally, _), at in zip(self._tallies, before, strict=True):
            changes = tally.changes.since(at)
            if changes is None:
                return None
            found += changes
        return found

    def _scaled(self, number: int) -> int:
        return self._weight * (MAX_SCORE * (int(self._raw[number]) - self._least) // (self._most - self._least))

    def _scale_all(self) -> Touched:
        scaled = _normalised(self._raw, self._least, self._most, self._weight)
        before, self.rows = self.rows, None
        if scaled is None:
            return NO_ROWS if before is None else None
        self._spread.replace(scaled)
        self.rows = self._spread.rows
        return None

    def once(self, fits: Bools) -> Ints | None:
        table = _sums(self._tallies)
        counted = table[self._counted.of(fits)]
        scaled = _normalised(table, int(counted.min()), int(counted.max()), self._weight) if len(counted) else None
        return None if scaled is None else scaled[self._ids]


class _SeveralTopologies:
    """Scores per row."""

    def __init__(self, by_key: list[tuple[Distinct, list[tuple[Tally, int]]]], weight: int) -> None:
        self._by_key = [(labels.ids, tallies) for labels, tallies in by_key]
        self._weight = weight
        self._at: tuple[int, ...] = ()
        self.rows: Ints | None = None

    def refresh(self, fits: Bools, version: int) -> Touched:
        positions = (version, *(tally.refresh() for _, tallies in self._by_key for tally, _ in tallies))
        if positions == self._at:
            return NO_ROWS
        self._at = positions
        self.rows = self.once(fits)
        return None

    def once(self, fits: Bools) -> Ints | None:
        rows = np.zeros(len(fits), np.int64)
        for ids, tallies in self._by_key:
            rows += _table(ids, tallies)
        counted = rows[fits]
        return _normalised(rows, int(counted.min()), int(counted.max()), self._weight) if len(counted) else None


def _table(ids: Ids, tallies: list[tuple[Tally, int]]) -> Ints:
    rows: Ints = _sums(tallies)[ids]
    return rows


def _normalised(raw: Ints, least: int, most: int, weight: int) -> Ints | None:
    """On the scale 0 to MAX_SCORE, times the weight; None when there is no difference."""
    if least == most:
        return None
    return weight * (MAX_SCORE * (raw - least) // (most - least))


def _sums(tallies: list[tuple[Tally, int]]) -> Ints:
    """The scores per domain; the last entry, for rows without the label, is 0."""
    table = np.zeros(len(tallies[0][0].domains) + 1, np.int64)
    for tally, weight in tallies:
        table[:-1] += tally.domains * weight
    return table
