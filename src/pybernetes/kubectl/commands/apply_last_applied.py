"""`kubectl apply view-last-applied` and `set-last-applied`."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, UsageError
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import NOTHING, collect
from ..objects.mutation import LAST_APPLIED, dry_run_of, last_applied_text, operation_printer
from ..output.go_json import compact, indented
from ..output.go_yaml import dump
from ..wire.json_read import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..session import Session

FLAGS = {
    "apply view-last-applied": f"all=false -o,output='yaml' -l,selector='' {FILES}",
    "apply set-last-applied": f"create-annotation=false -f,filename=[] {DRY_RUN}{PRINT}",
}


def run(session: Session) -> int:
    return _view(session) if session.command.endswith("view-last-applied") else _set(session)


def _view(session: Session) -> int:
    flags = session.flags
    output = flags.text("output")
    found = collect(session, selector=flags.text("selector"), all_=flags.on("all"), latest=True)
    found.raise_errors()
    texts = []
    for item in found.items:
        text = ((item.obj.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
        if text is None:
            raise CommandError(f"no last-applied-configuration annotation found on resource: {item.name}")
        texts.append(text)
    for text in texts:
        if output == "json":
            session.out.write(indented(loads(text), "  ") + "\n")
        elif output == "yaml":
            session.out.write(dump(loads(text)))
        else:
            raise UsageError(
                f"Unexpected -o output mode: {output}, the flag 'output' must be one of yaml|json",
                "apply view-last-applied",
            )
    return 0


def _set(session: Session) -> int:
    flags = session.flags
    dry_run = dry_run_of(session)
    if not flags.many("filename"):
        raise CommandError(NOTHING)
    found = collect(session, [])
    found.raise_errors()
    patches = []
    for item in found.items:
        wanted = last_applied_text(item.obj, bare=True)
        try:
            item.get()
        except StatusFailure as error:
            raise CommandError(error.message) from None
        known = ((item.obj.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
        if known is None and not flags.on("create-annotation"):
            raise CommandError(
                f"no last-applied-configuration annotation found on resource: {item.name}, to create the annotation, "
                "run the command with --create-annotation"
            )
        patches.append((item, wanted if wanted != known else ""))
    printer = operation_printer(session, "configured", dry_run)
    for item, text in patches:
        if not text:
            session.print(f"set-last-applied {item.name}: no changes required.")
            continue
        if dry_run != "client" and text:
            body = compact({"metadata": {"annotations": {LAST_APPLIED: text}}}).encode()
            query = {"dryRun": "All"} if dry_run == "server" else {}
            item.patch("merge", body, **query)
        printer.print(item.obj)
    return 0
