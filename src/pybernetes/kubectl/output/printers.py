"""Printers of objects by `-o`: one line with what was done (the default), `name`, JSON, YAML, KYAML, templates."""

from __future__ import annotations

import os

from ..errors import CommandError, quoted
from . import go_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

TEMPLATES = ("go-template", "go-template-file", "template", "templatefile")
PATHS = ("jsonpath", "jsonpath-as-json", "jsonpath-file")
ALLOWED = (*TEMPLATES[:2], "json", *PATHS, "kyaml", "name", "template", "templatefile", "yaml")


class Printer:
    """Prints objects one after the other."""

    human = False

    def __init__(self, session: Session) -> None:
        self.session = session
        self.show_managed_fields = session.flags.on("show-managed-fields")

    def print(self, obj: dict[str, Any], ordered: bool = False) -> None:
        """`ordered` keeps the order of keys in JSON, as for objects that were made and not fetched."""
        raise NotImplementedError

    def shown(self, obj: dict[str, Any]) -> dict[str, Any]:
        """Without managed fields."""
        return obj if self.show_managed_fields else without_managed_fields(obj)


def without_managed_fields(obj: dict[str, Any]) -> dict[str, Any]:
    """A copy, as deep as needed, without `metadata.managedFields`; Lists item by item."""
    metadata = obj.get("metadata")
    if isinstance(metadata, dict) and "managedFields" in metadata:
        obj = {**obj, "metadata": {key: value for key, value in metadata.items() if key != "managedFields"}}
    items = obj.get("items")
    if isinstance(items, list) and str(obj.get("kind", "")).endswith("List"):
        obj = {**obj, "items": [without_managed_fields(item) if isinstance(item, dict) else item for item in items]}
    return obj


class Done(Printer):
    """`deployment.apps/web created`."""

    human = True

    def __init__(self, session: Session, operation: str, suffix: str = "") -> None:
        super().__init__(session)
        self.operation = operation
        self.suffix = suffix

    def print(self, obj: dict[str, Any], ordered: bool = False) -> None:
        if obj.get("kind") == "List" or (str(obj.get("kind", "")).endswith("List") and "items" in obj):
            for item in obj.get("items") or ():
                self.print(item)
            return
        name = name_of(obj)
        self.session.print(f"{name} {self.operation}{self.suffix}" if self.operation else name)


def name_of(obj: dict[str, Any]) -> str:
    """`deployment.apps/web`."""
    group, slash, _ = str(obj.get("apiVersion") or "").partition("/")
    kind = str(obj.get("kind") or "").lower() or "<unknown>"
    metadata = obj.get("metadata") or {}
    name = metadata.get("name") or "<unknown>"
    return f"{kind}.{group}/{name}" if slash else f"{kind}/{name}"


class Json(Printer):
    def print(self, obj: dict[str, Any], ordered: bool = False) -> None:
        self.session.out.write(go_json.indented(self.shown(obj), ordered=ordered) + "\n")


class Yaml(Printer):
    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._count = 0

    def print(self, obj: dict[str, Any], ordered: bool = False) -> None:
        from .go_yaml import dump

        if self._count:
            self.session.out.write("---\n")
        self._count += 1
        self.session.out.write(dump(self.shown(obj)))


class Kyaml(Printer):
    def print(self, obj: dict[str, Any], ordered: bool = False) -> None:
        from .kyaml import dump

        self.session.out.write(dump(_without_null_times(self.shown(obj)), ordered=ordered))


