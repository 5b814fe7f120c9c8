"""How many of certain pods are in each domain of a topology: the array form of `Snapshot.counts` and `.terms`.

A tally follows the journal of what it counts; several classes of pods share one. Domains are the numbers that
`Columns.labels(key)` gives to the values of the topology's label. Its own journal names the domains whose number
changed, so that followers look at those alone.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from pybernetes.scheduler.journal import Journal
from pybernetes.scheduler.snapshot import PodCounts, Snapshot, TermUse
from pybernetes.scheduler.vector.columns import Bools, Columns, Distinct, Ints

Source: TypeAlias = PodCounts | TermUse


class Tally:
    """See the module docstring. `domains` may be read after `refresh`."""

    def __init__(self, snapshot: Snapshot, columns: Columns, source: Callable[[], Source], key: str | None) -> None:
        """source: what to count now; it is asked again when nodes changed. key None: every node is its own domain."""
        self._snapshot = snapshot
        self._columns = columns
        self._source = source
        self._key = key
        self._counted: Bools | None = None
        self._epoch = -1
        self._at = 0
        self.changes: Journal[int] = Journal()
        """The domains whose number changed; everything when nodes did."""
        self.total = 0
        """The pods in all domains."""
        self.domains: Ints = np.zeros(0, np.int64)

    def restrict(self, counted: Bools | None) -> None:
        """Count only pods on these rows (None: all); before the first refresh, and again when nodes changed."""
        self._counted = counted

    def refresh(self) -> int:
        """Catch up; returns where `changes` stands."""
        if self._epoch != self._columns.epoch:
            return self._recount()
        current = self._current
        if isinstance(current, PodCounts) and not current.used:
            current.used = True
            if not self._snapshot.is_current(current):
                return self._recount()
        journal = current.journal
        assert isinstance(journal, Journal)
        position = journal.position
        if position == self._at:
            return self.changes.position
        changes = journal.since(self._at)
        if changes is None:
            return self._recount()
        self._at = position
        counted, node = self._counted, self._snapshot.node
        for name, sign in changes:
            info = node(name)
            if info is None:
                continue
            row = info.row
            if counted is None or counted[row]:
                number = row if self._ids is None else int(self._ids.ids[row])
                if number >= 0:
                    self.domains[number] += sign
                    self.total += sign
                    self.changes.append(number)
        return self.changes.position

    def _recount(self) -> int:
        current = self._current = self._source()
        if not isinstance(current.journal, Journal):
            current.journal = Journal()
        self._at = current.journal.position
        self._epoch = self._columns.epoch
        self.changes.forget()
        self._ids: Distinct | None = None if self._key is None else self._columns.labels(self._key)
        self.domains = np.zeros(self._columns.size if self._ids is None else len(self._ids.values), np.int64)
        counted, node = self._counted, self._snapshot.node
        for name, number in current.by_node.items():
            info = node(name)
            if info is None or (counted is not None and not counted[info.row]):
                continue
            domain = info.row if self._ids is None else self._ids.ids[info.row]
            if domain >= 0:
                self.domains[domain] += number
        self.total = int(self.domains.sum())
        return self.changes.position
