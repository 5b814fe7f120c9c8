"""`kubectl get`: tables made by the server, or objects in a format of one's choice; once or as they change."""

from __future__ import annotations

from ..client import JSON, TABLE, query_of
from ..errors import CommandError, StatusFailure, UsageError, quoted
from ..flags import FILES, PRINT
from ..objects import arguments
from ..objects.builder import Collected, Options, collect, explained, file_flags
from ..output.table import Columns, Shape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..discovery import Resource
    from ..session import Session

FLAGS = (
    "-A,all-namespaces=false at='' chunk-size=500 field-selector='' ignore-not-found=false -L,label-columns=[] "
    "no-headers=false output-watch-events=false raw='' -l,selector='' server-print=true show-kind=false "
    f"show-labels=false sort-by='' subresource='' -w,watch=false watch-only=false {FILES}{PRINT}"
)
ALLOWED = (
    "custom-columns",
    "custom-columns-file",
    "go-template",
    "go-template-file",
    "json",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
    "name",
    "template",
    "templatefile",
    "wide",
    "yaml",
)


def run(session: Session) -> int:
    flags = session.flags
    if flags.text("raw"):
        return _raw(session)
    files, kustomize = file_flags(session)
    if not session.args and not files and not kustomize:
        session.tell(
            'You must specify the type of resource to get. Use "kubectl api-resources" for a complete list of '
            "supported resources.\n"
        )
        raise UsageError(
            'Required resource not specified.\nUse "kubectl explain <resource>" for a detailed description of that '
            "resource (e.g. kubectl explain pods).",
            "get",
        )
    watching = flags.on("watch") or flags.on("watch-only")
    if flags.on("output-watch-events") and not watching:
        raise CommandError("--output-watch-events option can only be used with --watch or --watch-only")
    if watching and flags.text("sort-by"):
        session.tell("warning: --watch requested, --sort-by will be ignored for watch events received")
    if watching and flags.text("at"):
        raise CommandError("--at shows the past, which does not change; it cannot be used with --watch")
    output = flags.text("output")
    if watching:
        from .get_watch import watch

        return watch(session)
    if output == "wide" or not (output or flags.text("template")):
        return _tables(session)
    return _objects(session)


def _raw(session: Session) -> int:
    if session.args:
        raise CommandError("arguments may not be passed when --raw is specified")
    path = session.flags.text("raw")
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    elif not path.startswith("/"):
        raise CommandError(f"--raw must be a valid URL path: parse {quoted(path)}: invalid URI for request")
    response = session.client.stream(path, "application/json, */*")
    session.out.flush()
    for data in response.chunks():
        session.out.write(data.decode("utf-8", "replace"))
        session.out.flush()
    return 0


def options_of(session: Session) -> Options:
    """The selecting flags."""
    flags = session.flags
    return Options(
        selector=flags.text("selector"),
        field_selector=flags.text("field-selector"),
        all_namespaces=flags.on("all-namespaces"),
        select_all=True,
        latest=True,
        subresource=flags.text("subresource"),
        at=flags.text("at"),
        chunk=0 if flags.text("sort-by") else flags.number("chunk-size"),
    )


# Tables


class Part:
    """One answer of the server: a table, or an object of a server that makes none."""

    __slots__ = ("resource", "table")

    def __init__(self, resource: Resource, table: dict[str, Any]) -> None:
        self.resource = resource
        self.table = table


