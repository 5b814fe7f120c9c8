"""What the `set` commands share: collect, change each pod spec, send what changed as a strategic patch, print."""

from __future__ import annotations

from copy import deepcopy

from ..errors import CommandError, StatusFailure
from ..flags import DRY_RUN, FILES, PRINT
from .builder import LOCAL_NEEDS_FILES, NOTHING, collect, file_flags
from .mutation import dry_run_of, operation_printer, parameters
from .pod_specs import spec_of, with_times
from .recording import recorded
from .struct_order import in_struct_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..session import Session
    from .builder import Collected
    from .item import Item

SET = f"all=false field-manager='kubectl-set' local=false -l,selector='' {DRY_RUN}{FILES}{PRINT}"


def selected(session: Session, names: list[str]) -> Collected:
    """The objects to change. CommandError when none is named, or when names are given that nobody is asked about."""
    flags = session.flags
    files, kustomize = file_flags(session)
    if flags.on("local") and names:
        if session.command not in ("set env", "set serviceaccount"):
            raise CommandError(LOCAL_NEEDS_FILES)
        names = []
    if not names and not files and not kustomize:
        raise CommandError(NOTHING)
    found = collect(
        session,
        names,
        selector=flags.text("selector") if "selector" in flags.table else "",
        all_=flags.on("all"),
        latest=not flags.on("local"),
        local=flags.on("local"),
    )
    if session.command != "set selector":
        found.raise_errors()
    return found


def prepared(session: Session, operation: str) -> None:
    """What is wrong with `--dry-run` and `--output` is told before all else. CommandError."""
    operation_printer(session, operation, dry_run_of(session))


def check_flags(session: Session) -> None:
    """Flags that exclude each other, looked at after the objects were found. CommandError."""
    flags = session.flags
    if flags.on("local") and dry_run_of(session) == "server":
        raise CommandError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")
    if flags.on("all") and flags.text("selector"):
        raise CommandError("cannot set --all and --selector at the same time")


def change_each(
    session: Session,
    found: Collected,
    change: Callable[[dict[str, Any]], None],
    operation: str,
    *,
    what: str = "",
    always: bool = False,
) -> None:
    """`change(obj)` alters a copy; what it altered is sent, `always` even if that is nothing.

    It may raise CommandError for one object.
    """
    from ..apply.strategic import two_way

    dry_run = dry_run_of(session)
    missing = 0
    printer = operation_printer(session, operation, dry_run)
    for item in found.each():
        before = item.obj
        after = deepcopy(before)
        try:
            change(after)
            after = recorded(session, after)
            if session.flags.on("local") or dry_run == "client":
                if after == before and not always:
                    continue
                changed = after
            else:
                patch = two_way(before, after)
                if not patch and not always:
                    continue
                from ..output.go_json import compact

                sent = parameters(session, dry_run, validate=False)
                changed = item.patch("strategic", compact(patch).encode(), **sent)
        except CommandError as error:
            if error.message.startswith("unable to find container"):
                found.errors.insert(missing, CommandError(f"error: {error.message}"))
                missing += 1
            elif session.command == "set selector":
                found.errors.append(error)
            else:
                found.errors.append(CommandError(f"error: {_label(session, item)} {error.message}\n"))
        except StatusFailure as error:
            if what:
                found.errors.append(CommandError(f"failed to patch {what} {error.message}"))
            else:
                found.errors.append(error)
        else:
            try:
                printer.print(in_struct_order(with_times(changed)), ordered=True)
            except CommandError as error:
                found.errors.append(error)
    found.raise_errors()


def _label(session: Session, item: Item) -> str:
    """How the stock client names it; without a server it ends the line after one of a group."""
    if not session.flags.on("local"):
        return f"{item.resource.name}/{item.name}"
    return f"{item.label()}\n" if item.resource.group else item.label()


def pod_spec(obj: dict[str, Any]) -> dict[str, Any]:
    """The pod spec of an object. CommandError for kinds without one."""
    found = spec_of(obj)
    if found is None:
        group, slash, version = str(obj.get("apiVersion", "")).partition("/")
        kind = obj.get("kind")
        raise CommandError(
            f"the object is not a pod or does not have a pod template: *{(version if slash else group)}.{kind}"
        )
    return found


def containers_of(spec: dict[str, Any], pattern: str = "*", *, init: bool = True) -> list[dict[str, Any]]:
    """Containers whose names match, init containers after the others."""
    from fnmatch import fnmatchcase

    every = list(spec.get("containers") or ()) + (list(spec.get("initContainers") or ()) if init else [])
    return [container for container in every if fnmatchcase(str(container["name"]), pattern)]
