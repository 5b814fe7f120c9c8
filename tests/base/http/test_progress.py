"""Who moves nothing is told from who moves slowly, whatever is put in front of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.base.http.progress import Mark, progress

LIMIT = 60.0
CASES = {
    "nothing moves": ([(0, 5), (30, 5), (60, 5)], False),
    "nothing moves for longer than the limit": ([(0, 5), (30, 5), (61, 5)], True),
    "one byte each time": ([(0, 0), (59, 1), (118, 2), (177, 3)], False),
    "one byte, then none": ([(0, 0), (50, 1), (100, 1), (111, 1)], True),
    "a count below zero grows as well": ([(0, -900), (59, -899), (118, -898)], False),
    "less than before is not progress": ([(0, 9), (40, 3), (61, 8)], True),
    "one look tells nothing": ([(1_000_000, 0)], False),
}


@pytest.mark.parametrize("case", CASES)
def test_stalled(case: str) -> None:
    looks, stalled = CASES[case]
    mark: Mark | None = None
    for now, moved in looks:
        mark = progress(mark, now, moved)
    assert mark is not None
    assert mark.stalled(looks[-1][0], LIMIT) is stalled


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 3)), min_size=1))
def test_stalled_is_the_time_since_the_last_byte(steps: list[tuple[float, int]]) -> None:
    now, moved, last = 0.0, 0, 0.0
    mark: Mark | None = None
    for seconds, size in steps:
        now, moved = now + seconds, moved + size
        if mark is None or size:
            last = now
        mark = progress(mark, now, moved)
        assert mark.stalled(now, LIMIT) == (now - last > LIMIT)
