"""`kubectl get`: tables made by the server, or objects in a format of one's choice; once or as they change."""

from __future__ import annotations

from ..client import JSON, TABLE, query_of
from ..errors import CommandError, StatusFailure, UsageError, nested, quoted
from ..flags import FILES, PRINT
from ..objects import arguments
from ..objects.builder import Collected, Options, collect, explained, file_flags
from ..objects.files import is_one_file
from ..objects.item import Item
from ..output.table import Columns, Shape
from ..session import write_bytes

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
    "kyaml",
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
    output = flags.text("output")
    if flags.on("show-labels") and output not in ("", "wide"):
        raise CommandError(f"--show-labels option cannot be used with {output} printer")
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
    if watching:
        from .get_watch import watch

        return watch(session)
    return show(session)


def show(session: Session) -> int:
    """What is there now, as tables or in another format."""
    output = session.flags.text("output")
    if output == "wide" or not (output or session.flags.text("template")):
        return _tables(session)
    return _objects(session)


def _raw(session: Session) -> int:
    if session.args:
        raise CommandError("arguments may not be passed when --raw is specified")
    flags = session.flags
    path = flags.text("raw")
    if flags.on("watch") or flags.on("watch-only") or flags.text("selector"):
        raise CommandError(
            "--raw may not be specified with other flags that filter the server request or alter the output"
        )
    if flags.text("output"):
        raise CommandError("--raw and --output are mutually exclusive")
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    elif not path.startswith("/"):
        raise CommandError(f"--raw must be a valid URL path: parse {quoted(path)}: invalid URI for request")
    response = session.client.stream(path, "application/json, */*")
    for data in response.chunks():
        write_bytes(session.out, data)
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
    _errors_of_files(session, found, human=True)
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
    found.raise_errors(bare=file_flags(session) != ([], ""))
    return 0


def _left_out(session: Session, found: Collected) -> None:
    """With --ignore-not-found what is absent is no error."""
    if session.flags.on("ignore-not-found"):
        found.errors = [
            error for error in found.errors if not (isinstance(error, StatusFailure) and error.reason == "NotFound")
        ]


def _errors_of_files(session: Session, found: Collected, *, human: bool) -> None:
    """What is wrong with the objects of one List of a file is one error in tables; in other formats nothing is shown
    of one file that has something wrong.
    """
    names, kustomize = file_flags(session)
    if not found.errors or not (names or kustomize):
        return
    if not human:
        if kustomize or is_one_file(names, recursive=session.flags.on("recursive")):
            found.raise_errors()
        return
    for errors in found.of_lists.values():
        whole = CommandError(nested(errors), prefix="")
        found.errors = [whole if error is errors[0] else error for error in found.errors if error not in errors[1:]]


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
    files, kustomize = file_flags(session)
    if files or kustomize:
        return _parts_of_files(session, found, options, include)
    pairs = _pairs(session, options)
    if pairs is None and options.subresource:
        raise CommandError("subresource cannot be used when bulk resources are specified")
    if pairs is not None:
        parts = []
        items = [Item(session.client, resource, namespace, name) for resource, namespace, name in pairs]
        answers = session.client.each(lambda item: _part(session, item, options, include), items)
        for item, result in zip(items, answers, strict=True):
            if isinstance(result, Part):
                parts.append(result)
            elif isinstance(result, StatusFailure) or (isinstance(result, CommandError) and not item.name):
                found.errors.append(result)
            elif isinstance(result, Exception):
                raise result
        return parts
    resources = arguments.parse(session, session.args).resources
    results = session.client.each(lambda resource: listed_table(session, resource, options, include), resources)
    parts = []
    for resource, answer in zip(resources, results, strict=True):
        if isinstance(answer, StatusFailure):
            found.errors.append(explained(answer, resource, options.selector, options.field_selector))
        elif isinstance(answer, Exception):
            raise _bare(answer)
        else:
            table, failure = answer
            parts.append(Part(resource, table))
            if failure is not None:
                found.errors.append(failure)
    return parts


