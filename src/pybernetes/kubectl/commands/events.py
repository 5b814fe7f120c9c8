"""`kubectl events`: sorted by time, for one object or all."""

from __future__ import annotations

from ..client import query_of
from ..describe.writer import event_age, event_time
from ..errors import CommandError
from ..flags import PRINT
from ..objects.builder import Options, listed
from ..output.table import Columns
from ..wire.json_read import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..output.printers import Printer
    from ..session import Session
    from ..transport.connection import Response

FLAGS = f"-A,all-namespaces=false chunk-size=500 for='' no-headers=false types=[] -w,watch=false {PRINT}"


def run(session: Session) -> int:
    flags = session.flags
    fields, group = _target(session)
    for kind in flags.many("types"):
        if kind.lower() not in ("normal", "warning"):
            raise CommandError("valid --types are Normal or Warning")
    everywhere = flags.on("all-namespaces")
    resource = session.mapper.builtin("v1", "Event")
    namespace = "" if everywhere else session.namespace
    options = Options(field_selector=fields, chunk=flags.number("chunk-size"))
    events = [event for event in listed(session, resource, namespace, options) if _wanted(session, event, group)]
    if flags.on("watch"):
        return _watch(session, resource.path(namespace), fields, group, events)
    if not events:
        session.tell("No events found." if everywhere else f"No events found in {session.namespace} namespace.")
        return 0
    events.sort(key=lambda event: event_time(event) or 0.0)
    if flags.text("output"):
        from ..output.printers import printer_for

        printer = printer_for(session)
        if flags.text("output") == "name":
            for event in events:
                printer.print(event)
        else:
            printer.print({"kind": "EventList", "apiVersion": "v1", "metadata": {}, "items": events})
        return 0
    rows = _Rows(session)
    for event in events:
        rows.add(event)
    rows.columns.flush()
    return 0


def _target(session: Session) -> tuple[str, str]:
    """The field selector and group of `--for`. CommandError."""
    given = session.flags.text("for")
    if not given:
        return "", ""
    kind, slash, name = given.partition("/")
    if "/" in name:
        raise CommandError("arguments in resource/name form may not have more than one slash", prefix="error: ")
    if not slash or not name:
        raise CommandError("--for must be in resource/name form")
    try:
        resource = session.mapper.resource(kind)
    except CommandError as error:
        raise CommandError(error.message, prefix="") from None
    return f"involvedObject.kind={resource.kind},involvedObject.name={name}", resource.group


def _wanted(session: Session, event: dict[str, Any], group: str) -> bool:
    kinds = [kind.lower() for kind in session.flags.many("types")]
    if kinds and str(event.get("type", "")).lower() not in kinds:
        return False
    version = str((event.get("involvedObject") or {}).get("apiVersion") or "")
    return not group or version.partition("/")[0] == group


class _Rows:
    def __init__(self, session: Session) -> None:
        self.columns = Columns(session.out.write)
        self._everywhere = session.flags.on("all-namespaces")
        if not session.flags.on("no-headers"):
            header = ["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
            self.columns.add(["NAMESPACE", *header] if self._everywhere else header)

    def add(self, event: dict[str, Any]) -> None:
        about = event.get("involvedObject") or {}
        cells = [
            event_age(event),
            str(event.get("type") or ""),
            str(event.get("reason") or ""),
            f"{about.get('kind')}/{about.get('name')}",
            str(event.get("message") or "").strip(),
        ]
        self.columns.add([str(event["metadata"].get("namespace")), *cells] if self._everywhere else cells)


def _watch(session: Session, path: str, fields: str, group: str, known: list[dict[str, Any]]) -> int:
    rows: _Rows | None = None
    printer: Printer | None = None
    if session.flags.text("output"):
        from ..output.printers import printer_for

        printer = printer_for(session)
    else:
        rows = _Rows(session)

    def show(event: dict[str, Any]) -> None:
        if rows is not None:
            rows.add(event)
            rows.columns.flush()
        elif printer is not None:
            printer.print({"kind": "Event", "apiVersion": "v1", **event})
        session.out.flush()

    for event in sorted(known, key=lambda event: event_time(event) or 0.0):
        show(event)
    newest = max((int(event["metadata"]["resourceVersion"]) for event in known), default=0)
    query = query_of((("fieldSelector", fields), ("watch", "true"), ("resourceVersion", str(newest) if newest else "")))
    seen = {event["metadata"]["uid"] for event in known} if not newest else set()
    for line in _until_time_is_up(session.client.stream(path + query)):
        change = loads(line)
        event = change["object"]
        if change["type"] not in ("ADDED", "MODIFIED") or not _wanted(session, event, group):
            continue
        if event["metadata"]["uid"] not in seen or change["type"] == "MODIFIED":
            show(event)
    return 0


def _until_time_is_up(response: Response) -> Iterator[bytes]:
    """The lines that come in the time that --request-timeout gives."""
    try:
        yield from response.lines()
    except TimeoutError:
        response.close()
