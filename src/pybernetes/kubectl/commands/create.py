"""`kubectl create -f`: objects of files."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, Unreachable, UsageError
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect, file_flags
from ..objects.mutation import dry_run_of, operation_printer, parameters, refreshed_last_applied
from ..objects.raw import send_raw
from ..objects.recording import recorded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = (
    "edit=false field-manager='kubectl-create' raw='' save-config=false -l,selector='' validate='strict' "
    f"windows-line-endings=false {DRY_RUN}{FILES}{PRINT}"
)


def run(session: Session) -> int:
    flags = session.flags
    if session.args:
        raise UsageError(f"Unexpected args: [{' '.join(session.args)}]", "create")
    files, kustomize = file_flags(session)
    if not files and not kustomize:
        raise CommandError("must specify one of -f and -k")
    if flags.text("raw"):
        return send_raw(session, "POST")
    if flags.on("edit"):
        from .edit import create_edited

        return create_edited(session)
    dry_run = dry_run_of(session)
    found = collect(session, args=[], selector=flags.text("selector"))
    printer = operation_printer(session, "created", dry_run)
    query = parameters(session, dry_run)
    count = 0
    for item in found.items:
        obj = recorded(session, refreshed_last_applied(item.obj, create=flags.on("save-config")))
        if dry_run != "client":
            try:
                obj = item.create(obj, **query)
            except (StatusFailure, CommandError) as error:
                found.errors.append(from_file(error, "creating", item.source))
                continue
        count += 1
        printer.print(obj)
    found.raise_errors()
    if not count:
        raise CommandError("no objects passed to create")
    return 0


def from_file(error: StatusFailure | CommandError, verb: str, source: str) -> StatusFailure | CommandError:
    """The same failure, telling which file it is about."""
    if not source:
        return error
    what = f'error when {verb} "{source}"'
    if isinstance(error, CommandError):
        return CommandError(f"{what}: {(isinstance(error, Unreachable) and error.detail) or error.message}")
    error.status["message"] = f"{what}: {error.message}"
    return error
