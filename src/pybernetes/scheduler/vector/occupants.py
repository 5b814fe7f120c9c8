"""Who is on a row, as far as making room there goes: how important the least important pod is, and whether somebody is
nominated for it. Both are kept current from the journals and shared by everybody who makes room.
"""

import numpy as np

from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.vector.columns import Bools, Columns, Ints

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
