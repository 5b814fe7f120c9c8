"""`kubectl taint nodes`."""

from __future__ import annotations

from pybernetes.api.names import label_value, qualified_name

from ..errors import CommandError, Several, UsageError
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
    mapper = session.mapper
    dry_run = dry_run_of(session)
    validation_of(session)
    names, words = _split(session.args)
    if not names:
        raise CommandError("one or more resources must be specified as <resource> <name>")
    if not words:
        raise CommandError("at least one taint update is required")
    adding, removing = _taints(words)
    try:
        resource = mapper.resource(names[0].lower())
    except CommandError as error:
        raise CommandError(error.message, prefix="") from None
    if resource.kind != "Node":
        raise CommandError(f"invalid resource type {names[0].lower()}, only node types are supported")
    _check(adding, removing)
    if flags.on("all") and flags.text("selector"):
        raise CommandError("setting 'all' parameter with a non empty selector is prohibited")
    named = [] if flags.on("all") or flags.text("selector") else names[1:]
    if not named and not flags.text("selector") and not flags.on("all"):
        raise CommandError("at least one resource name must be specified since 'all' parameter is not set")
    args = [name if "/" in name else f"node/{name}" for name in named] or ["node"]
    found = collect(session, args, selector=flags.text("selector"), all_=flags.on("all"), latest=True)
    for item in found.each():
        before = (item.obj.get("spec") or {}).get("taints") or []
        try:
            after, operation = updated(before, adding, removing, overwrite=flags.on("overwrite"), name=item.name)
        except (CommandError, Several) as error:
            found.errors.append(error)
            continue
        printer = operation_printer(session, operation, "none" if dry_run == "client" else dry_run)
        if dry_run == "client":
            spec = {**(item.obj.get("spec") or {}), "taints": after}
            printer.print({**item.obj, "spec": spec})
            continue
        patch: dict[str, Any] = {"spec": {"taints": after or None}}
        printer.print(item.patch("merge", compact(patch).encode(), **parameters(session, dry_run)))
    found.raise_errors()
    return 0


def _split(args: list[str]) -> tuple[list[str], list[str]]:
    """The type and names, and from the first `KEY=VALUE:EFFECT` or `KEY-` on the taints. CommandError."""
    names: list[str] = []
    words: list[str] = []
    for word in args:
        if "=" in word or ":" in word or word.endswith("-"):
            words.append(word)
        elif words:
            raise CommandError(f"all resources must be specified before taint changes: {word}")
        else:
            names.append(word)
    return names, words


def _taints(words: list[str]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """What to set and what to remove. UsageError."""
    adding: list[dict[str, str]] = []
    removing: list[dict[str, str]] = []
    for word in words:
        if word.endswith("-"):
            taint = _taint(word[:-1])
            removing.append({"effect": taint["effect"], "key": taint["key"]})
            continue
        taint = _taint(word)
        if not taint["effect"]:
            raise UsageError(f"invalid taint spec: {word}", "taint")
        if any(_same(taint, one) for one in adding):
            shown = f"{{{taint['key']} {taint.get('value', '')} {taint['effect']} <nil>}}"
            raise UsageError(f"duplicated taints with the same key and effect: {shown}", "taint")
        adding.append(taint)
    return adding, removing


def _taint(text: str) -> dict[str, str]:
    """`KEY=VALUE:EFFECT`, `KEY:EFFECT` or `KEY`. UsageError."""
    key, *effects = text.split(":")
    value = ""
    if len(effects) > 1:
        raise UsageError(f"invalid taint spec: {text}", "taint")
    if effects:
        if effects[0] not in _EFFECTS:
            raise UsageError(f"invalid taint effect: {effects[0]}, unsupported taint effect", "taint")
        if key.count("=") > 1:
            raise UsageError(f"invalid taint spec: {text}", "taint")
        key, _, value = key.partition("=")
        if wrong := label_value(value):
            raise UsageError(f"invalid taint spec: {text}, {'; '.join(wrong)}", "taint")
    if wrong := qualified_name(key):
        raise UsageError(f"invalid taint spec: {text}, {'; '.join(wrong)}", "taint")
    return {"effect": effects[0] if effects else "", "key": key} | ({"value": value} if value else {})


def _check(adding: list[dict[str, str]], removing: list[dict[str, str]]) -> None:
    """CommandError for what is set and removed at once."""
    both = [
        f"{gone['key']}={gone['effect']}"
        for taint in adding
        for gone in removing
        if taint["key"] == gone["key"] and gone["effect"] in ("", taint["effect"])
    ]
    if both:
        raise CommandError(
            f"can not both modify and remove the following taint(s) in the same command: {', '.join(both)}"
        )


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
    added, removed = len(after) != len(before), False
    missing: list[Exception] = []
    for taint in removing:
        kept = [t for t in after if not (t["key"] == taint["key"] and taint["effect"] in ("", t["effect"]))]
        removed = len(kept) < len(after)
        if not removed:
            shown = f"{taint['key']}:{taint['effect']}" if taint["effect"] else taint["key"]
            missing.append(CommandError(f'taint "{shown}" not found'))
        after = kept
    if missing:
        raise missing[0] if len(missing) == 1 else Several(missing)
    if overwrite or (added and removed):
        return after, "modified"
    return after, "tainted" if added else "untainted"


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return bool(one["key"] == other["key"] and one["effect"] == other["effect"])
