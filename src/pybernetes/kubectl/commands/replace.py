"""`kubectl replace`: PUT what a file holds; with --force delete and create."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect, file_flags
from ..objects.deletion import delete_options, wait_until_gone
from ..objects.mutation import dry_run_of, operation_printer, parameters, refreshed_last_applied, validation_of
from ..objects.raw import send_raw
from .create import from_file
from .delete import cascade_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.builder import Collected
    from ..objects.item import Item
    from ..session import Session

FLAGS = (
    "cascade='background' field-manager='kubectl-replace' force=false grace-period=-1 raw='' save-config=false "
    f"subresource='' timeout=0s validate='strict' wait=false {DRY_RUN}{FILES}{PRINT}"
)


def run(session: Session) -> int:
    flags = session.flags
    raw = flags.text("raw")
    files, kustomize = (flags.many("filename"), flags.text("kustomize")) if raw else file_flags(session)
    if not files and not kustomize:
        raise CommandError("must specify one of -f and -k")
    if flags.number("grace-period") >= 0 and not flags.on("force"):
        raise CommandError("--grace-period must have --force specified")
    if flags.seconds("timeout") and not flags.on("force"):
        raise CommandError("--timeout must have --force specified")
    if flags.on("force") and dry_run_of(session) != "none":
        raise CommandError("--dry-run can not be used when --force is set")
    if raw:
        return send_raw(session, "PUT")
    cascade_of(session)
    validation_of(session)
    found = collect(session, [])
    if not found.items and not found.errors:
        raise CommandError("no objects passed to replace")
    if flags.on("force"):
        _forced(session, found)
        return 0
    dry_run = dry_run_of(session)
    printer = operation_printer(session, "replaced", dry_run)
    for item in found.items:
        obj = refreshed_last_applied(item.obj, create=flags.on("save-config"))
        if dry_run != "client":
            try:
                _at_its_version(item, obj, flags.text("subresource"))
                item.replace(obj, flags.text("subresource"), **parameters(session, dry_run))
            except (StatusFailure, CommandError) as error:
                found.errors.append(from_file(error, "replacing", item.source))
                continue
            obj = item.obj
        printer.print(obj)
    found.raise_errors()
    return 0


def _at_its_version(item: Item, obj: dict[str, Any], subresource: str) -> None:
    """What names no version replaces the one the server has; custom resources are refused without."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict) or metadata.get("resourceVersion"):
        return
    try:
        present = item.client.object("GET", item.path(subresource))
    except (StatusFailure, CommandError):
        return
    version = (present.get("metadata") or {}).get("resourceVersion")
    if version:
        obj["metadata"] = {**metadata, "resourceVersion": version}


def _forced(session: Session, found: Collected) -> None:
    flags = session.flags
    grace = flags.number("grace-period")
    if grace == 0:
        grace = 1
    printer = operation_printer(session, "replaced")
    for item in found.items:
        try:
            answer = item.delete(delete_options(grace, cascade_of(session)))
        except StatusFailure as error:
            if error.reason != "NotFound":
                found.errors.append(error)
                continue
        else:
            if flags.text("output") == "name":
                session.print(f"{item.resource.kind_name}/{item.name}")
            else:
                session.print(f'{item.resource.kind_name} "{item.name}" deleted')
            uid = (answer.get("details") or answer.get("metadata") or {}).get("uid") or ""
            wait_until_gone(session, item, str(uid), flags.seconds("timeout"))
    for item in found.items:
        try:
            obj = refreshed_last_applied(item.obj, create=flags.on("save-config"))
            printer.print(item.create(obj, **parameters(session)))
        except StatusFailure as error:
            found.errors.append(error)
    found.raise_errors()
