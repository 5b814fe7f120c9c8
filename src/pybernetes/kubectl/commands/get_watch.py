"""`kubectl get --watch`: what there is, then each change as the server tells it."""

from __future__ import annotations

from ..client import JSON, query_of
from ..errors import CommandError, StatusFailure
from ..objects import arguments
from ..objects.builder import collect, explained, file_flags
from ..output.go_json import compact
from ..output.table import Columns
from ..wire.json_read import loads
from .get import accept_of, as_table, object_printer, options_of, shape_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..discovery import Resource
    from ..session import Session
    from ..transport.connection import Response

_ONE_ONLY = "watch is only supported on individual resources and resource collections - more than 1 resource was found"


def watch(session: Session) -> int:
    """Until the server ends the watch or the user does."""
    flags = session.flags
    resource, namespace, name = _what(session)
    options = options_of(session)
    human = flags.text("output") == "wide" or not (flags.text("output") or flags.text("template"))
    accept = accept_of(session) if human else JSON
    show = _table_shower(session, resource) if human else _object_shower(session)
    fields = f"metadata.name={name}" if name else options.field_selector
    selecting = (("labelSelector", options.selector), ("fieldSelector", fields))
    first: dict[str, Any]
    try:
        if name:
            first = session.client.get(resource.path(namespace, name, options.subresource), accept)
        else:
            limit = () if flags.on("watch-only") else (("limit", 500),)
            first = session.client.get(resource.path(namespace) + query_of((*selecting, *limit)), accept)
    except StatusFailure as error:
        if name:
            raise
        raise explained(error, resource, options.selector, options.field_selector) from None
    version = str((first.get("metadata") or {}).get("resourceVersion") or "")
    if human and not version and (rows := first.get("rows")):
        version = str(((rows[0].get("object") or {}).get("metadata") or {}).get("resourceVersion") or "")
    if not flags.on("watch-only"):
        if human:
            show("ADDED", as_table(resource, first))
        else:
            for obj in first["items"] if "items" in first and not name else [first]:
                obj.setdefault("kind", resource.kind)
                obj.setdefault("apiVersion", resource.api_version)
                show("ADDED", obj)
    session.out.flush()
    query = query_of((*selecting, ("watch", "true"), ("resourceVersion", version)))
    response = session.client.stream(resource.path(namespace) + query, accept)
    try:
        _follow(session, resource, response, show, human=human)
    except TimeoutError:
        # The time given by --request-timeout is over.
        response.close()
    return 0


def _follow(
    session: Session,
    resource: Resource,
    response: Response,
    show: Callable[[str, dict[str, Any]], None],
    *,
    human: bool,
) -> None:
    """Each event as it comes. StatusFailure when the server says that something is wrong."""
    for line in response.lines():
        event = loads(line)
        if event["type"] == "ERROR":
            raise StatusFailure(int(event["object"].get("code") or 500), event["object"])
        if event["type"] != "BOOKMARK":
            show(event["type"], as_table(resource, event["object"]) if human else event["object"])
            session.out.flush()


def _what(session: Session) -> tuple[Resource, str, str]:
    files, kustomize = file_flags(session)
    if files or kustomize:
        found = collect(session)
        found.raise_errors()
        if len(found.items) != 1:
            raise CommandError(_ONE_ONLY)
        item = found.items[0]
        return item.resource, item.namespace, item.name
    named = arguments.parse(session, session.args)
    pairs = named.pairs or [(resource, name) for resource in named.resources for name in named.names]
    if len(named.resources) > 1:
        raise CommandError("you may only specify a single resource type")
    if len(pairs) > 1:
        collect(session).raise_errors()
        raise CommandError(_ONE_ONLY)
    resource, name = pairs[0] if pairs else (named.resources[0], "")
    everywhere = session.flags.on("all-namespaces")
    if everywhere and name:
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    return resource, "" if everywhere else session.scope(resource), name


def _table_shower(session: Session, resource: Resource) -> Callable[[str, dict[str, Any]], None]:
    flags = session.flags
    columns = Columns(session.out.write)
    shape = shape_of(session, resource, flags.on("show-kind"))
    with_events = flags.on("output-watch-events")
    known: list[dict[str, Any]] = []
    headers = not flags.on("no-headers")

    def show(event: str, table: dict[str, Any]) -> None:
        nonlocal known, headers
        known = table.get("columnDefinitions") or known
        rows = table.get("rows") or ()
        if headers and rows:
            columns.add((["EVENT"] if with_events else []) + shape.header(known))
            headers = False
        for row in rows:
            columns.add(([event] if with_events else []) + shape.row(known, row))
        columns.flush()

    return show


def _object_shower(session: Session) -> Callable[[str, dict[str, Any]], None]:
    write = object_printer(session)
    with_events = session.flags.on("output-watch-events")

    def show(event: str, obj: dict[str, Any]) -> None:
        if with_events and session.flags.text("output") == "json":
            session.print(f'{{"type":"{event}","object":{compact(obj)}}}')
            return
        if with_events:
            obj = {"type": event, "object": obj}
        write([obj], True)

    return show
