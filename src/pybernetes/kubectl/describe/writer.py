"""What describers write with: lines at levels of indentation whose tabs are aligned at the end; labels, tables,
events.
"""

from __future__ import annotations

from ..client import query_of
from ..errors import StatusFailure
from ..output.table import escaped
from ..output.tabwriter import aligned
from .events import event_row, last_time
from .words import annotation_lines, date, label_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from ..objects.item import Item
    from ..session import Session


class Context:
    """Collects the lines of one description."""

    def __init__(self, session: Session | None = None, *, events: bool = True) -> None:
        self._session = session
        self._events_wanted = events
        self._parts: list[str] = []

    @property
    def session(self) -> Session:
        assert self._session is not None, "this description asks no server"
        return self._session

    # -- lines

    def line(self, level: int, text: str) -> None:
        self._parts.append("  " * level + text + "\n")

    def field(self, name: str, value: Any, level: int = 0) -> None:
        """`Name:\tvalue`."""
        self.line(level, f"{name}:\t{value}")

    def fields(self, pairs: Iterable[tuple[str, Any]], level: int = 0) -> None:
        for name, value in pairs:
            self.field(name, value, level)

    def several(self, name: str, values: Sequence[str], level: int = 0, indent: int = 0) -> None:
        """`Name:\tvalue`, each further value on a line of its own at `indent`; `<none>` without any."""
        first, *further = values or ["<none>"]
        self.field(name, first, level)
        for value in further:
            self.line(indent, "\t" + value)

    def table(self, level: int, columns: str, rows: Iterable[Sequence[Any]], *, rules: str = "", end: str = "") -> None:
        """Titles, a rule below each, and rows. `columns` and `rules` are words between bars; cells end with `end`."""
        titles = columns.split("|")
        self.line(level, "\t".join(titles))
        self.line(level, "\t".join(rules.split("|") if rules else ["-" * len(title) for title in titles]))
        for row in rows:
            self.line(level, f"{end}\t".join([str(cell) for cell in row]))

    def conditions(self, found: list[dict[str, Any]] | None, *, seen: str = "", rules: str = "", end: str = "") -> None:
        """Conditions with the instant of their last change and, where they have such a field, of the last look."""
        if not found:
            return
        instants = [key for key in (seen, "lastTransitionTime") if key]
        columns = ["Type", "Status", *(key[0].upper() + key[1:] for key in instants), "Reason", "Message"]
        rows = []
        for one in found:
            dates = [date(one.get(key)) for key in instants]
            rows.append([one["type"], one["status"], *dates, one.get("reason", ""), one.get("message", "")])
        self.line(0, "Conditions:")
        self.table(1, "|".join(columns), rows, rules=rules, end=end)

    def amounts(self, title: str, amounts: Mapping[str, Any] | None, level: int = 0) -> None:
        """Resources by name, below a title; nothing without any."""
        if amounts:
            self.line(level, f"{title}:")
            self.fields(sorted(amounts.items()), level + 1)

    def raw(self) -> str:
        """Everything, with its tabs."""
        return escaped("".join(self._parts))

    def text(self) -> str:
        """Everything, aligned."""
        return aligned(self.raw())

    # -- metadata

    def head(self, item: Item, *, namespaced: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
        """Name, namespace, labels and annotations; the object's spec and status are given back."""
        metadata = item.obj["metadata"]
        self.named(item, namespaced=namespaced)
        self.labels("Labels", metadata.get("labels"))
        self.annotations(metadata.get("annotations"))
        return item.obj.get("spec") or {}, item.obj.get("status") or {}

    def named(self, item: Item, *, namespaced: bool = True) -> None:
        self.field("Name", item.obj["metadata"]["name"])
        if namespaced:
            self.field("Namespace", item.obj["metadata"].get("namespace", ""))

    def labels(self, title: str, labels: Mapping[str, str] | None, level: int = 0, indent: int = 0) -> None:
        """One a line, sorted; `<none>` without."""
        self.several(title, label_lines(labels), level, indent)

    def annotations(self, annotations: Mapping[str, str] | None, level: int = 0) -> None:
        """One a line; long or broken values go below their keys."""
        self.several("Annotations", annotation_lines(annotations), level)

    def controlled_by(self, item: Item) -> None:
        owners = item.obj["metadata"].get("ownerReferences") or ()
        owner = next((one for one in owners if one.get("controller")), None)
        if owner:
            self.field("Controlled By", f"{owner['kind']}/{owner['name']}")

    # -- more from the server

    def get(self, path: str) -> dict[str, Any] | None:
        """Something else on the server; None when it cannot be had."""
        try:
            found: dict[str, Any] = self.session.client.get(path)
        except StatusFailure:
            return None
        return found

    def listed(self, path: str, *parameters: tuple[str, str]) -> list[dict[str, Any]]:
        """Everything of a collection, page by page. StatusFailure."""
        limit = ("limit", self.session.flags.number("chunk-size") or "")
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            page = self.session.client.get(path + query_of((*parameters, limit, ("continue", token))))
            found += page.get("items") or ()
            token = (page.get("metadata") or {}).get("continue") or ""
            if not token:
                return found

    def items(self, path: str, *parameters: tuple[str, str]) -> list[dict[str, Any]]:
        """As `listed`; nothing when it cannot be had."""
        try:
            return self.listed(path, *parameters)
        except StatusFailure:
            return []

    def events(self, item: Item, *uids: str) -> None:
        """The events about the object, oldest first; `uids` where they name it otherwise than by its own uid."""
        if not self._events_wanted:
            return
        metadata = item.obj.get("metadata") or {}
        where = f"/api/v1/namespaces/{item.namespace}/events" if item.namespace else "/api/v1/events"
        found: list[dict[str, Any]] = []
        for uid in uids or (metadata.get("uid", ""),):
            about = {"name": item.name, "namespace": item.namespace, "uid": uid}
            if item.resource.kind != "Pod":
                about["kind"] = item.resource.kind
            selector = ",".join(f"involvedObject.{key}={value}" for key, value in about.items())
            found += self.items(where, ("fieldSelector", selector))
        if not found:
            self.field("Events", "<none>")
            return
        self.line(0, "Events:")
        rows = [event_row(event) for event in sorted(found, key=last_time)]
        self.table(1, "Type|Reason|Age|From|Message", rows, rules="----|------|----|----|-------")
