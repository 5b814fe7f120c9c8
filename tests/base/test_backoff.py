"""Delays grow, stop at the cap, spread, and start over."""

from pybernetes.base.backoff import Backoff, exponential, jittered


def test_delays_double_up_to_the_maximum() -> None:
    backoff = Backoff(initial=1, maximum=10)
    assert [backoff.next() for _ in range(6)] == [1, 2, 4, 8, 10, 10]


def test_reset_starts_over() -> None:
    backoff = Backoff(initial=1, maximum=10)
    backoff.next()
    backoff.next()
    backoff.reset()
    assert backoff.next() == 1


def test_jitter_lengthens_by_at_most_its_share() -> None:
    assert jittered(10, 0.5, lambda: 0.0) == 10
    assert jittered(10, 0.5, lambda: 0.5) == 12.5


def test_many_attempts_neither_overflow_nor_exceed_the_maximum() -> None:
    assert exponential(100_000, 0.005, 1000) == 1000


def test_a_factor_of_one_is_constant() -> None:
    backoff = Backoff(initial=3, maximum=10, factor=1)
    assert [backoff.next() for _ in range(3)] == [3, 3, 3]
