"""`kubectl wait`: for a condition, a field's value, creation or deletion; on watches."""

from __future__ import annotations

import time

from ..client import query_of
from ..errors import CommandError, StatusFailure
from ..flags import PRINT
from ..objects import arguments
from ..objects.builder import collect, file_flags
from ..objects.deletion import wait_until_gone
from ..objects.item import Item
from ..output import jsonpath
from ..output.table import plain_text
from ..wire.json_read import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..session import Session

FLAGS = (
    "all=false -A,all-namespaces=false field-selector='' -f,filename=[] for='' local=false -R,recursive=true "
    f"-l,selector='' timeout=30s {PRINT}"
)
WEEK = 7 * 24 * 3600.0
LOCAL_NEEDS_FILES = (
    "you must specify resources by --filename when --local is set.\nExample resource specifications include:\n"
    "   '-f rsrc.yaml'\n   '--filename=rsrc.json'"
)


def run(session: Session) -> int:
    flags = session.flags
    wanted = flags.text("for")
    if not wanted:
        raise CommandError('unrecognized condition: ""')
    timeout = flags.seconds("timeout")
    timeout = WEEK if timeout < 0 else timeout
    deadline = time.monotonic() + timeout
    if flags.on("local") and not any(file_flags(session)):
        raise CommandError(LOCAL_NEEDS_FILES)
    kind = wanted.lower()
    if kind == "create":
        _created(session, deadline)
        return 0
    if kind == "delete":
        return _deleted(session, deadline)
    holds = _condition(wanted)
    found = _items(session)
    for item in found.items:
        try:
            _wait(session, item, holds, deadline, once=not timeout)
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
            continue
        from ..output.printers import printer_for

        printer_for(session, "condition met").print(item.obj)
    found.raise_errors()
    if not found.items:
        raise CommandError("no matching resources found")
    return 0


def _items(session: Session) -> Any:
    flags = session.flags
    return collect(
        session,
        selector=flags.text("selector"),
        field_selector=flags.text("field-selector"),
        all_=flags.on("all"),
        all_namespaces=flags.on("all-namespaces"),
        latest=True,
    )


def _condition(wanted: str) -> Callable[[dict[str, Any]], bool]:
    """What an object must satisfy. CommandError."""
    if wanted.startswith("condition="):
        name, equals, value = wanted.removeprefix("condition=").partition("=")
        value = value if equals else "true"
        return lambda obj: _has_condition(obj, name, value)
    if wanted.startswith("jsonpath="):
        return _path_condition(wanted.removeprefix("jsonpath="))
    raise CommandError(f'unrecognized condition: "{wanted}"')


def _has_condition(obj: dict[str, Any], name: str, value: str) -> bool:
    generation = (obj.get("metadata") or {}).get("generation")
    status = obj.get("status") or {}
    for condition in status.get("conditions") or ():
        if str(condition.get("type", "")).lower() != name.lower():
            continue
        observed = condition.get("observedGeneration", status.get("observedGeneration"))
        if observed is not None and generation is not None and observed < generation:
            return False
        return str(condition.get("status", "")).lower() == value.lower()
    return False


def _path_condition(text: str) -> Callable[[dict[str, Any]], bool]:
    text = text.strip("'\"")
    path, equals, value = _split_path(text)
    if equals and not value:
        raise CommandError(
            "jsonpath wait has to have a value after equal sign, like --for=jsonpath='{.status.readyReplicas}'=3"
        )
    try:
        template = jsonpath.parse(jsonpath.relaxed(path))
    except jsonpath.JsonPathError as error:
        raise CommandError(str(error)) from None

    def holds(obj: dict[str, Any]) -> bool:
        try:
            values = jsonpath.values(template, obj)
        except jsonpath.JsonPathError:
            return False
        if not equals:
            return bool(values) and values[0] is not None
        if len(values) > 1:
            raise CommandError("given jsonpath expression matches more than one value")
        if values and isinstance(values[0], dict | list):
            raise CommandError("jsonpath leads to a nested object or list which is not supported")
        return bool(values) and plain_text(values[0]) == value

    return holds


