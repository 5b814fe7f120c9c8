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


def check_time(text: str) -> None:
    """CommandError, in the words of Go's parser, for what is no RFC 3339 time."""
    from ..errors import CommandError

    layout, rest = "2006-01-02T15:04:05Z07:00", text
    for piece in ("2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05"):
        head = rest[: len(piece)]
        if not (head.isdigit() and len(head) == len(piece) if piece.isdigit() else head == piece):
            raise CommandError(f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "{piece}"')
        rest = rest[len(piece) :]
    if rest[:1] in (".", ","):
        rest = rest[1:].lstrip("0123456789")
    zone = rest[1:]
    if rest != "Z" and not (rest[:1] in ("+", "-") and zone[2:3] == ":" and f"{zone[:2]}{zone[3:]}".isdigit()):
        raise CommandError(f'parsing time "{text}" as "{layout}": cannot parse "{rest}" as "Z07:00"')


def age_of(stamp: Any) -> str:
    """The age of an instant; `<unknown>` for none."""
    return human(time.time() - seconds_of(stamp)) if stamp else "<unknown>"
