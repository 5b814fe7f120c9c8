"""Points in time as the API writes them: Time (whole seconds) and MicroTime (six digits), both in UTC with `Z`.

Parsing follows Go's RFC 3339 layout: `T` in the middle, a fraction of any length, `Z` or an offset.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, TypeAlias

# The mark tells `codec` to write six digits; msgspec itself reads it as a plain datetime.
MicroTime: TypeAlias = Annotated[datetime, "MicroTime"]

_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))\Z", re.ASCII)


def format_time(instant: datetime) -> str:
    """`2026-11-23T22:52:00Z`: whole seconds, cut off."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat()[:19] + "Z"


def format_micro_time(instant: datetime) -> str:
    """`2026-11-23T22:52:00.000000Z`."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="microseconds")[:26] + "Z"


def parse_time(text: str) -> datetime:
    """An RFC 3339 text as an aware UTC datetime (microseconds kept). ValueError when it is none."""
    found = _RFC3339.match(text)
    if found is None:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, sign, offset_hours, offset_minutes = found.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    parts = (int(year), int(month), int(day), int(hour), int(minute), int(second), micros)
    if sign is None:
        return datetime(*parts, tzinfo=UTC)
    offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
    return datetime(*parts, tzinfo=timezone(offset if sign == "+" else -offset)).astimezone(UTC)
