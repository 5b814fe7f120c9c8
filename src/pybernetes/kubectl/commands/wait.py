"""`kubectl wait`: for conditions, a field's value, creation or deletion, one after the other; on watches."""

from __future__ import annotations

import time

from ..ending import interruptible
from ..errors import CommandError, StatusFailure, quoted
from ..flags import PRINT
from ..following import follow
from ..objects import arguments
from ..objects.builder import LOCAL_NEEDS_FILES, collect, file_flags
from ..objects.deletion import wait_until_gone
from ..objects.item import Item
from ..objects.mutation import operation_printer
from ..output import jsonpath
from ..output.table import plain_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..output.printers import Printer
    from ..session import Session

FLAGS = (
    "all=false -A,all-namespaces=false field-selector='' -f,filename=[] for=[+] local=false -R,recursive=true "
    f"-l,selector='' timeout=30s {PRINT}"
)
WEEK = 7 * 24 * 3600.0


def run(session: Session) -> int:
    flags = session.flags
    wanted = sorted(flags.many("for") or [""], key=lambda word: word.lower() != "create")
    conditions = [word if word.lower() in ("create", "delete") else _condition(word) for word in wanted]
    timeout = flags.seconds("timeout")
    timeout = WEEK if timeout < 0 else timeout
    deadline = time.monotonic() + timeout
    if flags.on("local") and not any(file_flags(session)):
        raise CommandError(LOCAL_NEEDS_FILES)
    printer = operation_printer(session, "condition met")
    for condition in conditions:
        if not isinstance(condition, str):
            _met(session, condition, deadline, printer, once=not timeout)
        elif condition.lower() == "create":
            _created(session, deadline, printer)
        else:
            _deleted(session, deadline, printer)
    return 0


def _met(
    session: Session, holds: Callable[[dict[str, Any]], bool], deadline: float, printer: Printer, *, once: bool
) -> None:
    """All objects satisfy."""
    found = _items(session)
    for item in found.each():
        try:
            with interruptible():
                _wait(session, item, holds, deadline, once=once)
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
            continue
        _tell(printer, item)
    found.raise_errors()
    if not found.items:
        raise CommandError("no matching resources found")


def _tell(printer: Printer, item: Item) -> None:
    """That an object is as wanted. What cannot be printed was waited for all the same."""
    try:
        printer.print(item.obj)
    except CommandError:
        pass


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
    if holds(item.obj):
        return
    if once:
        raise CommandError(f"condition not met for {item.resource.name}/{item.name}")
    for event, obj in follow(session.client, item.resource, item.namespace, item.name, deadline):
        if event == "DELETED":
            raise absent(item)
        if event != "ABSENT" and holds(obj):
            item.obj = obj
            return
    raise CommandError(f"timed out waiting for the condition on {item.resource.name}/{item.name}")


def absent(item: Item) -> StatusFailure:
    """What the server would say if it were asked for it."""
    message = f"{item.resource.full_name} {quoted(item.name)} not found"
    return StatusFailure(404, {"kind": "Status", "reason": "NotFound", "code": 404, "message": message})


def _deleted(session: Session, deadline: float, printer: Printer) -> None:
    found = _items(session)
    found.errors = [error for error in found.errors if getattr(error, "reason", "") != "NotFound"]
    for item in found.items:
        uid = str((item.obj.get("metadata") or {}).get("uid") or "")
        try:
            wait_until_gone(session, item, uid, max(0.01, deadline - time.monotonic()))
        except CommandError as error:
            found.errors.append(error)
            continue
        _tell(printer, item)
    found.raise_errors()


def _created(session: Session, deadline: float, printer: Printer) -> None:
    """Named objects appear; for selectors at least one does."""
    files, _ = file_flags(session)
    if files:
        named = collect(session, [])
        if named.errors:
            if "-" not in files:
                collect(session, [], latest=True).raise_errors()
            named.raise_errors()
        items = named.items
    else:
        parsed = arguments.parse(session, session.args)
        pairs = parsed.pairs or [(resource, name) for resource in parsed.resources for name in parsed.names]
        items = [Item(session.client, resource, session.scope(resource), name) for resource, name in pairs]
        if not items:
            _some_created(session, deadline, printer)
            return
        _check_named(session, slashed=bool(parsed.pairs))
    for item in items:
        _until_created(session, item, deadline)
        _tell(printer, item)


def _check_named(session: Session, *, slashed: bool) -> None:
    """What goes with names. CommandError."""
    flags = session.flags
    if flags.on("all-namespaces"):
        raise CommandError("a resource cannot be retrieved by name across all namespaces")
    if flags.text("selector") or flags.text("field-selector"):
        if slashed:
            raise CommandError("selectors and the all flag cannot be used when passing resource/name arguments")
        raise CommandError("name cannot be provided when a selector is specified")


class _Untold(Exception):
    """One may not list or watch."""


def _until_created(session: Session, item: Item, deadline: float) -> None:
    """Waits to be told of it; one whom the server tells nothing asks twice a second."""

    def refused(failure: StatusFailure) -> None:
        raise _Untold

    if _is_there(item):
        return
    try:
        for event, obj in follow(session.client, item.resource, item.namespace, item.name, deadline, refused=refused):
            if event == "ADDED":
                item.obj = obj
                return
    except _Untold:
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
            if _is_there(item):
                return
    raise CommandError("timed out waiting for the condition")


def _is_there(item: Item) -> bool:
    try:
        item.get()
    except StatusFailure as error:
        if error.reason != "NotFound":
            raise
        return False
    return True


def _some_created(session: Session, deadline: float, printer: Printer) -> None:
    while True:
        found = _items(session)
        found.raise_errors()
        if found.items:
            break
        if time.monotonic() >= deadline:
            raise CommandError("timed out waiting for the condition")
        time.sleep(0.2)
    for item in found.items:
        _tell(printer, item)
