"""What clients may still ask for, and what the store may forget."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.apiserver.history.retention import Retention, Tick, forgotten, horizon, kept

HOUR = Retention(seconds=3600, size_bytes=1000)


def ticks(*revisions: int) -> list[Tick]:
    return [Tick(300.0 * number, revision) for number, revision in enumerate(revisions)]


@pytest.mark.parametrize(("seen", "oldest"), [(ticks(5), 0), (ticks(5, 9), 5), (ticks(5, 9, 9, 40), 9)])
def test_clients_may_go_back_one_interval(seen, oldest):
    assert horizon(seen) == oldest


def test_the_store_keeps_the_past_for_its_time():
    assert forgotten(ticks(*range(1, 13)), 10, HOUR) == 0
    assert forgotten(ticks(*range(1, 15)), 10, HOUR) == 2


def test_without_a_past_only_what_clients_need_is_kept():
    assert forgotten(ticks(1, 2, 3, 4), 10, Retention(seconds=0)) == 3


def test_a_store_that_is_too_large_forgets_the_older_half():
    assert forgotten(ticks(1, 2, 3, 4, 5, 6, 7), 1001, HOUR) == 4


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30), st.integers(0, 2000), st.integers(0, 9000))
def test_forgetting_never_takes_what_clients_may_ask_for(steps, size, seconds):
    revision, seen = 1, []
    for number, step in enumerate(steps):
        revision += step
        seen.append(Tick(300.0 * number, revision))
    limit = forgotten(seen, size, Retention(seconds=seconds, size_bytes=1000))
    assert limit <= horizon(seen)
    left = kept(seen, limit)
    assert left[-2:] == seen[-2:]
    assert horizon(left) == horizon(seen)
