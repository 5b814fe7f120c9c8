"""`kubectl label` and `kubectl annotate`: set, change and remove."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, quoted
from ..flags import DRY_RUN, FILES, PRINT
from ..objects import pairs
from ..objects.builder import collect, file_flags
from ..objects.mutation import dry_run_of, operation_printer, parameters
from ..objects.recording import recorded
from ..output.go_json import compact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..flags import Values
    from ..objects.item import Item
    from ..session import Session

_SAME = (
    "all=false -A,all-namespaces=false field-selector='' list=false local=false overwrite=false resource-version='' "
    f"-l,selector='' {DRY_RUN}{FILES}{PRINT}"
)
FLAGS = {
    "label": f"field-manager='kubectl-label' {_SAME}",
    "annotate": f"field-manager='kubectl-annotate' {_SAME}",
}


class Change:
    """What to set and what to remove."""

    def __init__(self, words: list[str], noun: str) -> None:
        self.set, self.remove = _labels(words) if noun == "label" else pairs.parsed(words, noun, removing=True)

    def both(self) -> list[str]:
        """What is set and removed at once."""
        return [key for key in self.remove if key in self.set]


def _labels(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Values of labels are checked here, their names and annotations by the server. CommandError."""
    from pybernetes.api.names import label_value

    setting: dict[str, str] = {}
    removing: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if "=" in value:
            raise CommandError(f"invalid label spec: {word}")
        if not equals:
            removing.append(word[:-1])
            continue
        if errors := label_value(value):
            raise CommandError(f"invalid label value: {quoted(word)}: {';'.join(errors)}")
        setting[key] = value
    if any(key in setting for key in removing):
        raise CommandError("can not both modify and remove a label in the same command")
    return setting, removing


def run(session: Session) -> int:
    flags = session.flags
    noun = "label" if session.command == "label" else "annotation"
    dry_run = dry_run_of(session)
    operation_printer(session, f"{noun}ed", dry_run)
    names, words = pairs.split(session.args, noun)
    change = Change(words, noun)
    if flags.on("list") and flags.text("output") and noun == "label":
        raise CommandError("--list and --output may not be specified together")
    if flags.on("all") and (selecting := _selecting(flags)):
        raise CommandError(f"cannot set --all and --{selecting} at the same time")
    _check_sources(session, names, noun, dry_run)
    if not words and not flags.on("list"):
        raise CommandError(f"at least one {noun} update is required")
    if both := change.both():
        raise CommandError(
            f"can not both modify and remove the following annotation(s) in the same command: {', '.join(both)}"
        )
    found = collect(
        session,
        names,
        selector=flags.text("selector"),
        field_selector=flags.text("field-selector"),
        all_=flags.on("all"),
        all_namespaces=flags.on("all-namespaces"),
        latest=not flags.on("local"),
        local=flags.on("local"),
    )
    if flags.text("resource-version") and not found.single:
        raise CommandError("--resource-version may only be used with a single resource")
    for item in found.each():
        try:
            _change(session, item, change, noun, dry_run, single=found.single)
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
    found.raise_errors()
    return 0


def _selecting(flags: Values) -> str:
    return next((name for name in ("selector", "field-selector") if flags.text(name)), "")


def _check_sources(session: Session, names: list[str], noun: str, dry_run: str) -> None:
    """Is it said what to change? With `--local` by files alone. CommandError."""
    files, kustomize = file_flags(session)
    if not session.flags.on("local"):
        if not names and not files and not kustomize:
            raise CommandError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
        return
    if dry_run == "server":
        raise CommandError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")
    file = "rsrc" if noun == "annotation" else "pod"
    if names:
        raise CommandError(
            f"can only use local files by -f {file}.yaml or --filename={file}.json when --local=true is set"
        )
    if not files and not kustomize:
        raise CommandError(f"one or more files must be specified as -f {file}.yaml or --filename={file}.json")


def _change(session: Session, item: Item, change: Change, noun: str, dry_run: str, *, single: bool) -> None:
    flags = session.flags
    field = f"{noun}s"
    before = dict((item.obj.get("metadata") or {}).get(field) or {})
    if not flags.on("overwrite"):
        taken = [
            f"'{key}' already has a value ({before[key]}), and --overwrite is false"
            for key, value in change.set.items()
            if key in before and before[key] != value
        ]
        if taken:
            if noun == "label":
                raise CommandError("\nerror: ".join(taken))
            known = [text.removesuffix(", and --overwrite is false") for text in taken]
            raise CommandError(
                f"--overwrite is false but found the following declared annotation(s): {'; '.join(known)}"
            )
    after = {**before, **change.set}
    for key in change.remove:
        if key not in after and noun == "label":
            session.print(f'label "{key}" not found.')
        after.pop(key, None)
    if flags.on("list"):
        _list(session, item, noun, after, single=single)
        return
    operation = "annotated"
    if noun == "label":
        # What has no labels at all gets an empty map by removing one.
        operation = "not labeled" if after == before and (before or not change.remove) else "labeled"
        if not flags.on("overwrite") and len(after) < len(before):
            operation = "unlabeled"
    printer = operation_printer(session, operation, dry_run)
    if dry_run == "client" or flags.on("local"):
        metadata = {**(item.obj.get("metadata") or {}), field: after}
        printer.print(recorded(session, {**item.obj, "metadata": metadata}))
        return
    if after == before and noun == "label" and not flags.text("resource-version") and not flags.on("record"):
        printer.print(item.obj)
        return
    patch: dict[str, Any] = {field: {**dict.fromkeys(change.remove), **change.set}}
    if flags.text("resource-version"):
        patch["resourceVersion"] = flags.text("resource-version")
    from pybernetes.api.patch.merge_patch import merge

    sent = recorded(session, {"metadata": patch})
    changed = merge(item.obj, sent)
    answer = item.patch("merge", compact(sent).encode(), **parameters(session, dry_run, validate=False))
    # Of labels the stock client shows what it asked for, of annotations what the server made of it.
    printer.print(changed if noun == "label" else answer)


def _list(session: Session, item: Item, noun: str, values: dict[str, str], *, single: bool) -> None:
    """What the object would have; nothing is sent."""
    if not single:
        session.print(f"Listing {noun}s for {item.resource.kind}.{item.resource.group}/{item.name}:")
    session.print(*(f"{'' if single else ' '}{key}={values[key]}" for key in sorted(values)))
