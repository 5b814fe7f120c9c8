"""`kubectl create -f`: objects of files."""

from __future__ import annotations

from ..client import JSON
from ..errors import CommandError, StatusFailure, UsageError
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect, file_flags
from ..objects.mutation import dry_run_of, operation_printer, parameters, refreshed_last_applied
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
        return _raw(session, files)
    if flags.on("edit"):
        from .edit import create_edited

        return create_edited(session)
    dry_run = dry_run_of(session)
    found = collect(session, args=[], selector=flags.text("selector"))
    printer = operation_printer(session, "created", dry_run)
    count = 0
    for item in found.items:
        obj = recorded(session, refreshed_last_applied(item.obj, create=flags.on("save-config")))
        if dry_run != "client":
            try:
                obj = item.create(obj, **parameters(session, dry_run))
            except StatusFailure as error:
                found.errors.append(from_file(error, "creating", item.source))
                continue
        count += 1
        printer.print(obj)
    found.raise_errors()
    if not count:
        raise CommandError("no objects passed to create")
    return 0


def from_file(error: StatusFailure, verb: str, source: str) -> StatusFailure:
    """The same failure, telling which file it is about; reasons that speak for themselves stay as they are."""
    if error.reason != "Invalid" and source:
        error.status["message"] = f'error when {verb} "{source}": {error.message}'
    return error


def _raw(session: Session, files: list[str]) -> int:
    if len(files) != 1:
        raise CommandError("--raw can only use a single local file or stdin")
    text = session.read_stdin() if files[0] == "-" else open(files[0], encoding="utf-8").read()  # noqa: SIM115
    session.out.write(
        session.client.call("POST", session.flags.text("raw"), body=text.encode(), content_type=JSON).decode()
    )
    return 0
