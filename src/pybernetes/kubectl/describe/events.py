"""Events as descriptions and `kubectl events` show them."""

from __future__ import annotations

from ..output.age import age_of, seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def last_time(event: dict[str, Any]) -> float:
    """What events of a description are sorted by; those of the newer API without it come first."""
    return seconds_of(event["lastTimestamp"]) if event.get("lastTimestamp") else 0.0


def event_row(event: dict[str, Any]) -> tuple[str, ...]:
    """Type, reason, age, source and message."""
    source = (event.get("source") or {}).get("component") or event.get("reportingComponent") or ""
    message = str(event.get("message") or "").strip()
    return event.get("type") or "", event.get("reason") or "", event_age(event), source, message


def event_time(event: dict[str, Any]) -> float:
    """When it was last seen, which `kubectl events` sorts by; those that do not tell come first."""
    series = event.get("series")
    if series is not None:
        stamp = series.get("lastObservedTime")
    else:
        stamp = event.get("lastTimestamp") or event.get("eventTime")
    return seconds_of(stamp) if stamp else 0.0


def event_age(event: dict[str, Any]) -> str:
    """`5m`, or `10s (x3 over 2m)`."""
    first = event.get("eventTime") or event.get("firstTimestamp")
    series = event.get("series")
    if series:
        return f"{age_of(series.get('lastObservedTime'))} (x{series.get('count', 0)} over {age_of(first)})"
    if int(event.get("count") or 0) > 1:
        return f"{age_of(event.get('lastTimestamp'))} (x{event['count']} over {age_of(first)})"
    return age_of(first)
