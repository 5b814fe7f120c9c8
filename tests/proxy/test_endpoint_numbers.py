from hypothesis import given
from hypothesis import strategies as st
from tests.proxy.builders import endpoints

from pybernetes.proxy.endpoint_numbers import EndpointNumbers


def test_a_number_stays_with_its_endpoint() -> None:
    numbers = EndpointNumbers()
    assert numbers.of("o", "e", endpoints("10.0.0.1", "10.0.0.2")) == [0, 1]
    assert numbers.of("o", "e", endpoints("10.0.0.2", "10.0.0.3")) == [1, 2]


def test_a_number_given_up_is_not_the_next_one_given_out() -> None:
    numbers = EndpointNumbers()
    numbers.of("o", "e", endpoints("10.0.0.1"))
    assert numbers.of("o", "e", endpoints("10.0.0.2")) == [1]


def test_entries_that_are_not_kept_are_forgotten() -> None:
    numbers = EndpointNumbers()
    numbers.of("o", "e", endpoints("10.0.0.1"))
    numbers.of("o", "e", endpoints("10.0.0.2"))
    numbers.keep("o", [])
    assert numbers.of("o", "e", endpoints("10.0.0.2")) == [0]


@given(st.lists(st.lists(st.integers(1, 6), unique=True), max_size=12))
def test_numbers_are_distinct_and_stable(history: list[list[int]]) -> None:
    numbers = EndpointNumbers()
    before: dict[int, int] = {}
    for turn in history:
        found = dict(zip(turn, numbers.of("o", "e", endpoints(*(f"10.0.0.{n}" for n in turn))), strict=True))
        assert len(set(found.values())) == len(found)
        assert all(found[n] == before[n] for n in found.keys() & before.keys())
        before = found
