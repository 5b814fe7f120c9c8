"""Why a row is rejected, as one small number per row, and the verdicts the numbers stand for.

0 is "fits". Reasons of NodeResourcesFit are bits above `FIT`; verdicts of plugins without an array form get numbers
from `EXTRA` on, handed out per decision. The order of the checks is that of the default profile's filters, and the
first that rejects decides, as in the plain cycle.
"""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.framework import Code, Verdict
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.vector.columns import Bools

UNSCHEDULABLE, TAINTED, NOT_SELECTED, PORTS, NO_LABEL, SKEWED, NO_NEIGHBOUR, UNWANTED, UNWELCOME = range(1, 10)
FIT = 16
TOO_MANY_PODS, CPU, MEMORY, EPHEMERAL, SCALAR = 1, 2, 4, 8, 16
MAX_SCALARS = 6
HOPELESS = SCALAR << MAX_SCALARS
EXTRA = FIT + 2 * HOPELESS

RowCodes: TypeAlias = NDArray[np.int32]

_SPREAD = "node(s) didn't match pod topology spread constraints"
VERDICTS = {
    UNSCHEDULABLE: Verdict(Code.UNRESOLVABLE, "NodeUnschedulable", ("node(s) were unschedulable",)),
    TAINTED: Verdict(Code.UNRESOLVABLE, "TaintToleration", ("node(s) had untolerated taint(s)",)),
    NOT_SELECTED: Verdict(Code.UNRESOLVABLE, "NodeAffinity", ("node(s) didn't match Pod's node affinity/selector",)),
    PORTS: Verdict(Code.UNSCHEDULABLE, "NodePorts", ("node(s) didn't have free ports for the requested pod ports",)),
    NO_LABEL: Verdict(Code.UNRESOLVABLE, "PodTopologySpread", (f"{_SPREAD} (missing required label)",)),
    SKEWED: Verdict(Code.UNSCHEDULABLE, "PodTopologySpread", (_SPREAD,)),
    NO_NEIGHBOUR: Verdict(Code.UNRESOLVABLE, "InterPodAffinity", ("node(s) didn't match pod affinity rules",)),
    UNWANTED: Verdict(Code.UNSCHEDULABLE, "InterPodAffinity", ("node(s) didn't match pod anti-affinity rules",)),
    UNWELCOME: Verdict(
        Code.UNSCHEDULABLE, "InterPodAffinity", ("node(s) didn't satisfy existing pods anti-affinity rules",)
    ),
}


@lru_cache(4096)
def fit_verdict(bits: int, scalars: tuple[str, ...]) -> Verdict:
    """The verdict of NodeResourcesFit that the bits stand for."""
    names = ("cpu", "memory", "ephemeral-storage", *scalars)
    reasons = ["Too many pods"] if bits & TOO_MANY_PODS else []
    reasons += [f"Insufficient {name}" for position, name in enumerate(names) if bits & (CPU << position)]
    code = Code.UNRESOLVABLE if bits & HOPELESS else Code.UNSCHEDULABLE
    return Verdict(code, "NodeResourcesFit", tuple(reasons))


class VectorDiagnosis(Diagnosis):
    """A diagnosis held as one code per row."""

    def __init__(
        self,
        snapshot: Snapshot,
        codes: RowCodes,
        scalars: tuple[str, ...],
        extras: list[Verdict] | None = None,
        numbers: dict[int, int] | None = None,
    ) -> None:
        """numbers: how many rows have each code, where that is known."""
        super().__init__(len(snapshot.rows))
        self.codes = codes
        self.pod_class: object = None
        """The class the codes are of, when nothing but the class decided."""
        self._snapshot = snapshot
        self._scalars = scalars
        self._extras = extras or []
        self._numbers = numbers
        self._found: dict[int, tuple[Verdict, int]] | None = None

    def _verdict(self, code: int) -> Verdict:
        if code >= EXTRA:
            return self._extras[code - EXTRA]
        return fit_verdict(code - FIT, self._scalars) if code >= FIT else VERDICTS[code]

    def by_code(self) -> dict[int, tuple[Verdict, int]]:
        """Verdict and number of rows of every code there is."""
        if self._found is None:
            numbers = self._numbers
            if numbers is None:
                counted = np.bincount(self.codes)
                numbers = {code: int(counted[code]) for code in counted.nonzero()[0].tolist()}
            self._found = {code: (self._verdict(code), number) for code, number in numbers.items() if code}
        return self._found

    @property
    def plugins(self) -> frozenset[str]:
        return frozenset(verdict.plugin for verdict, _ in self.by_code().values())

    def verdict(self, node_name: str) -> Verdict | None:
        node = self._snapshot.node(node_name)
        code = int(self.codes[node.row]) if node is not None else 0
        return self._verdict(code) if code else None

    def counted(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for verdict, number in self.by_code().values():
            for reason in verdict.reasons:
                found[reason] = found.get(reason, 0) + number
        return found

    def helpful_codes(self) -> list[int]:
        """The codes of rows on which taking other pods away may help."""
        return [code for code, (verdict, _) in self.by_code().items() if verdict.code is Code.UNSCHEDULABLE]

    def helpful(self) -> Bools:
        """The rows on which taking other pods away may help."""
        table = np.zeros(max(self.by_code(), default=0) + 1, np.bool_)
        table[self.helpful_codes()] = True
        rows: Bools = table[self.codes]
        return rows
