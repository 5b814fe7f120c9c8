"""Int-or-string scaling, and Go's durations."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api import age, duration, intstr


@pytest.mark.parametrize(
    ("value", "total", "up", "down"),
    [(3, 10, 3, 3), ("25%", 10, 3, 2), ("100%", 7, 7, 7), ("0%", 7, 0, 0), (None, 5, 0, 0)],
)
def test_percentages_of_a_total(value: int | str | None, total: int, up: int, down: int) -> None:
    assert intstr.scaled(value, total, round_up=True) == up
    assert intstr.scaled(value, total, round_up=False) == down


def test_other_text_is_no_percentage() -> None:
    assert not intstr.is_percent("http")
    with pytest.raises(ValueError, match="string is not a percentage"):
        intstr.scaled("http", 3, round_up=True)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1m30s", "1m30s"),
        ("1h", "1h0m0s"),
        ("0", "0s"),
        ("100ms", "100ms"),
        ("1.5h", "1h30m0s"),
        ("-2s", "-2s"),
        ("1us", "1\u00b5s"),
        ("1500ms", "1.5s"),
        ("90m0.25s", "1h30m0.25s"),
    ],
)
def test_durations_are_written_as_go_writes_them(text: str, written: str) -> None:
    assert duration.format_nanoseconds(duration.parse_nanoseconds(text)) == written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'time: invalid duration ""'),
        ("5", 'time: missing unit in duration "5"'),
        ("5x", 'time: unknown unit "x" in duration "5x"'),
        ("s", 'time: invalid duration "s"'),
    ],
)
def test_broken_durations(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        duration.parse_nanoseconds(text)


@given(st.integers(-(2**62), 2**62))
def test_written_durations_are_read_back(nanoseconds: int) -> None:
    assert duration.parse_nanoseconds(duration.format_nanoseconds(nanoseconds)) == nanoseconds


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119.9, "119s"),
        (120, "2m"),
        (125, "2m5s"),
        (600, "10m"),
        (3 * 3600, "3h"),
        (7 * 3600 + 300, "7h5m"),
        (8 * 3600 + 300, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (3 * 86400 + 3600, "3d1h"),
        (9 * 86400, "9d"),
        (729 * 86400, "729d"),
        (3 * 365 * 86400, "3y"),
        (3 * 365 * 86400 + 86400, "3y1d"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_ages(seconds: float, shown: str) -> None:
    assert age.human(seconds) == shown
