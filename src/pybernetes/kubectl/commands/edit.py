"""`kubectl edit`: fetch, let the user's editor change it, send what changed; refusals come back into the editor."""

from __future__ import annotations

import os

from ..errors import CommandError, StatusFailure, text_of
from ..flags import FILES, PRINT
from ..objects.builder import collect
from ..objects.file_items import flattened, item_of
from ..objects.item import Item
from ..objects.mutation import LAST_APPLIED, operation_printer, parameters, refreshed_last_applied, validation_of
from ..objects.recording import recorded
from ..output.go_json import compact
from ..output.go_yaml import dump
from ..output.printers import unmatched, without_kyaml, without_managed_fields
from ..wire.json_read import loads
from ..wire.yaml_read import YamlError, load_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

_SAME = f"validate='strict' windows-line-endings=false {FILES}{PRINT}"
FLAGS = {
    "edit": f"field-manager='kubectl-edit' output-patch=false save-config=false subresource='' {_SAME}",
    "apply edit-last-applied": f"field-manager='kubectl-client-side-apply' {_SAME}",
}
_HEAD = """# Please edit the object below. Lines beginning with a '#' will be ignored,
# and an empty file will abort the edit. If an error occurs while saving this file will be
# reopened with the relevant failures.
#
"""
_HEAD_LAST_APPLIED = """# Please edit the 'last-applied-configuration' annotations below.
# Lines beginning with a '#' will be ignored, and an empty file will abort the edit.
#
"""


def run(session: Session) -> int:
    validation_of(session)
    found = collect(session, latest=True, select_all=True, subresource=session.flags.text("subresource"))
    found.raise_errors()
    _check_output(session)
    if session.command == "apply edit-last-applied":
        return _LastApplied(session).run(found.items)
    return _Edit(session).run(found.items)


def _check_output(session: Session) -> None:
    output = session.flags.text("output")
    if output not in ("", "json", "kyaml", "yaml") or (output == "kyaml" and without_kyaml()):
        raise unmatched(output, ("json", "kyaml", "yaml"))


def create_edited(session: Session) -> int:
    """`create --edit`: each object has a visit to the editor of its own."""
    found = collect(session, [], selector=session.flags.text("selector"))
    for item in found.items:
        try:
            _check_output(session)
            _Create(session).run([item])
        except (CommandError, StatusFailure) as error:
            found.errors.append(error)
    found.raise_errors()
    return 0


class _Changed(CommandError):
    """An edited object is another one; there is no second visit to the editor."""


