"""`kubectl events`: sorted by time, for one object or all."""

from __future__ import annotations

from ..client import query_of
from ..describe.events import event_age, event_time
from ..ending import interruptible
from ..errors import CommandError
from ..flags import PRINT
from ..objects.builder import Options, listed
from ..objects.struct_order import in_struct_order
from ..output.table import Columns
from ..watching import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..output.printers import Printer
    from ..session import Session

FLAGS = f"-A,all-namespaces=false chunk-size=500 for='' no-headers=false types=[] -w,watch=false {PRINT}"


def run(session: Session) -> int:
    flags = session.flags
    fields = _target(session)
    for kind in flags.many("types"):
        if kind.lower() not in ("normal", "warning"):
            raise CommandError("valid --types are Normal or Warning")
    printer = None
    if flags.text("output"):
        from ..output.printers import printer_for

        printer = printer_for(session)
    everywhere = flags.on("all-namespaces")
    resource = session.mapper.builtin("v1", "Event")
    namespace = "" if everywhere else session.namespace
    options = Options(field_selector=fields, chunk=flags.number("chunk-size"))
    if flags.on("watch"):
        with interruptible():
            return _watch(session, resource.path(namespace), fields)
    events = [event for event in listed(session, resource, namespace, options) if _wanted(session, event)]
    if not events:
        session.tell("No events found." if everywhere else f"No events found in {session.namespace} namespace.")
        return 0
    events.sort(key=event_time)
    if printer is not None:
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


def _target(session: Session) -> str:
    """The field selector for `--for`. CommandError."""
    given = session.flags.text("for")
    if not given:
        return ""
    kind, slash, name = given.partition("/")
    if "/" in name:
        raise CommandError("arguments in resource/name form may not have more than one slash", prefix="error: ")
    if not slash or not name:
        raise CommandError("--for must be in resource/name form")
    try:
        resource = session.mapper.resource(kind)
    except CommandError as error:
        raise CommandError(error.message, prefix="") from None
    about = (("kind", resource.kind), ("apiVersion", resource.api_version), ("name", name))
    return ",".join(f"involvedObject.{key}={value}" for key, value in about)


def _wanted(session: Session, event: dict[str, Any]) -> bool:
    """Is it of one of the `--types`?"""
    kinds = [kind.lower() for kind in session.flags.many("types")]
    return not kinds or str(event.get("type", "")).lower() in kinds


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
            f"{about.get('kind') or ''}/{about.get('name') or ''}",
            str(event.get("message") or "").strip(),
        ]
        self.columns.add([str(event["metadata"].get("namespace") or ""), *cells] if self._everywhere else cells)


def _watch(session: Session, path: str, fields: str) -> int:
    """What there is, in the server's order, and what comes."""
    rows: _Rows | None = None
    printer: Printer | None = None
    if session.flags.text("output"):
        from ..output.printers import printer_for

        printer = printer_for(session)
    else:
        rows = _Rows(session)

    query = query_of((("fieldSelector", fields), ("limit", 500), ("watch", "true")))
    for change, event in watch(session.client, path + query):
        if change in ("DELETED", "ERROR") or not _wanted(session, event):
            continue
        if rows is not None:
            rows.add(event)
            rows.columns.flush()
        elif printer is not None:
            printer.print(in_struct_order({**event, "kind": "Event", "apiVersion": "v1"}), ordered=True)
        session.out.flush()
    return 0
