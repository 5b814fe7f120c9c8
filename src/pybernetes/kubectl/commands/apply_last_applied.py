"""`kubectl apply view-last-applied` and `set-last-applied`."""

from __future__ import annotations

from ..errors import CommandError, UsageError, quoted
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import NOTHING, collect
from ..objects.mutation import LAST_APPLIED, dry_run_of, last_applied_text, operation_printer
from ..output.go_json import compact, indented
from ..output.go_yaml import dump
from ..wire.json_read import JsonError, loads
from .apply import about

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

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
    if found.errors:
        raise found.errors[0]
    texts = []
    for item in found.items:
        text = ((item.obj.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
        if text is not None:
            texts.append(text)
        elif item.source:
            missing = f"no last-applied-configuration annotation found on resource: {item.name}"
            raise CommandError(f"error when {missing}\n {quoted(item.source)}: <nil>")
    for text in texts:
        if output == "json":
            session.out.write(indented(_json(text), "  ", ordered=True) + "\n")
        elif output == "yaml":
            session.out.write(dump(_yaml(text)))
        else:
            raise UsageError(
                f"Unexpected -o output mode: {output}, the flag 'output' must be one of yaml|json",
                "apply view-last-applied",
            )
    return 0


def _json(text: str) -> Any:
    try:
        return loads(text)
    except JsonError as error:
        raise CommandError(str(error)) from None


def _yaml(text: str) -> Any:
    """JSON is YAML too. CommandError."""
    from ..wire.yaml_fast import load

    try:
        return load(text)
    except ValueError as error:
        raise CommandError(str(error)) from None


def _set(session: Session) -> int:
    flags = session.flags
    dry_run = dry_run_of(session)
    if not flags.many("filename"):
        raise CommandError(NOTHING)
    found = collect(session, [])
    if found.errors:
        raise found.errors[0]
    patches = []
    for item in found.items:
        wanted = last_applied_text(item.obj, bare=True)
        if not item.name:
            raise CommandError(about(item, "retrieving current configuration of", "resource name may not be empty"))
        item.get()
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