class _Edit:
    """One visit to the editor after the other, until everything is accepted or given up."""

    head = _HEAD
    prefix = "kubectl-edit-"
    may_move = False
    """May an edited object be another one than before?"""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.output = session.flags.text("output")

    def run(self, items: list[Item]) -> int:
        if not items:
            raise CommandError("edit cancelled, no objects found")
        original = self.text([self.content(item) for item in items])
        reasons: list[str] = []
        text, path = original, ""
        while True:
            shown = self._with_reasons(reasons) + text
            edited, path = self._in_editor(shown, path)
            bare = _without_comments(edited)
            if bare == _without_comments(shown) and reasons:
                return self._give_up(path, reasons)
            if not reasons and bare == _without_comments(original):
                self._remove(path)
                self.session.tell("Edit cancelled, no changes made.")
                return 0
            reasons = self._apply(items, edited, path)
            if not reasons:
                self._remove(path)
                return 0
            text = _without_head(edited)

    def _give_up(self, path: str, reasons: list[str]) -> int:
        self.session.tell(f'A copy of your changes has been stored to "{path}"')
        raise CommandError("Edit cancelled, no valid changes were saved.")

    def content(self, item: Item) -> dict[str, Any]:
        """What is put before the user."""
        return without_managed_fields(item.obj)

    def text(self, objects: list[dict[str, Any]]) -> str:
        one = (
            objects[0] if len(objects) == 1 else {"apiVersion": "v1", "items": objects, "kind": "List", "metadata": {}}
        )
        if self.output == "json":
            from ..output.go_json import indented

            return indented(one) + "\n"
        if self.output == "kyaml":
            from ..output import kyaml

            return kyaml.dump(one)
        return dump(one)

    def _with_reasons(self, reasons: list[str]) -> str:
        if self.output == "json":
            return ""
        if not reasons:
            return self.head
        return self.head + "".join(f"# {line}\n" for reason in reasons for line in reason.split("\n")) + "#\n"

    def _in_editor(self, text: str, path: str) -> tuple[str, str]:
        import shlex
        import subprocess

        if self.session.flags.on("windows-line-endings"):
            text = text.replace("\n", "\r\n")
        suffix = ".json" if self.output == "json" else ".yaml"
        if not path:
            path = _new_file(self.prefix, suffix)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        editor = os.environ.get("KUBE_EDITOR") or os.environ.get("EDITOR") or "vi"
        self.session.out.flush()
        plain = not any(letter in editor for letter in "\"'\\")
        words = [*(editor.split() if plain else ["/bin/bash", "-c", editor + " " + shlex.quote(path)])]
        if plain:
            words.append(path)
        try:
            code = subprocess.run(words, check=False).returncode
        except FileNotFoundError:
            raise CommandError(f"unable to launch the editor {editor!r}".replace("'", '"')) from None
        if code:
            self._remove(path)
            raise CommandError(f"there was a problem with the editor {editor!r}".replace("'", '"'))
        with open(path, encoding="utf-8") as file:
            return file.read().replace("\r\n", "\n"), path

    def _remove(self, path: str) -> None:
        if os.path.exists(path):
            os.unlink(path)

    def _apply(self, items: list[Item], edited: str, path: str) -> list[str]:
        """Send the changes; why some were refused."""
        session = self.session
        try:
            documents = [obj for document in load_all(edited) if document is not None for obj in flattened(document)]
            wrong = _unusable(documents)
        except YamlError as error:
            wrong = str(error)
        if wrong:
            what = f'{items[0].resource.full_name} "{items[0].name}"'
            session.tell(f"error: {what} is invalid")
            return [f'{what} was not valid:\n* <nil>: Invalid value: "The edited file failed validation": {wrong}']
        reasons: list[str] = []
        by_place = {self._place(item): item for item in items}
        for obj in documents:
            item = items[0]
            try:
                new = item_of(session, obj, "edited-file")
                if self.may_move:
                    item = new
                elif (known := by_place.get(self._place(new))) is not None:
                    item = known
                else:
                    session.tell(f'A copy of your changes has been stored to "{path}"')
                    raise _Changed("At least one of apiVersion, kind and name was changed")
                self.send(item, obj)
            except StatusFailure as error:
                reasons.append(self.refused(item, error, path))
            except _Changed:
                raise
            except CommandError as error:
                session.tell(text_of(error))
                reasons.append(error.message)
        return reasons

    def _conflict(self, item: Item) -> str:
        return (
            f"Object {item.resource.name}/{item.name} was modified on the server; your changes are based on an older "
            "version of it"
        )

    def refused(self, item: Item, error: StatusFailure, path: str) -> str:
        """Why the server refused a change, to be told in the editor. CommandError where another visit does not help."""
        what, tell = f'{item.resource.full_name} "{item.name}"', self.session.tell
        if error.reason == "Conflict":
            tell(text_of(error))
            return self._conflict(item)
        if error.reason == "Invalid":
            tell(f"error: {what} is invalid")
            causes = (error.status.get("details") or {}).get("causes") or []
            lines = [f"* {cause.get('field', '')}: {cause.get('message', '')}" for cause in causes] or [error.message]
            return "\n".join([f"{what} was not valid:", *lines])
        if error.reason == "NotFound":
            tell(f"error: {what} could not be found on the server")
            tell(f'The edits you made on deleted resources have been saved to "{path}"')
        else:
            tell(f"error: {what} could not be patched: {error.message}")
            tell(f"You can run `kubectl replace -f {path}` to try this update again.")
        raise _Changed("", prefix="")

    def _place(self, item: Item) -> tuple[str, str, str]:
        return item.resource.full_name, item.namespace, item.name

    def send(self, item: Item, edited: dict[str, Any]) -> None:
        """What differs as a patch. StatusFailure."""
        session = self.session
        before = self.content(item)
        if session.flags.on("save-config"):
            edited = self._with_configuration(item, edited)
        edited = recorded(session, edited)
        kind, patch = patch_between(before, edited)
        if not patch:
            operation_printer(session, "skipped").print(item.obj)
            return
        if session.flags.on("output-patch"):
            session.print(f"Patch: {compact(patch)}")
        item.patch(kind, compact(patch).encode(), session.flags.text("subresource"), **parameters(session))
        operation_printer(session, "edited").print(item.obj)

    def _with_configuration(self, item: Item, edited: dict[str, Any]) -> dict[str, Any]:
        """With the annotation of `--save-config`, which tells of managed fields too, as the stock client has it."""
        owners = (item.obj.get("metadata") or {}).get("managedFields") or []
        whole = {**edited, "metadata": {**edited["metadata"], "managedFields": owners}}
        return without_managed_fields(refreshed_last_applied(whole, create=True))


