"""The parts of a class whose verdicts and scores depend on more than the row itself.

A hard term says which rows are out (`ok`), a score term adds weighted, normalised scores (`scores`). Both keep their
last answer and give it again while nothing they depend on has changed. Normalisation is over the rows that fit, so a
score term is given those together with a version that changes when they do; version -1 means "for this once".
"""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pybernetes.scheduler.framework import MAX_SCORE
from pybernetes.scheduler.vector.codes import RowCodes
from pybernetes.scheduler.vector.columns import Bools, Ids, Ints


class HardTerm(Protocol):
    """Rejects rows."""

    ok: Bools

    def refresh(self) -> None:
        """Make `ok` current."""

    def mark(self, codes: RowCodes) -> None:
        """Write the reason into the codes of rows that are rejected and have none yet."""


class ScoreTerm(Protocol):
    """Weighs rows."""

    def scores(self, fits: Bools, version: int) -> Ints | None:
        """The weighted scores; what it says of rows that do not fit means nothing. None: equal everywhere."""


class Scaled:
    """Static numbers per row, scaled so that the largest of those that fit becomes MAX_SCORE (or 0, reversed)."""

    def __init__(self, raw: Ints, weight: int, *, reverse: bool) -> None:
        self._raw = raw
        self._weight = weight
        self._reverse = reverse
        self._largest = -1
        self._version = -2
        self._scores: Ints | None = None

    def scores(self, fits: Bools, version: int) -> Ints | None:
        if version != self._version or version < 0:
            self._version = version
            largest = int(self._raw[fits].max(initial=0))
            if largest != self._largest:
                self._largest = largest
                self._scores = None
                if largest:
                    scaled = self._raw * MAX_SCORE // largest
                    self._scores = self._weight * (MAX_SCORE - scaled if self._reverse else scaled)
        return self._scores


class Spread:
    """A table of one entry per domain (the last for "no such label") laid out over the rows; laid out anew only when it
    changed."""

    __slots__ = ("_ids", "_rows", "_table")

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._table: NDArray[Any] | None = None
        self._rows: NDArray[Any] | None = None

    def rows(self, table: NDArray[Any]) -> NDArray[Any]:
        """table[ids]."""
        if self._table is None or not np.array_equal(self._table, table):
            self._table = table
            self._rows = table[self._ids]
        assert self._rows is not None
        return self._rows


class Present:
    """Which domains have a row that fits (the last entry: rows without the label)."""

    __slots__ = ("_ids", "_present", "_size", "_version")

    def __init__(self, ids: Ids, size: int) -> None:
        self._ids = ids
        self._size = size
        self._version = -2
        self._present: Bools = np.zeros(size + 1, np.bool_)

    def of(self, fits: Bools, version: int) -> Bools:
        """See the class docstring."""
        if version != self._version or version < 0:
            self._version = version
            self._present = np.zeros(self._size + 1, np.bool_)
            self._present[self._ids[fits]] = True
        return self._present
