"""The nodes of a snapshot as columns: one array per property, a row per node (`NodeInfo.row`).

`sync` brings the columns up to date by replaying the snapshot's journals. Properties with few different values (label
values, taints, image lists) are stored as small numbers; a question about them is answered once per different value
and spread over the rows with one indexing operation. Number -1 stands for "absent" and, conveniently, indexes the last
entry of such an answer table.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pybernetes.api.core import Taint
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.snapshot import Snapshot

Ints: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]
Ids: TypeAlias = NDArray[np.intp]

USED = ("cpu", "memory", "ephemeral", "scoring_cpu", "scoring_memory")
ALLOCATABLE = ("allocatable_cpu", "allocatable_memory", "allocatable_ephemeral", "allocatable_pods")


class Distinct:
    """A property with few different values: `ids[row]` is the number of the node's value, -1 for none."""

    __slots__ = ("_grouped", "ids", "index", "of", "values")

    def __init__(self, of: Callable[[NodeInfo], Hashable | None], nodes: Iterable[NodeInfo], size: int) -> None:
        self.of = of
        self.index: dict[Hashable, int] = {}
        self.values: list[Any] = []
        self.ids: Ids = np.empty(size, np.intp)
        self._grouped: tuple[Ids, Ids] | None = None
        for node in nodes:
            self.put(node)

    def put(self, node: NodeInfo) -> None:
        """The node's value may be another."""
        self._grouped = None
        value = self.of(node)
        if value is None:
            self.ids[node.row] = -1
            return
        number = self.index.get(value)
        if number is None:
            number = self.index[value] = len(self.values)
            self.values.append(value)
        self.ids[node.row] = number

    def spread(self, table: NDArray[Any]) -> NDArray[Any]:
        """The entries of a table (the last for rows without a value) laid out over the rows."""
        rows: NDArray[Any] = table.take(self.ids, mode="wrap")
        return rows

    def rows_of(self, number: int) -> list[int]:
        """The rows with a value."""
        if self._grouped is None:
            order = self.ids.argsort(kind="stable")
            self._grouped = order, self.ids[order].searchsorted(np.arange(-1, len(self.values) + 1))
        order, starts = self._grouped
        found: list[int] = order[starts[number + 1] : starts[number + 2]].tolist()
        return found

    def table(self, answer: Callable[[Any], Any], absent: Any, dtype: Any) -> NDArray[Any]:
        """The answers per value; the last entry is the one for rows without a value."""
        found = np.empty(len(self.values) + 1, dtype)
        for number, value in enumerate(self.values):
            found[number] = answer(value)
        found[-1] = absent
        return found


def _taints(node: NodeInfo) -> Hashable:
    taints: tuple[Taint, ...] = node.hard_taints + node.soft_taints
    return tuple((taint.key, taint.value or "", taint.effect) for taint in taints) or None


class Columns:
    """See the module docstring."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.epoch = 0
        """Changes with every change of a node itself (not of what its pods use)."""
        self.size = 0
        self._labels: dict[str, Distinct] = {}
        self._scalars: dict[str, tuple[Ints, Ints]] = {}
        self._fill()

    def _fill(self) -> None:
        """Everything anew."""
        snapshot = self._snapshot
        self._usage_at, self._shapes_at = snapshot.usage.position, snapshot.shapes.position
        rows = snapshot.rows
        self.size = size = len(rows)
        self.epoch += 1
        self._labels.clear()
        self._scalars.clear()
        self.used: dict[str, Ints] = {name: np.zeros(size, np.int64) for name in USED}
        self.allocatable: dict[str, Ints] = {name: np.zeros(size, np.int64) for name in ALLOCATABLE}
        self.pods: Ints = np.zeros(size, np.int64)
        self.unschedulable: Bools = np.zeros(size, np.bool_)
        for name, column in (*self.used.items(), *self.allocatable.items()):
            column[:] = [getattr(node, name) for node in rows]
        self.pods[:] = [len(node.pods) for node in rows]
        self.unschedulable[:] = [node.unschedulable for node in rows]
        self.taints = Distinct(_taints, rows, size)
        self.images = Distinct(lambda node: tuple(node.images.items()) or None, rows, size)

    def sync(self) -> None:
        """Bring everything up to date."""
        self.sync_nodes()
        snapshot = self._snapshot
        if self._usage_at == snapshot.usage.position:
            return
        changed = snapshot.usage.since(self._usage_at)
        if changed is None:
            self._fill()
            return
        self._usage_at = snapshot.usage.position
        for row in set(changed):
            if row < self.size:
                self._put_usage(snapshot.rows[row])

    def sync_nodes(self) -> None:
        """Bring what nodes are, not what is used of them, up to date."""
        snapshot = self._snapshot
        if self._shapes_at == snapshot.shapes.position:
            return
        changed = snapshot.shapes.since(self._shapes_at)
        if changed is None or len(snapshot.rows) != self.size:
            self._fill()
            return
        self._shapes_at = snapshot.shapes.position
        self.epoch += 1
        for row in set(changed):
            node = snapshot.rows[row]
            for name in ALLOCATABLE:
                self.allocatable[name][row] = getattr(node, name)
            self.unschedulable[row] = node.unschedulable
            for column in (self.taints, self.images, *self._labels.values()):
                column.put(node)
            self._put_usage(node)
            for name, (allocatable, _) in self._scalars.items():
                allocatable[row] = node.allocatable_scalars.get(name, 0)

    def _put_usage(self, node: NodeInfo) -> None:
        row, used = node.row, self.used
        used["cpu"][row] = node.cpu
        used["memory"][row] = node.memory
        used["ephemeral"][row] = node.ephemeral
        used["scoring_cpu"][row] = node.scoring_cpu
        used["scoring_memory"][row] = node.scoring_memory
        self.pods[row] = len(node.pods)
        for name, (_, taken) in self._scalars.items():
            taken[row] = node.scalars.get(name, 0)

    def labels(self, key: str) -> Distinct:
        """The values of one label."""
        found = self._labels.get(key)
        if found is None:
            found = self._labels[key] = Distinct(
                lambda node: node.labels.get(key), self._snapshot.rows[: self.size], self.size
            )
        return found

    def scalar(self, name: str) -> tuple[Ints, Ints]:
        """(allocatable, used) of an extended resource."""
        found = self._scalars.get(name)
        if found is None:
            rows = self._snapshot.rows[: self.size]
            found = self._scalars[name] = (
                np.array([node.allocatable_scalars.get(name, 0) for node in rows], np.int64),
                np.array([node.scalars.get(name, 0) for node in rows], np.int64),
            )
        return found
