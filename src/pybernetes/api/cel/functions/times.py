"""timestamp and duration: conversions and accessors."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...duration import parse_nanoseconds
from ..errors import NO_OVERLOAD, EvaluationError
from ..values import Duration, Timestamp

_PARTS = ("getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate", "getDayOfWeek")
_CLOCK = ("getHours", "getMinutes", "getSeconds", "getMilliseconds")

DECLARATIONS = """
timestamp(timestamp) -> timestamp
timestamp(string) -> timestamp
timestamp(int) -> timestamp
duration(duration) -> duration
duration(string) -> duration
duration(int) -> duration
""" + "\n".join(
    [f"timestamp::{name}({zone}) -> int" for name in (*_PARTS, *_CLOCK) for zone in ("", "string")]
    + [f"duration::{name}() -> int" for name in _CLOCK]
)

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?(?:[Zz]|([+-])(\d\d):(\d\d))\Z", re.ASCII
)
_OFFSET = re.compile(r"([+-]?)(\d\d):(\d\d)\Z", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_timestamp(value: Any) -> Timestamp:
    if isinstance(value, Timestamp):
        return value
    if type(value) is int:
        return Timestamp(value * 1_000_000_000)
    if type(value) is not str:
        raise EvaluationError(NO_OVERLOAD)
    found = _RFC3339.match(value)
    if found is None:
        raise EvaluationError("type conversion error from 'string' to 'google.protobuf.Timestamp'")
    day, clock, fraction, sign, hours, minutes = found.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}+00:00")
    except ValueError:
        raise EvaluationError("type conversion error from 'string' to 'google.protobuf.Timestamp'") from None
    span = moment - _EPOCH
    seconds = span.days * 86400 + span.seconds
    if sign:
        offset = (int(hours) * 60 + int(minutes)) * 60
        seconds += -offset if sign == "+" else offset
    return Timestamp(seconds * 1_000_000_000 + int((fraction or "0").ljust(9, "0")))


def to_duration(value: Any) -> Duration:
    if isinstance(value, Duration):
        return value
    if type(value) is int:
        return Duration(value)
    if type(value) is not str:
        raise EvaluationError(NO_OVERLOAD)
    try:
        return Duration(parse_nanoseconds(value))
    except ValueError:
        raise EvaluationError("type conversion error from 'string' to 'google.protobuf.Duration'") from None


def _zone(name: str) -> tzinfo:
    offset = _OFFSET.match(name)
    if offset is not None:
        span = timedelta(hours=int(offset[2]), minutes=int(offset[3]))
        return timezone(-span if offset[1] == "-" else span)
    try:
        return ZoneInfo(name) if name not in ("", "UTC") else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise EvaluationError(f"unknown time zone {name}") from None


def _accessor(
    of_instant: Callable[[datetime], int], of_duration: Callable[[int], int] | None = None
) -> Callable[..., int]:
    def call(value: Any, zone: str = "") -> int:
        if isinstance(value, Timestamp):
            return of_instant(value.at().astimezone(_zone(zone)))
        if isinstance(value, Duration) and of_duration is not None:
            return of_duration(value.nanos)
        raise EvaluationError(NO_OVERLOAD)

    return call


def _whole(unit: int) -> Callable[[int], int]:
    return lambda nanos: nanos // unit if nanos >= 0 else -(-nanos // unit)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "timestamp": to_timestamp,
    "duration": to_duration,
    "getFullYear": _accessor(lambda at: at.year),
    "getMonth": _accessor(lambda at: at.month - 1),
    "getDayOfYear": _accessor(lambda at: at.timetuple().tm_yday - 1),
    "getDayOfMonth": _accessor(lambda at: at.day - 1),
    "getDate": _accessor(lambda at: at.day),
    "getDayOfWeek": _accessor(lambda at: at.isoweekday() % 7),
    "getHours": _accessor(lambda at: at.hour, _whole(3_600_000_000_000)),
    "getMinutes": _accessor(lambda at: at.minute, _whole(60_000_000_000)),
    "getSeconds": _accessor(lambda at: at.second, _whole(1_000_000_000)),
    "getMilliseconds": _accessor(lambda at: at.microsecond // 1000, lambda nanos: _whole(1_000_000)(nanos) % 1000),
}