def _without_null_times(value: Any) -> Any:
    """Generated manifests have a creationTimestamp of null; KYAML is younger than the clients that print it."""
    if isinstance(value, list):
        return [_without_null_times(item) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {key: _without_null_times(item) for key, item in value.items()}
    metadata = shown.get("metadata")
    if isinstance(metadata, dict) and metadata.get("creationTimestamp", 0) is None:
        del metadata["creationTimestamp"]
    return shown


class JsonPath(Printer):
    def __init__(self, session: Session, template: str, *, as_json: bool) -> None:
        from . import jsonpath

        super().__init__(session)
        self._template = template
        self._as_json = as_json
        try:
            self._nodes = jsonpath.parse(template)
        except jsonpath.JsonPathError as error:
            raise CommandError(f"error parsing jsonpath {template}, {error}") from None

    def print(self, obj: dict[str, Any], ordered: bool = False) -> None:
        from . import jsonpath

        try:
            allow = self.session.flags.on("allow-missing-template-keys")
            text = jsonpath.render(self._nodes, obj, allow_missing=allow, as_json=self._as_json)
        except jsonpath.JsonPathError as error:
            from .go_syntax import go_syntax

            raise CommandError(
                f"error executing jsonpath {quoted(self._template)}: Error executing template: {error}. "
                f"Printing more information for debugging the template:\n\ttemplate was:\n\t\t{self._template}\n"
                f"\tobject given to jsonpath engine was:\n\t\t{go_syntax(obj)}\n\n"
            ) from None
        self.session.out.write(text)


class GoTemplate(Printer):
    def __init__(self, session: Session, template: str) -> None:
        from .template.parser import TemplateError, parse

        super().__init__(session)
        self._text = template
        try:
            self._template = parse(template)
        except TemplateError as error:
            raise CommandError(f"error parsing template {template}, template: output:{error}") from None

    def print(self, obj: dict[str, Any], ordered: bool = False) -> None:
        from .table import plain_text
        from .template.execute import execute
        from .template.parser import TemplateError

        strict = not self.session.flags.on("allow-missing-template-keys")
        parts: list[str] = []
        try:
            execute(self._template, obj, parts.append, strict=strict)
        except TemplateError as error:
            self.session.out.write("".join(parts))
            self.session.print(
                f"Error executing template: template: output:{error}. "
                f"Printing more information for debugging the template:\n\ttemplate was:\n\t\t{self._text}\n"
                f"\traw data was:\n\t\t{go_json.compact(obj, ordered=ordered)}\n"
                f"\tobject given to template engine was:\n\t\t{plain_text(obj)}\n"
            )
            raise CommandError(f"error executing template {quoted(self._text)}: template: output:{error}") from None
        self.session.out.write("".join(parts))


def printer_for(session: Session, operation: str = "", suffix: str = "", *, default: str = "") -> Printer:
    """The printer that `-o` and `--template` ask for; by default one that tells what was done. CommandError."""
    output = session.flags.text("output") or default
    template = session.flags.text("template")
    if not output and template:
        output = "go-template"
    if not output:
        return Done(session, operation, suffix)
    if output == "name":
        return Done(session, "")
    if output == "json":
        return Json(session)
    if output == "yaml":
        return Yaml(session)
    if output == "kyaml" and not without_kyaml():
        return Kyaml(session)
    printer = template_printer(session, output)
    if printer is not None:
        return printer
    raise unmatched(output, ALLOWED)


def without_kyaml() -> bool:
    """Is KYAML switched off by its feature gate?"""
    return os.environ.get("KUBECTL_KYAML", "").lower() in ("false", "0", "f")


def unmatched(output: str, allowed: tuple[str, ...]) -> CommandError:
    if without_kyaml():
        allowed = tuple(name for name in allowed if name != "kyaml")
    return CommandError(
        f"unable to match a printer suitable for the output format {quoted(output)}, "
        f"allowed formats are: {','.join(allowed)}"
    )


def template_printer(session: Session, output: str) -> Printer | None:
    """For `go-template=…`, `jsonpath=…` and their file forms; None for any other output."""
    name, equals, text = output.partition("=")
    if name not in TEMPLATES and name not in PATHS:
        return None
    text = text if equals else session.flags.text("template")
    if not text:
        raise CommandError("template format specified but no template given")
    if name in ("go-template-file", "templatefile", "jsonpath-file"):
        try:
            with open(text, encoding="utf-8") as file:
                text = file.read()
        except OSError as error:
            from ..errors import os_text

            raise CommandError(f"error reading --template {text}, {os_text(error)}") from None
    if name in TEMPLATES:
        return GoTemplate(session, text)
    return JsonPath(session, text, as_json=name == "jsonpath-as-json")
