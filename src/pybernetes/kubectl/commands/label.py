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
    if flags.on("list") and flags.text("output"):
        raise CommandError("--list and --output may not be specified together")
    _check(session, change, noun)
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
    for item in found.items:
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
        is_change = "=" in word or (word.endswith("-") and (position > 0 or from_files))
        if not words and not is_change and not from_files:
            names.append(word)
        elif is_change or from_files:
            words.append(word)
        else:
            raise CommandError(f"all resources must be specified before label changes: {word}")
    return names, words


def _check(session: Session, change: Change, noun: str) -> None:
    from pybernetes.api.names import label_value, qualified_name

    for key, value in change.set.items():
        errors = qualified_name(key)
        if errors:
            raise CommandError(f"invalid {noun} value: {quoted(key)}: {'; '.join(errors)}")
        if noun == "label":
            errors = label_value(value)
            if errors:
                raise CommandError(f"invalid label value: {quoted(f'{key}={value}')}: {'; '.join(errors)}")


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
        operation = "not labeled" if after == before else "labeled"
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
    body = compact(recorded(session, {"metadata": patch})).encode()
    printer.print(item.patch("merge", body, **parameters(session, dry_run, validate=False)))
    if flags.on("list"):
        _list(session, item, noun, single=True)


def _list(session: Session, item: Item, noun: str, *, single: bool) -> None:
    if not single:
        session.print(f"Listing {noun}s for {item.resource.kind}.{item.resource.group}/{item.name}:")
    values = (item.obj.get("metadata") or {}).get(f"{noun}s") or {}
    session.print(*(f"{'' if single else ' '}{key}={values[key]}" for key in sorted(values)))


__all__ = ["FLAGS", "UsageError", "run"]
