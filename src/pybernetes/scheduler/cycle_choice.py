"""Node by node or over arrays: a small cluster is decided plainly, and never pays for NumPy."""

from random import Random
from typing import TYPE_CHECKING

from pybernetes.scheduler.cycle import Cycle, Decision
from pybernetes.scheduler.framework import Profile
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.snapshot import Snapshot

if TYPE_CHECKING:
    from pybernetes.scheduler.vector.cycle import VectorCycle


class CycleChoice:
    """Same contract as `Cycle.decide`."""

    def __init__(
        self,
        profile: Profile,
        snapshot: Snapshot,
        nominations: Nominations,
        *,
        random: Random,
        percentage_of_nodes_to_score: int = 0,
        arrays_from_nodes: int,
    ) -> None:
        """arrays_from_nodes: how many nodes are many."""
        self.plain = Cycle(
            profile, snapshot, nominations, random=random, percentage_of_nodes_to_score=percentage_of_nodes_to_score
        )
        self._profile = profile
        self._snapshot = snapshot
        self._nominations = nominations
        self._random = random
        self._many = arrays_from_nodes
        self._vector: VectorCycle | None = None
        self._decided = False

    @property
    def vector(self) -> "VectorCycle | None":
        """The cycle over arrays, while there are enough nodes and every plugin is known to it."""
        if len(self._snapshot.rows) < self._many:
            return None
        if not self._decided:
            self._decided = True
            from pybernetes.scheduler.vector.cycle import VectorCycle, has_array_form

            if has_array_form(self._profile):
                self._vector = VectorCycle(self.plain, self._profile, self._snapshot, self._nominations, self._random)
        return self._vector

    def decide(self, pod: PodInfo) -> Decision:
        """Which node gets the pod."""
        vector = self.vector
        return self.plain.decide(pod) if vector is None else vector.decide(pod)
