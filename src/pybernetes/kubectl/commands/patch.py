"""`kubectl patch`: strategic, merge and JSON patches, of the object or a subresource."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, quoted
from ..flags import DRY_RUN, FILES, PRINT
from ..objects.builder import collect
from ..objects.mutation import dry_run_of, operation_printer, parameters
from ..objects.recording import record
from ..output.go_json import compact
from ..wire.json_read import JsonError, kind_of, loads
from ..wire.yaml_fast import load

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..objects.item import Item
    from ..session import Session

FLAGS = (
    "field-manager='kubectl-patch' local=false -p,patch='' patch-file='' subresource='' type='strategic' "
    f"{DRY_RUN}{FILES}{PRINT}"
)


def run(session: Session) -> int:
    flags = session.flags
    kind = flags.text("type").lower()
    dry_run = dry_run_of(session)
    if bool(flags.text("patch")) == bool(flags.text("patch-file")):
        if flags.text("patch"):
            raise CommandError("cannot specify --patch and --patch-file together")
        raise CommandError("must specify --patch or --patch-file containing the contents of the patch")
    if flags.on("local") and session.args:
        raise CommandError("cannot specify --local and server resources")
    if flags.on("local") and dry_run == "server":
        raise CommandError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")
    if kind not in ("", "json", "merge", "strategic"):
        raise CommandError(f"--type must be one of [json merge strategic], not {quoted(flags.text('type'))}")
    kind = kind or "strategic"
    patch = _patch(session)
    found = collect(session, latest=False, local=flags.on("local"), subresource=flags.text("subresource"))
    if not found.items and not found.errors:
        raise CommandError("no objects passed to patch")
    stored: dict[str, dict[str, Any]] = {}
    """What objects became here, by path: one may be named twice."""
    for item in found.each():
        item.obj = stored.get(item.path(), item.obj)
        try:
            _apply(session, item, kind, patch, dry_run)
            if dry_run == "none" and not flags.on("local"):
                stored[item.path()] = item.obj
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
    found.raise_errors()
    return 0


def _patch(session: Session) -> str:
    """The patch as JSON. What looks like JSON is left to who applies it, the rest is read as YAML. CommandError."""
    flags = session.flags
    text = flags.text("patch")
    if flags.text("patch-file"):
        try:
            with open(flags.text("patch-file"), encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            from ..errors import os_text

            raise CommandError(f"unable to read patch file: {os_text(error)}") from None
    if text.lstrip().startswith("{"):
        return text
    try:
        return compact(load(text))
    except ValueError as error:
        raise CommandError(f"unable to parse {quoted(flags.text('patch'))}: {error}") from None


def _apply(session: Session, item: Item, kind: str, patch: str, dry_run: str) -> None:
    flags = session.flags
    subresource = flags.text("subresource")
    before = item.obj
    if dry_run == "client" or flags.on("local"):
        try:
            document = loads(patch)
        except JsonError as error:
            raise CommandError("Invalid JSON Patch" if kind == "merge" else str(error)) from None
        after = patched(before, kind, document)
    else:
        after = item.patch(kind, patch.encode(), subresource, **parameters(session, dry_run))
        if dry_run == "none" and not subresource:
            record(session, item)
    changed = after != before
    operation = "patched" if changed else "patched (no change)"
    # The stock client does not say here that it was a dry run.
    operation_printer(session, operation).print(after)


def patched(obj: dict[str, Any], kind: str, patch: Any) -> dict[str, Any]:
    """The patch applied here. CommandError."""
    from copy import deepcopy

    from pybernetes.api.patch.json_patch import PatchError, apply_operations
    from pybernetes.api.patch.merge_patch import merge

    if kind == "json":
        if not isinstance(patch, list):
            raise CommandError(f"json: cannot unmarshal {kind_of(patch)} into Go value of type jsonpatch.Patch")
        for one in patch:
            if not isinstance(one, dict):
                raise CommandError(f"json: cannot unmarshal {kind_of(one)} into Go value of type jsonpatch.Operation")
        try:
            found: dict[str, Any] = apply_operations(deepcopy(obj), patch)
        except PatchError as error:
            raise CommandError(str(error)) from None
        return found
    if kind == "merge":
        merged: dict[str, Any] = merge(deepcopy(obj), patch)
        return merged
    from ..apply import strategic

    return strategic.patched(obj, patch)