def _tables(session: Session) -> int:
    flags = session.flags
    found = Collected()
    parts = _parts(session, found)
    _left_out(session, found)
    _all_or_nothing(session, found, human=True)
    show_kind = flags.on("show-kind") or len({part.resource.full_name for part in parts}) > 1
    columns = Columns(session.out.write)
    written, last, headers = False, "", None
    namespaced = not flags.on("all-namespaces")
    for part in parts:
        resource = part.resource
        namespaced = namespaced and resource.namespaced
        rows = part.table.get("rows") or []
        if not rows:
            continue
        shape = shape_of(session, resource, show_kind)
        definitions = part.table.get("columnDefinitions") or []
        header = shape.header(definitions)
        if resource.full_name != last or (headers is not None and len(headers) != len(header)):
            columns.flush()
            columns.forget()
            if written and not flags.on("no-headers"):
                session.out.write("\n")
            last, headers = resource.full_name, header
            if not flags.on("no-headers"):
                columns.add(header)
        written = True
        for row in _sorted(session, rows):
            columns.add(shape.row(definitions, row))
    columns.flush()
    if not written and not flags.on("ignore-not-found") and not found.errors:
        where = f" in {session.namespace} namespace." if namespaced else ""
        session.tell(f"No resources found{where}")
    found.raise_errors()
    return 0


def _left_out(session: Session, found: Collected) -> None:
    """With --ignore-not-found what is absent is no error."""
    if session.flags.on("ignore-not-found"):
        found.errors = [
            error for error in found.errors if not (isinstance(error, StatusFailure) and error.reason == "NotFound")
        ]


def _all_or_nothing(session: Session, found: Collected, *, human: bool) -> None:
    """Objects of files are shown when all of them are there."""
    files, kustomize = file_flags(session)
    if not found.errors or not (files or kustomize):
        return
    if len(found.errors) == 1:
        found.raise_errors(bare=human)
    messages = [str(getattr(error, "message", error)) for error in found.errors]
    raise CommandError(f"[{', '.join(messages)}]", prefix="")


def shape_of(session: Session, resource: Resource, show_kind: bool) -> Shape:
    flags = session.flags
    return Shape(
        wide=flags.text("output") == "wide",
        namespace=flags.on("all-namespaces") and resource.namespaced,
        kind=resource.kind_name if show_kind else "",
        label_columns=flags.many("label-columns"),
        show_labels=flags.on("show-labels"),
    )


def accept_of(session: Session) -> str:
    return TABLE if session.flags.on("server-print") else JSON


def _parts(session: Session, found: Collected) -> list[Part]:
    """What the server answers for each type and each name."""
    options = options_of(session)
    include = "Object" if session.flags.text("sort-by") else ""
    pairs = _pairs(session, options, found)
    if pairs is None and options.subresource:
        raise CommandError("subresource cannot be used when bulk resources are specified")
    if pairs is not None:
        accept = accept_of(session)

        def one(pair: tuple[Resource, str, str]) -> Part:
            resource, namespace, name = pair
            query = query_of((("at", options.at), ("includeObject", include)))
            path = resource.path(namespace, name, options.subresource) + query
            return Part(resource, as_table(resource, session.client.get(path, accept)))

        parts = []
        for result in session.client.each(one, pairs):
            if isinstance(result, Part):
                parts.append(result)
            elif isinstance(result, StatusFailure):
                found.errors.append(result)
            elif isinstance(result, Exception):
                raise result
        return parts
    resources = arguments.parse(session, session.args).resources
    results = session.client.each(lambda resource: _listed(session, resource, options, include), resources)
    parts = []
    for resource, answer in zip(resources, results, strict=True):
        if isinstance(answer, StatusFailure):
            found.errors.append(explained(answer, resource, options.selector, options.field_selector))
        elif isinstance(answer, Exception):
            raise answer
        else:
            parts.append(Part(resource, answer))
    return parts


def _pairs(session: Session, options: Options, found: Collected) -> list[tuple[Resource, str, str]] | None:
    """The single objects asked for; None when whole types are."""
    files, kustomize = file_flags(session)
    if files or kustomize:
        named = collect(session, selector=options.selector)
        found.errors += named.errors
        return [(item.resource, item.namespace, item.name) for item in named.items]
    named_ = arguments.parse(session, session.args)
    if not named_.pairs and not named_.names:
        return None
    if options.selector or options.field_selector:
        raise CommandError("name cannot be provided when a selector is specified")
    if options.all_namespaces:
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    pairs = named_.pairs or [(resource, name) for resource in named_.resources for name in named_.names]
    return [(resource, session.scope(resource), name) for resource, name in pairs]


