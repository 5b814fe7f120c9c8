"""`kubectl taint nodes`."""

from __future__ import annotations

from pybernetes.api.names import qualified_name

from ..errors import CommandError, UsageError
from ..flags import DRY_RUN, PRINT
from ..objects.builder import collect
from ..objects.mutation import dry_run_of, operation_printer, parameters, validation_of
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = f"all=false field-manager='kubectl-taint' overwrite=false -l,selector='' validate='strict' {DRY_RUN}{PRINT}"
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


def run(session: Session) -> int:
    flags = session.flags
    args = session.args
    if not args:
        raise CommandError("one or more resources must be specified as <resource> <name>")
    position = next(
        (n for n, word in enumerate(args) if n and (":" in word or "=" in word or word.endswith("-"))), len(args)
    )
    names, words = args[:position], args[position:]
    if not words:
        raise CommandError("at least one taint update is required")
    if names[0].lower().partition(".")[0] not in ("node", "nodes", "no") and "/" not in names[0]:
        try:
            resource = session.mapper.resource(names[0])
        except CommandError as error:
            raise CommandError(error.message, prefix="") from None
        if resource.name != "nodes":
            raise CommandError(f"invalid resource type {names[0]}, only node types are supported")
    adding, removing = _taints(words)
    if len(names) == 1 and "/" not in names[0] and not flags.text("selector") and not flags.on("all"):
        raise CommandError("at least one resource name must be specified since 'all' parameter is not set")
    dry_run = dry_run_of(session)
    if flags.on("all") and flags.text("selector"):
        raise CommandError("setting 'all' parameter with a non empty selector is prohibited")
    validation_of(session)
    if flags.on("all") or flags.text("selector"):
        names = names[:1]
    found = collect(session, names, selector=flags.text("selector"), all_=flags.on("all"), latest=True)
    for item in found.each():
        before = (item.obj.get("spec") or {}).get("taints") or []
        try:
            after, operation = updated(before, adding, removing, overwrite=flags.on("overwrite"), name=item.name)
        except CommandError as error:
            found.errors.append(error)
            continue
        printer = operation_printer(session, operation, "none" if dry_run == "client" else dry_run)
        if dry_run == "client":
            spec = {**(item.obj.get("spec") or {}), "taints": after}
            printer.print({**item.obj, "spec": spec})
            continue
        patch: dict[str, Any] = {"spec": {"taints": after or None}}
        printer.print(item.patch("merge", compact(patch).encode(), **parameters(session, dry_run, validate=False)))
    found.raise_errors()
    return 0


def _taints(words: list[str]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    adding: list[dict[str, str]] = []
    removing: list[dict[str, str]] = []
    for word in words:
        target = adding
        text = word
        if text.endswith("-"):
            text, target = text[:-1], removing
        key_value, colon, effect = text.partition(":")
        key, _, value = key_value.partition("=") if colon else (key_value, "", "")
        wrong = qualified_name(key)
        if wrong:
            raise UsageError(f"invalid taint spec: {text}, {'; '.join(wrong)}", "taint")
        if ":" in effect or (target is adding and not colon):
            raise CommandError(f"invalid taint spec: {word}")
        if effect and effect not in _EFFECTS:
            raise UsageError(f"invalid taint effect: {effect}, unsupported taint effect", "taint")
        taint = {"effect": effect, "key": key} | ({"value": value} if value else {})
        if target is adding and any(t["key"] == key and t["effect"] == effect for t in adding):
            shown = f"{{{key} {value} {effect} <nil>}}"
            raise UsageError(f"duplicated taints with the same key and effect: {shown}", "taint")
        target.append(taint)
    for taint in removing:
        if any(t["key"] == taint["key"] and t["effect"] == taint["effect"] for t in adding):
            raise CommandError(
                "can not both modify and remove the following taint(s) in the same command: "
                f"{taint['key']}={taint['effect']}"
            )
    return adding, removing


def updated(
    before: list[dict[str, Any]],
    adding: list[dict[str, str]],
    removing: list[dict[str, str]],
    *,
    overwrite: bool,
    name: str,
) -> tuple[list[dict[str, Any]], str]:
    """The taints afterwards and what was done. CommandError."""
    if not overwrite:
        taken = [t for t in adding if any(_same(t, known) for known in before)]
        if taken:
            shown = ", ".join(t["key"] for t in taken)
            raise CommandError(f"node {name} already has {shown} taint(s) with same effect(s) and --overwrite is false")
    after: list[dict[str, Any]] = list(adding) + [t for t in before if not any(_same(t, new) for new in adding)]
    for taint in removing:
        kept = [t for t in after if not (t["key"] == taint["key"] and taint["effect"] in ("", t["effect"]))]
        if len(kept) == len(after):
            shown = f"{taint['key']}:{taint['effect']}" if taint["effect"] else taint["key"]
            raise CommandError(f'taint "{shown}" not found')
        after = kept
    if removing and adding:
        return after, "modified"
    if removing:
        return after, "untainted"
    return after, "tainted" if len(after) > len(before) or not overwrite else "modified"


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["key"] == other["key"] and one["effect"] == other["effect"])
