"""The parts of a class whose verdicts and scores depend on more than the row itself.

A hard term says which rows are out (`ok`), a score term adds weighted, normalised scores (`rows`). Both keep their last
answer, change it where it has to be changed, and name the rows that they touched (None: any), so that a placement that
concerns one node costs the work for one row. Normalisation is over the rows that fit, so a score term is given those
together with a version that changes when they do.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pybernetes.scheduler.framework import MAX_SCORE
from pybernetes.scheduler.vector.codes import RowCodes
from pybernetes.scheduler.vector.columns import Bools, Distinct, Ids, Ints

Touched: TypeAlias = Sequence[int] | None
"""The rows that may have changed; None: any."""
NO_ROWS: Touched = ()
FEW_ROWS = 8
"""Up to so many rows are dealt with one by one; beyond, array operations over all rows are cheaper."""


class HardTerm(Protocol):
    """Rejects rows."""

    ok: Bools

    def refresh(self) -> Touched:
        """Make `ok` current."""

    def mark(self, codes: RowCodes) -> None:
        """Write the reason into the codes of rows that are rejected and have none yet."""


class ScoreTerm(Protocol):
    """Weighs rows."""

    rows: Ints | None
    """The weighted scores after `refresh`; what they say of rows that do not fit means nothing. None: equal
    everywhere."""

    def refresh(self, fits: Bools, version: int) -> Touched:
        """Make `rows` current; version: of `fits`."""

    def once(self, fits: Bools) -> Ints | None:
        """The scores if just these rows fit."""


def together(one: Touched, more: Touched) -> Touched:
    """The rows of both."""
    if one is None or more is None:
        return None
    if not one or not more:
        return one or more
    both = [*one, *more]
    return both if len(both) <= FEW_ROWS else None


class Scaled:
    """Static numbers per row, scaled so that the largest of those that fit becomes MAX_SCORE (or 0, reversed)."""

    def __init__(self, raw: Ints, weight: int, *, reverse: bool) -> None:
        self._raw = raw
        self._weight = weight
        self._reverse = reverse
        self._largest = -1
        self._version = -2
        self.rows: Ints | None = None

    def refresh(self, fits: Bools, version: int) -> Touched:
        if version == self._version:
            return NO_ROWS
        self._version = version
        largest = int(self._raw[fits].max(initial=0))
        if largest == self._largest:
            return NO_ROWS
        self._largest = largest
        self.rows = self._scaled(largest)
        return None

    def once(self, fits: Bools) -> Ints | None:
        return self._scaled(int(self._raw[fits].max(initial=0)))

    def _scaled(self, largest: int) -> Ints | None:
        if not largest:
            return None
        scaled = self._raw * MAX_SCORE // largest
        return self._weight * (MAX_SCORE - scaled if self._reverse else scaled)


class Spread:
    """A table of one entry per domain (the last for "no such label") and the same laid out over the rows."""

    __slots__ = ("_labels", "rows", "table")

    def __init__(self, labels: Distinct) -> None:
        self._labels = labels
        self.table: NDArray[Any] = np.zeros(0)
        self.rows: NDArray[Any] = np.zeros(0)

    def renew(self, table: NDArray[Any]) -> Touched:
        """Another table, perhaps with the same entries."""
        if self.table.dtype == table.dtype and np.array_equal(self.table, table):
            return NO_ROWS
        self.replace(table)
        return None

    def replace(self, table: NDArray[Any]) -> None:
        """Another table."""
        self.table = table
        self.rows = self._labels.spread(table)

    def change(self, domains: Iterable[int], entry: Callable[[int], Any]) -> Touched:
        """Entries that may be others."""
        table, wide = self.table, False
        touched: list[int] = []
        for number in domains:
            value = entry(number)
            if table[number] == value:
                continue
            table[number] = value
            rows = self._labels.rows_of(number) if not wide else ()
            touched += rows
            wide = wide or len(touched) > FEW_ROWS
            if not wide:
                self.rows[rows] = value
        if wide:
            self.rows = self._labels.spread(table)
            return None
        return touched


class Present:
    """Which domains have a row that fits (the last entry: rows without the label)."""

    __slots__ = ("_ids", "_present", "_size", "_version")

    def __init__(self, ids: Ids, size: int) -> None:
        self._ids = ids
        self._size = size
        self._version = -2
        self._present: Bools = np.zeros(size + 1, np.bool_)

    def current(self, fits: Bools, version: int) -> Bools:
        """The same as `of`, remembered by the version of `fits`."""
        if version != self._version:
            self._version = version
            self._present = self.of(fits)
        return self._present

    def of(self, fits: Bools) -> Bools:
        """See the class docstring."""
        present = np.zeros(self._size + 1, np.bool_)
        present[self._ids[fits]] = True
        return present
