"""Instants that users choose do not fall off the calendar."""

from datetime import UTC, datetime, timedelta

import pytest

from pybernetes.base.clock import after

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST, LAST = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))


@pytest.mark.parametrize(
    ("instant", "seconds", "found"),
    [
        (NOW, 60, NOW + timedelta(minutes=1)),
        (NOW, -0.5, NOW - timedelta(milliseconds=500)),
        (NOW, (1 << 63) - 1, LAST),
        (NOW, -(1 << 63), FIRST),
        (LAST, 1, LAST),
        (LAST, -1, LAST - timedelta(seconds=1)),
        (FIRST, -1, FIRST),
    ],
)
def test_the_calendar_ends(instant: datetime, seconds: float, found: datetime) -> None:
    assert after(instant, seconds) == found
