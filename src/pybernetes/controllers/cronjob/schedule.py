"""Cron expressions: five fields, names, ranges, steps, `@hourly` and the like, in a time zone.

    minute  hour  day-of-month  month  day-of-week        */15 9-17 * * mon-fri
    @every 1h30m                                          that long after the last time
    TZ=Europe/Berlin 0 9 * * *                            (also CRON_TZ=) another time zone

A time matches when minute, hour and month match and the day does. If both day fields are restricted, one of them is
enough (Vixie cron). Local times that do not exist (clocks put forward) are skipped, those that exist twice run once.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ...api.duration import parse_nanoseconds
from ...base.clock import after

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {name: number for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}
_DAYS = {name: number for number, name in enumerate("sun mon tue wed thu fri sat".split())}
_LIMITS: tuple[tuple[int, int, dict[str, int]], ...] = (
    (0, 59, {}),
    (0, 23, {}),
    (1, 31, {}),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
HORIZON = timedelta(days=5 * 366)
"""A schedule without a match for so long (30 February) has none."""
_LAST_YEAR = 9990
"""What comes later may be beyond the horizon that the calendar has."""


class ScheduleError(ValueError):
    """Not a cron expression, or an unknown time zone; the text says which part."""


class Schedule(msgspec.Struct, frozen=True):
    """A parsed expression. `every_day` / `every_weekday` tell whether those fields are unrestricted."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    every_day: bool
    every_weekday: bool
    zone: str = "UTC"
    period_seconds: int = 0

    def next_after(self, instant: datetime) -> datetime | None:
        """The first time after instant (aware), in UTC; None when there is none, or where the calendar ends."""
        if instant.year >= _LAST_YEAR:
            return None
        if self.period_seconds:
            return after(instant, self.period_seconds).replace(microsecond=0).astimezone(UTC)
        zone = _zone(self.zone)
        local = instant.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
        end = local + HORIZON
        while local < end:
            if local.month not in self.months or not self._has_day(local):
                local = (local + timedelta(days=1)).replace(hour=0, minute=0)
            elif local.hour not in self.hours:
                local = (local + timedelta(hours=1)).replace(minute=0)
            elif local.minute not in self.minutes:
                local += timedelta(minutes=1)
            else:
                found = local.replace(tzinfo=zone).astimezone(UTC)
                exists = found.astimezone(zone).replace(tzinfo=None) == local
                if exists and found > instant:
                    return found
                local += timedelta(minutes=1)
        return None

    def _has_day(self, local: datetime) -> bool:
        day = local.day in self.days
        weekday = local.isoweekday() % 7 in self.weekdays
        if self.every_day or self.every_weekday:
            return day and weekday
        return day or weekday


def parse(text: str, zone: str = "UTC") -> Schedule:
    """A schedule. ScheduleError when text or zone mean nothing."""
    if text.startswith(("TZ=", "CRON_TZ=")):
        named, _, text = text.partition(" ")
        zone = named.partition("=")[2]
    _zone(zone)
    expression = MACROS.get(text.strip().lower(), text)
    if expression.startswith("@every "):
        period = _period_seconds(expression.removeprefix("@every ").strip())
        nothing: frozenset[int] = frozenset()
        return Schedule(nothing, nothing, nothing, nothing, nothing, True, True, zone, period)
    if expression.startswith("@"):
        raise ScheduleError(f"unrecognized descriptor: {expression}")
    fields = expression.split()
    if len(fields) != 5:
        raise ScheduleError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = (
        _field(field, *limits) for field, limits in zip(fields, _LIMITS, strict=True)
    )
    return Schedule(
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=weekdays,
        every_day=_is_unrestricted(fields[2]),
        every_weekday=_is_unrestricted(fields[4]),
        zone=zone,
    )


def is_time_zone(name: str) -> bool:
    """Whether the time zone database knows the name."""
    try:
        _zone(name)
    except ScheduleError:
        return False
    return True


def local_time(instant: datetime, zone: str) -> str:
    """An instant in that time zone, as RFC 3339 writes it: `2026-07-01T09:00:00+02:00`, with `Z` where that is UTC."""
    text = instant.astimezone(_zone(zone or "UTC")).isoformat(timespec="seconds")
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _is_unrestricted(field: str) -> bool:
    """Whether a day field says "any day": a star without a step greater than one."""
    return any(part in ("*", "?", "*/1", "?/1") for part in field.split(","))


def _period_seconds(text: str) -> int:
    """The period of `@every`: at least a second, fractions of one are cut off."""
    try:
        return max(1, parse_nanoseconds(text) // 1_000_000_000)
    except ValueError as error:
        raise ScheduleError(f"failed to parse duration @every {text}: {error}") from error


def _field(text: str, low: int, high: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, 1, high, {}) if slash else 1
        if span in ("*", "?"):
            first, last = low, high
        else:
            first_text, dash, last_text = span.partition("-")
            first = _number(first_text, low, high, names)
            last = _number(last_text, low, high, names) if dash else (high if slash else first)
            if last < first:
                raise ScheduleError(f"beginning of range ({first}) beyond end of range ({last}): {text}")
        found.update(range(first, last + 1, step))
    return frozenset(found)


def _number(text: str, low: int, high: int, names: dict[str, int]) -> int:
    number = names.get(text.lower())
    if number is None:
        if not text.isdigit():
            raise ScheduleError(f"failed to parse int from {text!r}")
        number = int(text)
    if not low <= number <= high:
        raise ScheduleError(f"value {number} is not within {low} to {high}")
    return number


@lru_cache(maxsize=256)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ScheduleError(f"unknown time zone {name}") from error


def most_recent(schedule: Schedule, earliest: datetime, now: datetime) -> tuple[datetime | None, int]:
    """The last time in (earliest, now], and how many times there were (counted up to 101)."""
    if schedule.period_seconds:
        count = max(0, int((now - earliest).total_seconds() // schedule.period_seconds))
        last = earliest + timedelta(seconds=count * schedule.period_seconds)
        return (last.astimezone(UTC) if count else None), min(count, 101)
    found: datetime | None = None
    count = 0
    instant = schedule.next_after(earliest)
    while instant is not None and instant <= now:
        found = instant
        count += 1
        if count > 100:
            return _last_before(schedule, now, instant), count
        instant = schedule.next_after(instant)
    return found, count


def _last_before(schedule: Schedule, now: datetime, known: datetime) -> datetime:
    """The last time up to now, found by looking back ever further; `known` is an earlier one."""
    span = timedelta(minutes=1)
    while now - span > known:
        instant = schedule.next_after(now - span)
        if instant is not None and instant <= now:
            while (following := schedule.next_after(instant)) is not None and following <= now:
                instant = following
            return instant
        span *= 2
    while (following := schedule.next_after(known)) is not None and following <= now:
        known = following
    return known
