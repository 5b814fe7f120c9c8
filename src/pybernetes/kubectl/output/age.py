"""How long ago: instants as kubectl shows them (`5m13s`, `3d2h`)."""

from __future__ import annotations

import time

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


def human(seconds: float) -> str:
    """apimachinery's HumanDuration."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 0:
        return "0s"
    if whole < 120:
        return f"{whole}s"
    minutes, hours = whole // 60, whole // 3600
    if minutes < 10:
        return f"{minutes}m{whole % 60}s" if whole % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{hours // 24}d{hours % 24}h" if hours % 24 else f"{hours // 24}d"
    if hours < 17520:
        return f"{hours // 24}d"
    if hours < 70080:
        days = hours // 24 % 365
        return f"{hours // 8760}y{days}d" if days else f"{hours // 8760}y"
    return f"{hours // 8760}y"
