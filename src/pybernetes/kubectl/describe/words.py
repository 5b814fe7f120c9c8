"""How describers put values into words: instants, lists, flags, labels and selectors."""

from __future__ import annotations

import time

from ..output.age import age_of, human, seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from ..objects.item import Item

_SKIPPED = ("kubectl.kubernetes.io/last-applied-configuration",)
_LINE_BYTES = 140
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def date(stamp: Any) -> str:
    """RFC 1123 with a numeric zone, in local time."""
    if not stamp:
        return "Mon, 01 Jan 0001 00:00:00 +0000"
    local = time.localtime(seconds_of(str(stamp)))
    zone = time.strftime("%z", local)
    return (
        f"{_DAYS[local.tm_wday]}, {local.tm_mday:02d} {_MONTHS[local.tm_mon - 1]} {local.tm_year:04d} "
        f"{local.tm_hour:02d}:{local.tm_min:02d}:{local.tm_sec:02d} {zone}"
    )


def duration(start: Any, end: Any) -> str:
    """The time between two instants."""
    return human(seconds_of(str(end)) - seconds_of(str(start)))


def flag(value: Any) -> str:
    """How Go's %v shows a bool."""
    return "true" if value else "false"


def bracketed(values: Iterable[Any] | None) -> str:
    """How Go's %v shows a list."""
    return f"[{' '.join(str(value) for value in values or ())}]"


def joined(values: Iterable[Any] | None, separator: str = ", ") -> str:
    return separator.join(str(value) for value in values or ())


def or_unset(value: Any) -> Any:
    return "<unset>" if value is None else value


def label_lines(labels: Mapping[str, str] | None) -> list[str]:
    return [f"{key}={value}" for key, value in sorted((labels or {}).items())]


def label_text(labels: Mapping[str, str] | None) -> str:
    """`a=b,c=d`, `<none>` without."""
    return ",".join(label_lines(labels)) or "<none>"


def annotation_lines(annotations: Mapping[str, str] | None) -> list[str]:
    shown = []
    for key, value in sorted((annotations or {}).items()):
        if key in _SKIPPED:
            continue
        value = value.removesuffix("\n")
        if len(value.encode()) + len(key) + 2 <= _LINE_BYTES and "\n" not in value:
            shown.append(f"{key}: {value}")
        else:
            shown += [f"{key}:", *(f"  {shortened(line, _LINE_BYTES - 2)}" for line in value.split("\n"))]
    return shown


def shortened(text: str, limit: int) -> str:
    """At most so many bytes of UTF-8, and `...` where there were more."""
    data = text.encode()
    return text if len(data) <= limit else data[:limit].decode(errors="replace") + "..."


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector on one line."""
    from ..objects.selectors import text_of

    return text_of(selector) or "<none>" if selector else "<none>"


def phase_of(item: Item, status: Mapping[str, Any]) -> str:
    """Its phase; `Terminating (lasts 5m)` once it is being deleted."""
    deleted = item.obj["metadata"].get("deletionTimestamp")
    return f"Terminating (lasts {age_of(deleted)})" if deleted else str(status.get("phase") or "")
