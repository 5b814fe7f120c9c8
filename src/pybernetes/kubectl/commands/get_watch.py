"""`kubectl get --watch`: what there is, then each change as the server tells it."""

from __future__ import annotations

from ..client import JSON, query_of
from ..ending import interruptible
from ..errors import CommandError, StatusFailure
from ..objects import arguments
from ..objects.builder import collect, explained, file_flags
from ..output.go_json import compact
from ..output.table import Columns
from ..watching import watch as events_of
from ..wire.json_read import loads
from .get import accept_of, as_table, object_printer, options_of, shape_of
from .get import show as show_now

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..discovery import Resource
    from ..session import Session

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
            first = _all_pages(session, resource.path(namespace), selecting, options.chunk, accept)
    except StatusFailure as error:
        if name:
            raise
        raise explained(error, resource, options.selector, options.field_selector) from None
    # One object is watched from about now, and what the server tells of it first is what was just shown.
    version = "0" if name else str((first.get("metadata") or {}).get("resourceVersion") or "")
    if not flags.on("watch-only"):
        if human:
            show("ADDED", as_table(resource, first))
        else:
            for obj in first["items"] if "items" in first and not name else [first]:
                obj.setdefault("kind", resource.kind)
                obj.setdefault("apiVersion", resource.api_version)
                try:
                    show("ADDED", obj)
                except CommandError as error:
                    raise CommandError(f"unable to output the provided object: {error.message}") from None
    session.out.flush()
    query = query_of((*selecting, ("watch", "true"), ("resourceVersion", version)))
    known = bool(name)
    with interruptible():
        for event, obj in events_of(session.client, resource.path(namespace) + query, accept):
            if known:
                known = False
                continue
            show(event, as_table(resource, obj) if human else obj)
            session.out.flush()
    return 0


def _all_pages(
    session: Session, path: str, selecting: tuple[tuple[str, str], ...], chunk: int, accept: str
) -> dict[str, Any]:
    """The whole of a collection, from which its watch goes on."""
    limit = chunk if chunk > 0 and not session.flags.on("watch-only") else ""
    whole: dict[str, Any] = session.client.object("GET", path + query_of((*selecting, ("limit", limit))), accept=accept)
    token = (whole.get("metadata") or {}).get("continue")
    while token:
        query = query_of((*selecting, ("limit", limit), ("continue", token)))
        page = session.client.object("GET", path + query, accept=accept)
        for field in ("items", "rows"):
            if page.get(field):
                whole[field] = [*(whole.get(field) or ()), *page[field]]
        token = (page.get("metadata") or {}).get("continue")
    return whole


def _what(session: Session) -> tuple[Resource, str, str]:
    files, kustomize = file_flags(session)
    if files or kustomize:
        found = collect(session)
        found.raise_errors()
        if len(found.items) != 1:
            raise _too_many(session, {item.resource.full_name for item in found.items})
        item = found.items[0]
        return item.resource, item.namespace, item.name
    named = arguments.parse(session, session.args)
    pairs = named.pairs or [(resource, name) for resource in named.resources for name in named.names]
    if len(named.resources) > 1 or len({resource.full_name for resource, _ in pairs}) > 1:
        raise CommandError("you may only specify a single resource type")
    if len(pairs) > 1:
        collect(session).raise_errors()
        raise _too_many(session, {resource.full_name for resource, _ in pairs})
    resource, name = pairs[0] if pairs else (named.resources[0], "")
    if pairs and not name:
        raise CommandError("resource name may not be empty")
    everywhere = session.flags.on("all-namespaces")
    if everywhere and name:
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    return resource, "" if everywhere else session.scope(resource), name


def _too_many(session: Session, kinds: set[str]) -> CommandError:
    """Several objects of one type are shown before their watch is refused."""
    if len(kinds) != 1:
        return CommandError(_ONE_ONLY)
    if not session.flags.on("watch-only"):
        show_now(session)
    return CommandError("you may only watch a single resource or type of resource at a time")


def _table_shower(session: Session, resource: Resource) -> Callable[[str, dict[str, Any]], None]:
    flags = session.flags
    columns = Columns(session.out.write)
    shape = shape_of(session, resource, flags.on("show-kind"))
    with_events = flags.on("output-watch-events")
    known: list[dict[str, Any]] = []
    headers = not flags.on("no-headers")

    def show(event: str, table: dict[str, Any]) -> None:
        nonlocal known, headers
        columns_now = table.get("columnDefinitions") or known
        rows = table.get("rows") or ()
        if rows and known and columns_now != known and not flags.on("no-headers"):
            session.out.write("\n")
            headers = True
        known = columns_now
        if headers and rows:
            columns.add((["EVENT   "] if with_events else []) + shape.header(known))
            headers = False
        for row in rows:
            columns.add(([f"{event:<8}"] if with_events else []) + shape.row(known, row))
        columns.flush()

    return show


def _object_shower(session: Session) -> Callable[[str, dict[str, Any]], None]:
    write = object_printer(session)
    with_events = session.flags.on("output-watch-events")

    def show(event: str, obj: dict[str, Any]) -> None:
        if with_events and session.flags.text("output") == "json":
            session.print(f'{{"type":"{event}","object":{compact(obj)}}}')
            return
        if with_events and session.flags.text("output") == "kyaml":
            from ..output.kyaml import dump

            session.out.write(dump({"type": event, "object": loads(compact(obj))}, ordered=True))
            return
        if with_events and session.flags.text("output") != "name":
            obj = {"type": event, "object": obj}
        write([obj], True)

    return show
