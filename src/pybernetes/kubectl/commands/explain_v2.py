"""`kubectl explain --output=plaintext-openapiv2`: from the older OpenAPI document, in the older layout."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..discovery import Resource
    from ..session import Session

    Schema = dict[str, Any]

_WIDTH = 80
_DESCRIPTION, _FIELD = 5, 3


def explain(session: Session, resource: Resource, path: list[str]) -> None:
    """Print it. CommandError for fields that are not there."""
    try:
        definitions = session.client.get("/openapi/v2").get("definitions") or {}
    except StatusFailure as error:
        if error.code == 404:
            raise
        raise CommandError(f"failed to fetch openapi: {error.message}") from None
    wanted = (resource.group, resource.version, resource.kind)
    schema = next((one for one in definitions.values() if wanted in _kinds(one)), None)
    if schema is None:
        raise CommandError(f"couldn't find resource for {resource.api_version}, Kind={resource.kind}", prefix="error: ")
    kinds = _Definitions(definitions)
    descriptions: list[str] = []
    for name in path:
        owner = kinds.below(schema, [])[0]
        properties = owner.get("properties") or {}
        if not properties and owner.get("type") == "object":  # anything may be below, of which nothing is known
            session.print(f"KIND:     {resource.kind}", f"VERSION:  {resource.api_version}", "")
            session.print(*_description([str(owner.get("description") or "")]))
            return
        if name not in properties:
            raise CommandError(f'field "{name}" does not exist')
        schema = properties[name]
    found, kind = kinds.below(schema, descriptions)
    if not path and not found.get("properties"):
        descriptions.append(str(found.get("description") or ""))
    session.print(f"KIND:     {resource.kind}", f"VERSION:  {resource.api_version}", "")
    if path:
        word = "RESOURCE:" if found.get("properties") else "FIELD:   "
        session.print(f"{word} {path[-1]} <{kind}>", "")
    session.print(*_description([*descriptions, str(found.get("description") or "")]))
    if found.get("properties"):
        session.print("", "FIELDS:", *kinds.fields(found, _FIELD, session.flags.on("recursive"), ()))


def _kinds(schema: Schema) -> list[tuple[Any, ...]]:
    marks = schema.get("x-kubernetes-group-version-kind") or ()
    return [(mark.get("group"), mark.get("version"), mark.get("kind")) for mark in marks]


def _description(texts: list[str]) -> list[str]:
    lines = ["DESCRIPTION:"]
    shown = [(number, text) for number, text in enumerate(texts) if text]
    for number, text in shown:
        lines += [""] if number else []
        lines += _wrapped(text, _DESCRIPTION)
    return lines if shown else [*lines, " " * _DESCRIPTION + "<empty>"]


def _wrapped(text: str, indent: int) -> list[str]:
    lines, current = [], ""
    for word in text.split():
        if current and indent + len(current) + 1 + len(word) > _WIDTH:
            lines.append(" " * indent + current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*lines, " " * indent + current] if current else lines


class _Definitions:
    """Follows references."""

    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def below(self, schema: Schema, descriptions: list[str]) -> tuple[Schema, str]:
        """What a reference, list or map comes to, and its type in words; descriptions on the way are added."""
        reference = schema.get("$ref")
        if reference:
            descriptions.append(str(schema.get("description") or ""))
            return self.below(self._definitions.get(reference.rpartition("/")[2]) or {}, descriptions)
        if schema.get("type") == "array":
            descriptions.append(str(schema.get("description") or ""))
            found, kind = self.below(schema.get("items") or {}, descriptions)
            return found, f"[]{kind}"
        inner = schema.get("additionalProperties")
        if isinstance(inner, dict):
            descriptions.append(str(schema.get("description") or ""))
            found, kind = self.below(inner, descriptions)
            return found, f"map[string]{kind}"
        if schema.get("properties"):
            return schema, "Object"
        if schema.get("type") == "object":
            return schema, "map[string]"
        return schema, str(schema.get("type") or "")

    def fields(self, schema: Schema, indent: int, recursive: bool, seen: tuple[int, ...]) -> list[str]:
        lines: list[str] = []
        for name in sorted(schema["properties"]):
            field = schema["properties"][name]
            found, kind = self.below(field, [])
            mark = " -required-" if name in (schema.get("required") or ()) and not recursive else ""
            lines.append(f"{' ' * indent}{name}\t<{kind}>{mark}")
            if not recursive:
                lines += [*_wrapped(str(field.get("description") or ""), indent + 2), ""]
            elif found.get("properties") and id(found) not in seen:
                lines += self.fields(found, indent + _FIELD, True, (*seen, id(found)))
        return lines