def _listed(session: Session, resource: Resource, options: Options, include: str) -> dict[str, Any]:
    """All pages of a collection as one table."""
    namespace = "" if options.all_namespaces else session.scope(resource)
    whole: dict[str, Any] = {}
    token = ""
    while True:
        query = query_of(
            (
                ("labelSelector", options.selector),
                ("fieldSelector", options.field_selector),
                ("limit", options.chunk if options.chunk > 0 else ""),
                ("continue", token),
                ("includeObject", include),
                ("at", options.at),
            )
        )
        path = resource.path(namespace, "", options.subresource) + query
        page = as_table(resource, session.client.get(path, accept_of(session)))
        if not whole:
            whole = page
            whole["rows"] = whole.get("rows") or []
        else:
            whole["rows"] += page.get("rows") or []
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return whole


def as_table(resource: Resource, answer: dict[str, Any]) -> dict[str, Any]:
    """A table as it came, or one of names and ages made here."""
    if answer.get("kind") == "Table":
        return answer
    from ..output.age import age_of

    objects = answer.get("items") if "items" in answer else [answer]
    rows = [
        {
            "cells": [
                (obj.get("metadata") or {}).get("name", ""),
                age_of((obj.get("metadata") or {}).get("creationTimestamp")),
            ],
            "object": obj,
        }
        for obj in objects or ()
    ]
    columns = [{"name": "Name", "type": "string"}, {"name": "Age", "type": "string"}]
    return {"kind": "Table", "columnDefinitions": columns, "rows": rows, "metadata": answer.get("metadata") or {}}


def _sorted(session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    field = session.flags.text("sort-by")
    if not field:
        return rows
    from ..output.sorting import by_field

    return by_field(rows, field, lambda row: row.get("object") or {})


# Objects in other formats


def _objects(session: Session) -> int:
    flags = session.flags
    options = options_of(session)
    found = collect(
        session,
        selector=options.selector,
        field_selector=options.field_selector,
        all_namespaces=options.all_namespaces,
        select_all=True,
        latest=True,
        subresource=options.subresource,
        at=options.at,
        chunk=options.chunk,
    )
    _left_out(session, found)
    _all_or_nothing(session, found, human=False)
    if found.single:
        found.raise_errors()
    printer = object_printer(session)
    if flags.text("sort-by") and not found.single:
        from ..output.sorting import by_field

        found.items = by_field(found.items, flags.text("sort-by"), lambda item: item.obj)
    objects = [item.obj for item in found.items]
    if found.single:
        for obj in objects:
            printer([obj], True)
    elif objects or not found.errors:
        printer(objects, False)
    found.raise_errors()
    return 0


def object_printer(session: Session) -> Any:
    """A function of the objects and whether they stand for themselves."""
    output = session.flags.text("output")
    name, _, spec = output.partition("=")
    if name in ("custom-columns", "custom-columns-file"):
        from ..output.custom_columns import CustomColumns

        headers = not session.flags.on("no-headers")
        if not spec:
            raise CommandError("custom-columns format specified but no custom columns given")
        columns = (
            CustomColumns.from_file(spec, headers=headers)
            if name.endswith("file")
            else CustomColumns(spec, headers=headers)
        )
        return lambda objects, single: columns.write(objects, session.out.write)
    if name and name not in ALLOWED:
        from ..output.printers import unmatched

        raise unmatched(output, ALLOWED)
    from ..output.printers import printer_for

    printer = printer_for(session)

    def write(objects: list[dict[str, Any]], single: bool) -> None:
        if single:
            printer.print(objects[0])
        elif name == "name":
            for obj in objects:
                printer.print(obj)
        else:
            printer.print({"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {"resourceVersion": ""}})

    return write


def rows_of(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from table.get("rows") or ()
