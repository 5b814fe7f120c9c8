"""What describers write with: lines at levels of indentation whose tabs are aligned at the end; labels, events,
times.
"""

from __future__ import annotations

import time

from ..client import query_of
from ..errors import StatusFailure
from ..output.age import age_of, human, seconds_of
from ..output.tabwriter import aligned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..objects.item import Item
    from ..session import Session

_SKIPPED = ("kubectl.kubernetes.io/last-applied-configuration",)


class Context:
    """Collects the lines of one description."""

    def __init__(self, session: Session | None = None, *, events: bool = True) -> None:
        self._session = session
        self.events_wanted = events
        self._parts: list[str] = []

    @property
    def session(self) -> Session:
        assert self._session is not None, "this description asks no server"
        return self._session

    def write(self, level: int, text: str) -> None:
        """As it is, indented."""
        self._parts.append("  " * level + text)

    def line(self, level: int, text: str) -> None:
        self.write(level, text + "\n")

    def field(self, name: str, value: Any, level: int = 0) -> None:
        """`Name:\tvalue`."""
        self.line(level, f"{name}:\t{value}")

    def raw(self) -> str:
        """Everything, with its tabs."""
        return "".join(self._parts)

    def text(self) -> str:
        """Everything, aligned."""
        return aligned(self.raw())

    def get(self, path: str) -> dict[str, Any] | None:
        """Something else on the server; None when it cannot be had."""
        try:
            found: dict[str, Any] = self.session.client.get(path)
        except StatusFailure:
            return None
        return found

    def items(self, path: str) -> list[dict[str, Any]]:
        return list((self.get(path) or {}).get("items") or ())

    def labels(self, title: str, labels: Mapping[str, str] | None, level: int = 0) -> None:
        """One a line, sorted; `<none>` without."""
        self.write(level, f"{title}:\t")
        if not labels:
            self._parts.append("<none>\n")
            return
        for number, key in enumerate(sorted(labels)):
            if number:
                self._parts.append("\t")
            self._parts.append(f"{key}={labels[key]}\n")

    def annotations(self, annotations: Mapping[str, str] | None, level: int = 0) -> None:
        """One a line; long or broken values go below their keys."""
        self.write(level, "Annotations:\t")
        shown = {key: value for key, value in (annotations or {}).items() if key not in _SKIPPED}
        if not shown:
            self._parts.append("<none>\n")
            return
        indent = "  " * level + "\t"
        for number, key in enumerate(sorted(shown)):
            if number:
                self._parts.append(indent)
            value = shown[key].removesuffix("\n")
            if len(value) + len(key) + 2 < 140 and "\n" not in value:
                self._parts.append(f"{key}: {value}\n")
                continue
            self._parts.append(f"{key}:\n")
            for line in value.split("\n"):
                self._parts.append(f"{indent}  {shortened(line, 138)}\n")

    def events(self, item: Item) -> None:
        """The events about the object, oldest first."""
        if not self.events_wanted:
            return
        metadata = item.obj.get("metadata") or {}
        namespace = item.namespace or "default"
        fields = {
            "involvedObject.name": item.name,
            "involvedObject.namespace": item.namespace,
            "involvedObject.kind": item.resource.kind,
            "involvedObject.uid": metadata.get("uid", ""),
        }
        if item.resource.kind == "Node":
            fields["involvedObject.uid"] = ""
        selector = ",".join(f"{key}={value}" for key, value in sorted(fields.items()) if value)
        where = f"/api/v1/namespaces/{namespace}/events" if item.namespace else "/api/v1/events"
        self.event_table(self.items(where + query_of((("fieldSelector", selector), ("limit", 500)))))

    def event_table(self, events: list[dict[str, Any]]) -> None:
        if not events:
            self.line(0, "Events:\t<none>")
            return
        events = sorted(events, key=lambda event: event_time(event) or 0.0)
        self.line(0, "Events:\n  Type\tReason\tAge\tFrom\tMessage")
        self.line(1, "----\t------\t----\t----\t-------")
        for event in events:
            source = (event.get("source") or {}).get("component") or event.get("reportingComponent") or ""
            message = str(event.get("message") or "").strip()
            row = (event.get("type", ""), event.get("reason", ""), event_age(event), source, message)
            self.line(1, "\t".join(str(cell) for cell in row))


def shortened(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "..."


def event_time(event: dict[str, Any]) -> float | None:
    """When it was last seen."""
    series = event.get("series") or {}
    stamp = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    stamp = stamp or (event.get("metadata") or {}).get("creationTimestamp")
    return seconds_of(stamp) if stamp else None


def event_age(event: dict[str, Any]) -> str:
    """`5m`, or `10s (x3 over 2m)`."""
    first = event.get("firstTimestamp") or event.get("eventTime")
    series = event.get("series")
    if series:
        return f"{age_of(series.get('lastObservedTime'))} (x{series.get('count')} over {age_of(first)})"
    if int(event.get("count") or 0) > 1:
        return f"{age_of(event.get('lastTimestamp'))} (x{event['count']} over {age_of(first)})"
    return age_of(first)


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


def ago(stamp: Any) -> str:
    """How long ago, for running things."""
    return human(time.time() - seconds_of(str(stamp))) if stamp else "<unknown>"


def joined(values: Any, separator: str = ", ") -> str:
    return separator.join(str(value) for value in values or ())


def label_text(labels: Mapping[str, str] | None) -> str:
    """`a=b,c=d`, `<none>` without."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector on one line."""
    from ..objects.selectors import text_of

    if not selector:
        return "<none>"
    return text_of(selector) or "<none>"


def controlled_by(context: Context, metadata: dict[str, Any]) -> None:
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            context.field("Controlled By", f"{owner['kind']}/{owner['name']}")
