"""Cron expressions: which time comes next."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.controllers.cronjob.schedule import ScheduleError, most_recent, parse

SUNDAY = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "following"),
    [
        ("* * * * *", "2026-03-01T12:31"),
        ("*/15 * * * *", "2026-03-01T12:45"),
        ("0 * * * *", "2026-03-01T13:00"),
        ("@hourly", "2026-03-01T13:00"),
        ("30 12 * * *", "2026-03-02T12:30"),
        ("0 9-17/4 * * *", "2026-03-01T13:00"),
        ("0 0 * * mon-fri", "2026-03-02T00:00"),
        ("0 0 * * 0", "2026-03-08T00:00"),
        ("0 0 */2 * mon", "2026-03-02T00:00"),
        ("@every 1h30m", "2026-03-01T14:00:15"),
        ("CRON_TZ=Asia/Tokyo 0 9 * * *", "2026-03-02T00:00"),
        ("0 0 13 * fri", "2026-03-06T00:00"),
        ("0 0 31 * *", "2026-03-31T00:00"),
        ("0 0 29 feb *", "2028-02-29T00:00"),
        ("5,10 0 1 jan ?", "2027-01-01T00:05"),
        ("@weekly", "2026-03-08T00:00"),
    ],
)
def test_next_time(text: str, following: str) -> None:
    assert parse(text).next_after(SUNDAY) == datetime.fromisoformat(following).replace(tzinfo=UTC)


def test_impossible_date_has_no_time() -> None:
    assert parse("0 0 30 2 *").next_after(SUNDAY) is None


def test_time_zone_counts() -> None:
    found = parse("0 9 * * *", "America/New_York").next_after(SUNDAY)
    assert found == datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


def test_hour_that_does_not_exist_is_skipped() -> None:
    before = datetime(2026, 3, 8, 6, 0, tzinfo=UTC)
    found = parse("30 2 * * *", "America/New_York").next_after(before)
    assert found == datetime(2026, 3, 9, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "5-1 * * * *",
        "x * * * *",
        "* * 0 * *",
        "0 0 * * 7",
        "@sometimes",
        "@every soon",
    ],
)
def test_malformed_expression_is_refused(text: str) -> None:
    with pytest.raises(ScheduleError):
        parse(text)


def test_unknown_time_zone_is_refused() -> None:
    with pytest.raises(ScheduleError, match="unknown time zone Nowhere/Else"):
        parse("* * * * *", "Nowhere/Else")


def test_missed_times_are_counted_and_the_last_one_found() -> None:
    found, count = most_recent(parse("*/10 * * * *"), SUNDAY - timedelta(hours=1), SUNDAY)
    assert (found, count) == (datetime(2026, 3, 1, 12, 30, tzinfo=UTC), 6)
    found, count = most_recent(parse("* * * * *"), SUNDAY - timedelta(days=30), SUNDAY)
    assert (found, count) == (datetime(2026, 3, 1, 12, 30, tzinfo=UTC), 101)


def test_missed_periods_are_counted_from_the_last_one() -> None:
    assert most_recent(parse("@every 10m"), SUNDAY, SUNDAY + timedelta(minutes=25)) == (
        SUNDAY + timedelta(minutes=20),
        2,
    )
    assert most_recent(parse("@every 10m"), SUNDAY, SUNDAY + timedelta(minutes=9)) == (None, 0)


@given(st.integers(0, 10_000_000), st.integers(1, 59), st.integers(0, 23))
def test_next_time_is_later_and_matches(offset: int, step: int, hour: int) -> None:
    instant = SUNDAY + timedelta(seconds=offset)
    schedule = parse(f"*/{step} {hour} * * *")
    found = schedule.next_after(instant)
    assert found is not None and found > instant
    assert found.minute % step == 0 and found.hour == hour
