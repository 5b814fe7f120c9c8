"""The nodes on which room could be made, best first: what `RoomMaker` remembers between two decisions.

    row changed ──▶ forget ──▶ open ──▶ next_open ──▶ (the caller works out who must go) ──▶ put ──▶ best

Plans of equal harm are kept together, so that finding the best costs the same however many nodes are alike. What was
forgotten stays in its place until it is met there; `put` clears it all away once it outnumbers what counts.
"""

from collections import deque
from collections.abc import Iterable
from heapq import heappop, heappush

from pybernetes.scheduler.framework import Verdict
from pybernetes.scheduler.preemption import Plan, harm

Harm = tuple[float, ...]
_MAX_STALE = 1024


class Candidates:
    """Rows, and the answer that each of them gave. A row is open (to be asked), answered, or of no interest."""

    def __init__(self) -> None:
        self.answers: dict[int, Plan | Verdict] = {}
        """By row."""
        self.plans = 0
        """How many of the answers are plans."""
        self.harmless = 0
        """How many of those violate no disruption budget."""
        self._open: deque[int] = deque()
        self._is_open: set[int] = set()
        self._ranks: list[Harm] = []
        self._alike: dict[Harm, list[tuple[int, Plan]]] = {}
        self._kept = 0

    def start(self, rows: Iterable[int]) -> None:
        """Forget everything; these rows are to be asked, in their order."""
        self.answers.clear()
        self.plans = self.harmless = 0
        self._open = deque(rows)
        self._is_open = set(self._open)
        self._unrank()

    def forget(self, row: int) -> None:
        """The row changed: to be asked again, after those that are open already."""
        answer = self.answers.pop(row, None)
        if isinstance(answer, Plan):
            self.plans -= 1
            self.harmless -= not answer.violations
        if row not in self._is_open:
            self._is_open.add(row)
            self._open.append(row)

    def next_open(self) -> int | None:
        """A row to be asked, None when there is none; it is not open any more."""
        if not self._open:
            return None
        row = self._open.popleft()
        self._is_open.discard(row)
        return row

    def put(self, row: int, answer: Plan | Verdict) -> None:
        """A row's answer."""
        self.answers[row] = answer
        if isinstance(answer, Plan):
            self.plans += 1
            self.harmless += not answer.violations
            self._rank(row, answer)
            if self._kept > 2 * self.plans + _MAX_STALE:
                self._unrank()
                for known, found in self.answers.items():
                    if isinstance(found, Plan):
                        self._rank(known, found)

    def _unrank(self) -> None:
        self._ranks.clear()
        self._alike.clear()
        self._kept = 0

    def _rank(self, row: int, found: Plan) -> None:
        rank = harm(found)
        alike = self._alike.get(rank)
        if alike is None:
            alike = self._alike[rank] = []
            heappush(self._ranks, rank)
        alike.append((row, found))
        self._kept += 1

    def best(self) -> Plan | None:
        """The least harmful plan."""
        ranks, answers = self._ranks, self.answers
        while ranks:
            alike = self._alike[ranks[0]]
            while alike:
                row, found = alike[-1]
                if answers.get(row) is found:
                    return found
                alike.pop()
                self._kept -= 1
            del self._alike[heappop(ranks)]
        return None