class _Create(_Edit):
    """Every object is created as edited."""

    may_move = True

    def send(self, item: Item, edited: dict[str, Any]) -> None:
        edited = recorded(self.session, refreshed_last_applied(edited, create=self.session.flags.on("save-config")))
        item.create(edited, **parameters(self.session))
        operation_printer(self.session, "created").print(item.obj)

    def refused(self, item: Item, error: StatusFailure, path: str) -> str:
        self.session.tell(f'A copy of your changes has been stored to "{path}"')
        raise error


class _LastApplied(_Edit):
    """Only the annotation is edited."""

    head = _HEAD_LAST_APPLIED

    def content(self, item: Item) -> dict[str, Any]:
        text = ((item.obj.get("metadata") or {}).get("annotations") or {}).get(LAST_APPLIED)
        if not text:
            raise CommandError(
                "no last-applied-configuration annotation found on resources, to create the annotation, use command "
                "`kubectl apply set-last-applied --create-annotation`"
            )
        found: dict[str, Any] = without_managed_fields(loads(text))
        found.setdefault("metadata", {}).setdefault("namespace", item.namespace) if item.namespace else None
        return found

    def send(self, item: Item, edited: dict[str, Any]) -> None:
        patch = {"metadata": {"annotations": {LAST_APPLIED: compact(edited) + "\n"}}}
        item.patch("merge", compact(patch).encode(), **parameters(self.session, validate=False))
        operation_printer(self.session, "edited").print(edited)


def _new_file(prefix: str, suffix: str) -> str:
    """An empty file of the user alone, with a number in its name."""
    from random import randrange
    from tempfile import gettempdir

    while True:
        path = os.path.join(gettempdir(), f"{prefix}{randrange(1 << 32)}{suffix}")
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            continue
        return path


def patch_between(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of patch for an object's type, and the patch."""
    from ..apply import json_merge
    from ..apply.merge_keys import type_of
    from ..apply.strategic import two_way

    if type_of(str(before.get("apiVersion", "")), str(before.get("kind", ""))):
        return "strategic", two_way(before, after)
    return "merge", json_merge.two_way(before, after)


def _unusable(documents: list[Any]) -> str:
    """Why there is nothing to send."""
    for document in documents or [None]:
        fields = document if isinstance(document, dict) else {}
        missing = [name for name in ("apiVersion", "kind") if not fields.get(name)]
        if missing:
            return ", ".join(f"{name} not set" for name in missing)
    return ""


def _without_comments(text: str) -> Any:
    """What the text says, or its lines when it is no YAML."""
    from ..wire.yaml_fast import load

    try:
        return load(text)
    except ValueError:
        return "\n".join(line for line in text.split("\n") if not line.startswith("#"))


def _without_head(text: str) -> str:
    lines = text.split("\n")
    while lines and lines[0].startswith("#"):
        lines.pop(0)
    return "\n".join(lines)
