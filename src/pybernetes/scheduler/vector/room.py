"""What nodes have left for one kind of pod, per row: NodeResourcesFit, NodePorts, and the scores that follow from it.

`codes[row]` holds the bits of the missing resources, `base[row]`, where there are none, the weighted scores of
NodeResourcesFit, NodeResourcesBalancedAllocation and ImageLocality. `measure` computes rows with array operations,
`measure_row` one row with plain integers, which is cheaper for the one row that the last placement changed. Both round
alike.
"""

import numpy as np

from pybernetes.scheduler.framework import MAX_SCORE
from pybernetes.scheduler.node_info import NodeInfo
from pybernetes.scheduler.plugins.image_locality import ImageShares
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.vector.board import Board
from pybernetes.scheduler.vector.codes import CPU, EPHEMERAL, HOPELESS, MEMORY, SCALAR, TOO_MANY_PODS
from pybernetes.scheduler.vector.columns import Bools, Ids, Ints

_HALF = MAX_SCORE // 2


class Room:
    """See the module docstring."""

    def __init__(self, board: Board, pod: PodInfo) -> None:
        self._columns = board.columns
        self._snapshot = board.snapshot
        requests = pod.requests
        fits = "NodeResourcesFit" in board.filters
        self._cpu, self._memory, self._ephemeral = requests.milli_cpu, requests.memory, requests.ephemeral
        self._scoring_cpu, self._scoring_memory = requests.scoring_cpu, requests.scoring_memory
        self.scalars = tuple(requests.scalars)
        self._wanted = tuple(requests.scalars.values())
        self._fits = fits
        self._ports = pod.host_ports if "NodePorts" in board.filters else ()
        self._fit_weight = board.weight("NodeResourcesFit")
        balances = requests.milli_cpu or requests.memory
        self._balance_weight = board.weight("NodeResourcesBalancedAllocation") if balances else 0
        self._image_weight = board.weight("ImageLocality")
        self._shape = pod
        size = self._columns.size
        self.codes = np.zeros(size, np.int32)
        self.ports_taken: Bools | None = np.zeros(size, np.bool_) if self._ports else None
        self.base: Ints = np.zeros(size, np.int64)
        self._images: Ints | None = None
        self._images_version = -1

    def measure_all(self) -> None:
        """Every row."""
        self._weigh_images()
        self.measure(slice(None))

    def images_changed(self) -> bool:
        """Whether the spread of images over the nodes is another than at the last `measure_all`."""
        return bool(self._image_weight) and self._images_version != self._snapshot.images_version

    def _weigh_images(self) -> None:
        self._images = None
        self._images_version = self._snapshot.images_version
        shares = ImageShares.of(self._shape, self._snapshot) if self._image_weight else None
        if shares is not None:
            images = self._columns.images
            table = images.table(lambda pairs: shares.score(dict(pairs)), shares.score({}), np.int64)
            self._images = table[images.ids] * self._image_weight

    def measure(self, rows: Ids | slice) -> None:
        """Compute some rows anew. The columns must be up to date."""
        columns = self._columns
        used, allocatable = columns.used, columns.allocatable
        cpu, memory = allocatable["allocatable_cpu"][rows], allocatable["allocatable_memory"][rows]
        used_cpu, used_memory = used["cpu"][rows], used["memory"][rows]
        if self._fits:
            codes = np.where(columns.pods[rows] >= allocatable["allocatable_pods"][rows], TOO_MANY_PODS, 0)
            ephemeral = (allocatable["allocatable_ephemeral"][rows], used["ephemeral"][rows])
            asked = [
                (CPU, self._cpu, cpu, used_cpu),
                (MEMORY, self._memory, memory, used_memory),
                (EPHEMERAL, self._ephemeral, *ephemeral),
            ]
            for position, name in enumerate(self.scalars):
                has, taken = columns.scalar(name)
                asked.append((SCALAR << position, self._wanted[position], has[rows], taken[rows]))
            for bit, wanted, has, taken in asked:
                if wanted > 0:
                    codes += np.where(wanted > has - taken, bit, 0)
                    codes |= np.where(wanted > has, HOPELESS, 0)
            self.codes[rows] = codes
        if self.ports_taken is not None:
            numbers = range(columns.size) if isinstance(rows, slice) else rows.tolist()
            self.ports_taken[rows] = [self._taken(self._snapshot.rows[row]) for row in numbers]
        base = np.zeros(len(cpu), np.int64) if self._images is None else self._images[rows].copy()
        if self._fit_weight:
            base += self._fit_weight * self._least_allocated(rows, cpu, memory)
        if self._balance_weight:
            balanced = (_HALF + _balance(cpu, memory, used_cpu + self._cpu, used_memory + self._memory)) - _balance(
                cpu, memory, used_cpu, used_memory
            )
            base += self._balance_weight * (_HALF + balanced // 2)
        self.base[rows] = base

    def _least_allocated(self, rows: Ids | slice, cpu: Ints, memory: Ints) -> Ints:
        used = self._columns.used
        total = np.zeros(len(cpu), np.int64)
        for has, taken, more in (
            (cpu, used["scoring_cpu"][rows], self._scoring_cpu),
            (memory, used["scoring_memory"][rows], self._scoring_memory),
        ):
            free = np.maximum(has - taken - more, 0)
            total += free * MAX_SCORE // np.maximum(has, 1)
        weights = (cpu > 0).astype(np.int64) + (memory > 0)
        return total // np.maximum(weights, 1)

    def measure_row(self, node: NodeInfo) -> int:
        """Compute one row anew, from the node itself; its code. Where the pod has no room the scores stay what they
        were: nobody asks for them."""
        row = node.row
        cpu, memory = node.allocatable_cpu, node.allocatable_memory
        if self.ports_taken is not None:
            self.ports_taken[row] = self._taken(node)
        code = self._code(node)
        self.codes[row] = code
        if code:
            return code
        base = 0 if self._images is None else int(self._images[row])
        if self._fit_weight:
            total = weights = 0
            if cpu:
                weights = 1
                total = max(cpu - node.scoring_cpu - self._scoring_cpu, 0) * MAX_SCORE // cpu
            if memory:
                weights += 1
                total += max(memory - node.scoring_memory - self._scoring_memory, 0) * MAX_SCORE // memory
            if weights:
                base += self._fit_weight * (total // weights)
        if self._balance_weight:
            change = 0
            if cpu and memory:
                change = _balanced(cpu, memory, node.cpu + self._cpu, node.memory + self._memory)
                change -= _balanced(cpu, memory, node.cpu, node.memory)
            base += self._balance_weight * (_HALF + (_HALF + change) // 2)
        self.base[row] = base
        return 0

    def fits(self, node: NodeInfo) -> bool:
        """Whether a node has room now, whatever was measured before."""
        return not self._code(node) and not (self._ports and self._taken(node))

    def _code(self, node: NodeInfo) -> int:
        if not self._fits:
            return 0
        code = TOO_MANY_PODS if len(node.pods) >= node.allocatable_pods else 0
        wanted, has = self._cpu, node.allocatable_cpu
        if wanted > has - node.cpu and wanted:
            code |= CPU | HOPELESS if wanted > has else CPU
        wanted, has = self._memory, node.allocatable_memory
        if wanted > has - node.memory and wanted:
            code |= MEMORY | HOPELESS if wanted > has else MEMORY
        wanted, has = self._ephemeral, node.allocatable_ephemeral
        if wanted > has - node.ephemeral and wanted:
            code |= EPHEMERAL | HOPELESS if wanted > has else EPHEMERAL
        for position, name in enumerate(self.scalars) if self.scalars else ():
            wanted, has = self._wanted[position], node.allocatable_scalars.get(name, 0)
            if wanted > has - node.scalars.get(name, 0):
                code |= SCALAR << position | (HOPELESS if wanted > has else 0)
        return code

    def _taken(self, node: NodeInfo) -> bool:
        return bool(node.ports) and not node.has_free_ports(self._ports)


def _balance(cpu: Ints, memory: Ints, used_cpu: Ints, used_memory: Ints) -> Ints:
    """MAX_SCORE less half the distance of the used shares."""
    cpu_share = np.minimum(used_cpu / np.maximum(cpu, 1), 1.0)
    memory_share = np.minimum(used_memory / np.maximum(memory, 1), 1.0)
    score = ((1 - np.abs((cpu_share - memory_share) / 2)) * MAX_SCORE).astype(np.int64)
    return np.where((cpu > 0) & (memory > 0), score, MAX_SCORE)


def _balanced(cpu: int, memory: int, used_cpu: int, used_memory: int) -> int:
    """The same for one node that has both."""
    cpu_share, memory_share = min(used_cpu / cpu, 1.0), min(used_memory / memory, 1.0)
    return int((1 - abs((cpu_share - memory_share) / 2)) * MAX_SCORE)