def _split_path(text: str) -> tuple[str, bool, str]:
    """`{.a.b}=value`, where filters of the path may hold equal signs."""
    if text.startswith("{"):
        end = text.find("}", text.rfind(")") if ")" in text else 0)
        if end < 0:
            return text, False, ""
        path, rest = text[: end + 1], text[end + 1 :]
        return path, rest.startswith("="), rest[1:].strip("'\"")
    path, equals, value = text.partition("=")
    return path, bool(equals), value.strip("'\"")


def _wait(
    session: Session, item: Item, holds: Callable[[dict[str, Any]], bool], deadline: float, *, once: bool
) -> None:
    """Blocks on a watch, unless it is to look but `once`. CommandError when time is up."""
    obj = item.obj
    while True:
        if holds(obj):
            item.obj = obj
            return
        left = deadline - time.monotonic()
        if once:
            raise CommandError(f"condition not met for {item.resource.name}/{item.name}")
        if left <= 0:
            raise CommandError(f"timed out waiting for the condition on {item.resource.name}/{item.name}")
        query = query_of(
            (
                ("fieldSelector", f"metadata.name={item.name}"),
                ("watch", "true"),
                ("resourceVersion", obj["metadata"].get("resourceVersion", "")),
                ("timeoutSeconds", int(left) + 1),
            )
        )
        try:
            response = session.client.stream(item.resource.path(item.namespace) + query)
            for line in response.lines():
                event = loads(line)
                if event["type"] == "ERROR":
                    break
                if event["type"] == "DELETED":
                    pass
                elif event["type"] != "BOOKMARK":
                    obj = event["object"]
                    if holds(obj):
                        break
                if time.monotonic() >= deadline:
                    break
            response.close()
        except OSError:
            pass
        if not holds(obj) and time.monotonic() < deadline:
            try:
                obj = item.get()
            except StatusFailure as error:
                if error.reason != "NotFound":
                    raise
                time.sleep(min(0.5, max(0.0, deadline - time.monotonic())))


def _deleted(session: Session, deadline: float) -> int:
    found = _items(session)
    found.errors = [error for error in found.errors if getattr(error, "reason", "") != "NotFound"]
    from ..output.printers import printer_for

    for item in found.items:
        uid = str((item.obj.get("metadata") or {}).get("uid") or "")
        try:
            wait_until_gone(session, item, uid, max(0.01, deadline - time.monotonic()))
        except CommandError as error:
            found.errors.append(error)
            continue
        printer_for(session, "condition met").print(item.obj)
    found.raise_errors()
    return 0


def _created(session: Session, deadline: float) -> None:
    """Named objects appear; for selectors at least one does."""
    from ..output.printers import printer_for

    files, _ = file_flags(session)
    if files:
        named = collect(session, [])
        named.raise_errors()
        items = named.items
    else:
        parsed = arguments.parse(session, session.args)
        pairs = parsed.pairs or [(resource, name) for resource in parsed.resources for name in parsed.names]
        items = [Item(session.client, resource, session.scope(resource), name) for resource, name in pairs]
        if not items:
            _some_created(session, deadline)
            return
    for item in items:
        while True:
            try:
                item.get()
                break
            except StatusFailure as error:
                if error.reason != "NotFound":
                    raise
            _until_added(session, item, deadline)
        printer_for(session, "condition met").print(item.obj)


def _until_added(session: Session, item: Item, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise CommandError("timed out waiting for the condition")
    query = query_of(
        (("fieldSelector", f"metadata.name={item.name}"), ("watch", "true"), ("timeoutSeconds", int(left) + 1))
    )
    response = session.client.stream(item.resource.path(item.namespace) + query)
    for line in response.lines():
        if loads(line)["type"] in ("ADDED", "MODIFIED"):
            break
    response.close()


def _some_created(session: Session, deadline: float) -> None:
    from ..output.printers import printer_for

    while True:
        found = _items(session)
        found.raise_errors()
        if found.items:
            break
        if time.monotonic() >= deadline:
            raise CommandError("timed out waiting for the condition")
        time.sleep(0.2)
    for item in found.items:
        printer_for(session, "condition met").print(item.obj)
