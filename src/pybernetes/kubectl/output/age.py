"""How long ago: instants as kubectl shows them (`5m13s`, `3d2h`)."""

from __future__ import annotations

import time

from ...api.age import human as human

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def seconds_of(stamp: str) -> float:
    """An RFC 3339 instant in seconds since 1970. ValueError."""
    date, _, clock = stamp.partition("T")
    year, month, day = (int(part) for part in date.split("-"))
    zone = 0.0
    if clock.endswith("Z"):
        clock = clock[:-1]
    elif len(clock) > 6 and clock[-6] in "+-":
        zone = (int(clock[-5:-3]) * 3600 + int(clock[-2:]) * 60) * (1 if clock[-6] == "+" else -1)
        clock = clock[:-6]
    hour, minute, second = clock.split(":")
    shifted = month - 3 if month > 2 else month + 9
    years = year if month > 2 else year - 1
    days = 365 * years + years // 4 - years // 100 + years // 400 + (153 * shifted + 2) // 5 + day - 1 - 719468
    return days * 86400 + int(hour) * 3600 + int(minute) * 60 + float(second) - zone


def age_of(stamp: Any) -> str:
    """The age of an instant; `<unknown>` for none."""
    return human(time.time() - seconds_of(stamp)) if stamp else "<unknown>"
