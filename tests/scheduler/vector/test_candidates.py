"""What is remembered of the rows is what a plain list of the last answers would say."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support.scheduling import pod

from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.preemption import NO_VICTIMS, Plan, harm
from pybernetes.scheduler.vector import candidates
from pybernetes.scheduler.vector.candidates import Candidates

VICTIMS = [PodInfo(pod(f"v{priority}", priority=priority)) for priority in range(3)]


class Remembered(RuleBasedStateMachine):
    @initialize(rows=st.permutations(range(5)))
    def begin(self, rows):
        self.found = Candidates()
        self._restart(rows)

    def _restart(self, rows):
        self.found.start(rows)
        self.open, self.answers = list(rows), {}

    @rule(rows=st.lists(st.integers(0, 4), unique=True))
    def starts_over(self, rows):
        self._restart(rows)

    @rule(row=st.integers(0, 4))
    def a_row_changes(self, row):
        self.found.forget(row)
        self.answers.pop(row, None)
        if row not in self.open:
            self.open.append(row)

    @rule(data=st.data())
    def a_row_is_asked(self, data):
        row = self.found.next_open()
        assert row == (self.open.pop(0) if self.open else None)
        if row is None or data.draw(st.integers(0, 5)) == 0:
            return
        answer = NO_VICTIMS
        if data.draw(st.integers(0, 5)):
            victim = data.draw(st.sampled_from(VICTIMS))
            answer = Plan(f"n{row}", (victim,), data.draw(st.integers(0, 1)))
        self.found.put(row, answer)
        self.answers[row] = answer

    @invariant()
    def all_agree(self):
        plans = [answer for answer in self.answers.values() if isinstance(answer, Plan)]
        assert self.found.answers == self.answers
        assert self.found.plans == len(plans)
        assert self.found.harmless == sum(not one.violations for one in plans)
        best = self.found.best()
        assert (best is None) == (not plans)
        if best is not None:
            assert any(best is one for one in plans)
            assert harm(best) == min(map(harm, plans))


TestRemembered = Remembered.TestCase


def test_what_was_forgotten_is_cleared_away_in_time(monkeypatch):
    monkeypatch.setattr(candidates, "_MAX_STALE", 8)
    found = Candidates()
    found.start(range(3))
    found.put(0, Plan("good", (VICTIMS[0],), 0))
    for _ in range(100):
        found.forget(1)
        found.put(1, Plan("bad", (VICTIMS[2],), 0))
        assert found._kept <= 2 * found.plans + 8
    best = found.best()
    assert best is not None
    assert best.node_name == "good"