def _bare(error: Exception) -> Exception:
    """What is wrong with an answer stands alone where tables are shown."""
    if isinstance(error, CommandError) and error.prefix == "error: ":
        error.prefix = ""
    return error


def _part(session: Session, item: Item, options: Options, include: str) -> Part:
    query = query_of((("at", options.at), ("includeObject", include)))
    try:
        answer = session.client.object("GET", item.path(options.subresource) + query, accept=accept_of(session))
    except StatusFailure as failure:
        raise item.absent(failure) from None
    return Part(item.resource, as_table(item.resource, answer))


def _parts_of_files(session: Session, found: Collected, options: Options, include: str) -> list[Part]:
    parts: dict[Item, Part] = {}

    def fetch(item: Item) -> None:
        parts[item] = _part(session, item, options, include)

    named = collect(session, selector=options.selector, latest=True, fetch=fetch)
    found.errors += named.errors
    found.of_lists = named.of_lists
    return [parts[item] for item in named.items]


def _pairs(session: Session, options: Options) -> list[tuple[Resource, str, str]] | None:
    """The single objects that arguments name; None when whole types are asked for."""
    named_ = arguments.parse(session, session.args)
    if not named_.pairs and not named_.names:
        return None
    if options.selector or options.field_selector:
        if named_.pairs:
            raise CommandError("selectors and the all flag cannot be used when passing resource/name arguments")
        raise CommandError("name cannot be provided when a selector is specified")
    pairs = named_.pairs or [(resource, name) for resource in named_.resources for name in named_.names]
    if options.all_namespaces and any(resource.namespaced for resource, _ in pairs):
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    return [(resource, session.scope(resource), name) for resource, name in pairs]


def listed_table(
    session: Session, resource: Resource, options: Options, include: str
) -> tuple[dict[str, Any], Exception | None]:
    """All pages of a collection as one table, as far as the server has them; and why not all are there."""
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
        try:
            page = as_table(resource, session.client.object("GET", path, accept=accept_of(session)))
        except (StatusFailure, CommandError) as error:
            if not whole:
                raise
            return whole, _bare(error)
        if not whole:
            whole = page
            whole["rows"] = whole.get("rows") or []
        else:
            whole["rows"] += page.get("rows") or []
        token = (page.get("metadata") or {}).get("continue") or ""
        if not token:
            return whole, None


def as_table(resource: Resource, answer: dict[str, Any]) -> dict[str, Any]:
    """A table as it came, or one of names and ages made here."""
    if answer.get("kind") == "Table":
        return answer
    if answer.get("kind") == "Status":
        cells = [answer.get(name) or "" for name in ("status", "reason", "message")]
        titles = [{"name": name, "type": "string"} for name in ("Status", "Reason", "Message")]
        return {"kind": "Table", "columnDefinitions": titles, "rows": [{"cells": cells, "object": {}}]}
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
    columns = [{"name": "Name", "type": "string", "format": "name"}, {"name": "Age", "type": "string"}]
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
    _errors_of_files(session, found, human=False)
    if found.single:
        found.raise_errors()
    if not found.items and flags.on("ignore-not-found"):
        found.raise_errors()
        return 0
    printer = object_printer(session)
    if flags.text("sort-by") and not found.single:
        from ..output.sorting import by_field

        found.items = by_field(found.items, flags.text("sort-by"), lambda item: item.obj)
    objects = [item.obj for item in found.items]
    if found.single:
        for obj in objects:
            printer([obj], True)
    else:
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
        spec = spec or session.flags.text("template")
        if not spec:
            raise CommandError("custom-columns format specified but no custom columns given")
        columns = (
            # The stock client knows no --no-headers here.
            CustomColumns.from_file(spec) if name.endswith("file") else CustomColumns(spec, headers=headers)
        )
        return lambda objects, single: columns.write(objects, session.out.write)
    if name and (name not in ALLOWED or ("=" in output and name in ("json", "kyaml", "name", "wide", "yaml"))):
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
