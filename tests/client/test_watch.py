"""The list-then-watch machine: which step follows which outcome."""

import pytest

from pybernetes.api.status import StatusError, expired
from pybernetes.client.watch import LONGEST_WAIT_SECONDS, Listing, Machine, State, Watching


def watching(version: str = "10") -> Machine:
    machine = Machine()
    machine.next(0.0)
    machine.listed(version)
    assert machine.next(0.0) == Watching(version)
    return machine


def test_first_list_accepts_a_cached_answer() -> None:
    assert Machine().next(0.0) == Listing("0")


def test_watch_starts_at_the_version_of_the_list() -> None:
    assert watching("10").state is State.WATCHING


def test_ended_watch_resumes_after_the_last_event_without_waiting() -> None:
    machine = watching()
    machine.progressed("12")
    assert machine.ended(5.0) == 0.0
    assert machine.next(5.0) == Watching("12")


def test_bookmark_moves_the_resume_point() -> None:
    machine = watching()
    machine.progressed("40")
    machine.failed(ConnectionError(), 1.0)
    assert machine.next(2.0) == Watching("40")


def test_watch_that_ends_at_once_and_empty_backs_off() -> None:
    machine = watching()
    assert machine.ended(0.1) > 0


def test_expired_watch_lists_again_not_older_than_seen() -> None:
    machine = watching()
    machine.progressed("12")
    assert machine.failed(expired("too old resource version"), 1.0) == 0.0
    assert machine.next(1.0) == Listing("12")


def test_expired_list_asks_for_the_latest() -> None:
    machine = watching()
    machine.progressed("12")
    machine.failed(expired("too old"), 1.0)
    machine.next(1.0)
    assert machine.failed(expired("too old"), 1.0) == 0.0
    assert machine.next(1.0) == Listing("")


def test_version_from_the_future_asks_for_the_latest() -> None:
    machine = Machine()
    machine.next(0.0)
    details = {"causes": [{"reason": "ResourceVersionTooLarge"}]}
    machine.failed(StatusError(504, "Timeout", "Too large resource version", details), 0.0)
    assert machine.next(0.0) == Listing("")


def test_failures_wait_longer_and_longer_up_to_a_bound() -> None:
    machine = watching()
    waits = []
    for _ in range(12):
        waits.append(machine.failed(ConnectionError(), 1.0))
        machine.next(1.0)
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(0.25)
    assert waits[-1] == LONGEST_WAIT_SECONDS


def test_quiet_time_resets_the_wait() -> None:
    machine = watching()
    for _ in range(5):
        machine.failed(ConnectionError(), 1.0)
        machine.next(1.0)
    assert machine.failed(ConnectionError(), 500.0) == pytest.approx(0.25)
