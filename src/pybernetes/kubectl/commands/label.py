"""`kubectl label` and `kubectl annotate`: set, change and remove."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, UsageError, quoted
from ..flags import DRY_RUN, FILES, PRINT
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
        self.set: dict[str, str] = {}
        self.remove: list[str] = []
        for word in words:
            key, equals, value = word.partition("=")
            if noun == "label" and "=" in value:
                raise CommandError(f"invalid label spec: {word}")
            if equals and key:
                self.set[key] = value
            elif word.endswith("-") and not equals:
                self.remove.append(word[:-1])
            else:
                raise CommandError(
                    f"unknown {noun} spec: {word}" if noun == "label" else f"invalid annotation format: {word}"
                )
        both = [key for key in self.remove if key in self.set]
        if both:
            what = "a label" if noun == "label" else "the following annotation(s)"
            shown = "" if noun == "label" else f": {','.join(both)}"
            raise CommandError(f"can not both modify and remove {what} in the same command{shown}")


def run(session: Session) -> int:
    flags = session.flags
    noun = "label" if session.command == "label" else "annotation"
    files, kustomize = file_flags(session)
    names, words = _split(session.args, bool(files or kustomize))
    if not names and not files and not kustomize:
        raise CommandError("one or more resources must be specified as <resource> <name> or <resource>/<name>")
    dry_run = dry_run_of(session)
    change = Change(words, noun)
    if not words and not flags.on("list"):
        raise CommandError(f"at least one {noun} update is required")
    if flags.on("list") and flags.text("output") and noun == "label":
        raise CommandError("--list and --output may not be specified together")
    if flags.on("all") and (selecting := _selecting(flags)):
        raise CommandError(f"cannot set --all and --{selecting} at the same time")
    if flags.on("local"):
        _check_local(names, noun, dry_run)
    if noun == "label":
        _check(change)
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
        if flags.on("list") and not words:
            _list(session, item, noun, single=len(found.items) == 1)
            continue
        try:
            _change(session, item, change, noun, dry_run)
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
    found.raise_errors()
    return 0


def _split(args: list[str], from_files: bool) -> tuple[list[str], list[str]]:
    """Names of objects, and what to do to them: from the first word with `=` or a `-` at its end."""
    names: list[str] = []
    words: list[str] = []
    for position, word in enumerate(args):
        is_change = "=" in word[1:] or (word.endswith("-") and (position > 0 or from_files))
        if not words and not is_change:
            names.append(word)
        elif is_change:
            words.append(word)
        else:
            raise CommandError(f"all resources must be specified before label changes: {word}")
    return names, words


def _selecting(flags: Values) -> str:
    return next((name for name in ("selector", "field-selector") if flags.text(name)), "")


def _check_local(names: list[str], noun: str, dry_run: str) -> None:
    if dry_run == "server":
        raise CommandError("cannot specify --local and --dry-run=server - did you mean --dry-run=client?")
    if names:
        file = "rsrc" if noun == "annotation" else "pod"
        raise CommandError(
            f"can only use local files by -f {file}.yaml or --filename={file}.json when --local=true is set"
        )


def _check(change: Change) -> None:
    """Values of labels are checked here, their names and annotations by the server. CommandError."""
    from pybernetes.api.names import label_value

    for key, value in change.set.items():
        errors = label_value(value)
        if errors:
            raise CommandError(f"invalid label value: {quoted(f'{key}={value}')}: {';'.join(errors)}")


def _change(session: Session, item: Item, change: Change, noun: str, dry_run: str) -> None:
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
    if flags.on("list"):
        _list(session, item, noun, single=True)


def _list(session: Session, item: Item, noun: str, *, single: bool) -> None:
    if not single:
        session.print(f"Listing {noun}s for {item.resource.kind}.{item.resource.group}/{item.name}:")
    values = (item.obj.get("metadata") or {}).get(f"{noun}s") or {}
    session.print(*(f"{'' if single else ' '}{key}={values[key]}" for key in sorted(values)))


__all__ = ["FLAGS", "UsageError", "run"]
