"""`kubectl explain`: what a kind and its fields mean, from the server's OpenAPI v3."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure, quoted
from ..mapper import Mapper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..discovery import Resource
    from ..session import Session

FLAGS = "api-version='' output='plaintext' recursive=false"
_PREFIX = "#/components/schemas/"
_WIDTH = 76


def run(session: Session) -> int:
    flags = session.flags
    if not session.args:
        raise CommandError(
            'You must specify the type of resource to explain. Use "kubectl api-resources" for a complete list of '
            "supported resources."
        )
    if len(session.args) > 1:
        raise CommandError("We accept only this format: explain RESOURCE")
    output = flags.text("output")
    resource, path = _asked(session, session.args[0])
    version = flags.text("api-version")
    if version and version != resource.api_version:
        resource = _in_version(session.mapper, resource, version)
    if output not in ("plaintext", "plaintext-openapiv2"):
        raise CommandError(f"unrecognized format: {output}")
    if output == "plaintext-openapiv2":
        from .explain_v2 import explain

        explain(session, resource, path)
        return 0
    try:
        schemas, schema = _schema(session, resource)
    except StatusFailure:
        # Servers before 1.24 have the older document only.
        from .explain_v2 import explain

        explain(session, resource, path)
        return 0
    kinds = Kinds(schemas)
    session.print(*([f"GROUP:      {resource.group}"] if resource.group else []))
    session.print(f"KIND:       {resource.kind}", f"VERSION:    {resource.version}", "")
    shown = kinds.at(schema, path)
    _print(session, kinds, shown, path)
    return 0


def _asked(session: Session, text: str) -> tuple[Resource, list[str]]:
    """The resource and the fields of `deployments.apps.spec.replicas` or `pods.spec`."""
    words = text.split(".")
    mapper = session.mapper
    for count in range(len(words), 0, -1):
        name = ".".join(words[:count])
        found = mapper.known(name)
        if found is not None and (count == 1 or found.group.startswith(".".join(words[1:count]))):
            return found, [word for word in words[count:] if word]
    try:
        return mapper.resource(words[0]), [word for word in words[1:] if word]
    except CommandError as error:
        raise CommandError(error.message, prefix="") from None


def _in_version(mapper: Mapper, resource: Resource, version: str) -> Resource:
    for other in mapper.discovery.resources:
        if other.name == resource.name and other.api_version == version:
            return other
    group, _, number = version.rpartition("/")
    raise CommandError(f'couldn\'t find resource for "{group}/{number}, Resource={resource.name}"')


def _schema(session: Session, resource: Resource) -> tuple[dict[str, Any], dict[str, Any]]:
    """All schemas of the version, and that of the kind. CommandError."""
    where = f"apis/{resource.group}/{resource.version}" if resource.group else f"api/{resource.version}"
    try:
        paths = session.client.get("/openapi/v3").get("paths") or {}
        entry = paths.get(where)
        if entry is None:
            raise CommandError(
                f'couldn\'t find resource for "{resource.group}/{resource.version}, Resource={resource.name}"'
            )
        document = session.client.get(entry["serverRelativeURL"])
    except StatusFailure as error:
        if error.code == 404:
            raise
        raise CommandError(f"failed to fetch openapi: {error.message}") from None
    schemas: dict[str, Any] = (document.get("components") or {}).get("schemas") or {}
    for schema in schemas.values():
        for kind in schema.get("x-kubernetes-group-version-kind") or ():
            wanted = (resource.group, resource.version, resource.kind)
            if (kind.get("group"), kind.get("version"), kind.get("kind")) == wanted:
                return schemas, schema
    raise CommandError(f"GVR ({resource.api_version}, Resource={resource.name}) not found in OpenAPI schema")


class Kinds:
    """Follows references between schemas."""

    def __init__(self, schemas: dict[str, Any]) -> None:
        self._schemas = schemas

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema itself, with its own description first where it refers to another."""
        reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("allOf") or () if "$ref" in one), "")
        if not reference:
            return schema
        target = dict(self._schemas.get(reference.removeprefix(_PREFIX)) or {})
        if schema.get("description"):
            target["description"] = schema["description"]
        return target

    def inner(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a list or map holds, else itself."""
        found = self.resolved(schema)
        while True:
            if isinstance(found.get("items"), dict):
                found = self.resolved(found["items"])
            elif isinstance(found.get("additionalProperties"), dict) and not found.get("properties"):
                found = self.resolved(found["additionalProperties"])
            else:
                return found

    def type_name(self, schema: dict[str, Any]) -> str:
        """`[]Container`, `map[string]string`, `integer`."""
        reference = schema.get("$ref") or next((one["$ref"] for one in schema.get("allOf") or () if "$ref" in one), "")
        if reference:
            target = self._schemas.get(reference.removeprefix(_PREFIX)) or {}
            if target.get("type") not in (None, "object") and not target.get("properties"):
                return str(target["type"])
            return reference.rpartition(".")[2]
        if schema.get("type") == "array":
            return "[]" + self.type_name(schema.get("items") or {})
        if isinstance(schema.get("additionalProperties"), dict) and not schema.get("properties"):
            return "map[string]" + self.type_name(schema["additionalProperties"])
        return str(schema.get("type") or "Object")

    def at(self, schema: dict[str, Any], path: list[str]) -> dict[str, Any]:
        """The field's schema at the end of a path. CommandError."""
        for name in path:
            properties = self.inner(schema).get("properties") or {}
            if name not in properties:
                raise CommandError(f'field "{path[-1]}" does not exist')
            schema = properties[name]
        return schema


def _print(session: Session, kinds: Kinds, schema: dict[str, Any], path: list[str]) -> None:
    lines: list[str] = []
    if path:
        lines.append(f"FIELD: {path[-1]} <{kinds.type_name(schema)}>")
        values = kinds.resolved(schema).get("enum") or kinds.inner(schema).get("enum") or []
        if values:
            lines.append("ENUM:")
            lines += [f"    {value}" for value in values]
        else:
            lines.append("")
        lines.append("")
    lines.append("DESCRIPTION:")
    texts = [str(kinds.resolved(schema).get("description") or "")]
    inner = str(kinds.inner(schema).get("description") or "")
    if inner not in texts:
        texts.append(inner)
    shown = [text for text in texts if text]
    for text in shown:
        lines += _wrapped(text, 4)
    if not shown:
        lines.append("    <empty>")
    elif kinds.inner(schema).get("properties"):
        lines.append("    ")
    fields = kinds.inner(schema)
    if fields.get("properties"):
        lines.append("FIELDS:")
        lines += _fields(kinds, fields, 2, session.flags.on("recursive"), ())
    lines.append("")
    session.print(*lines)


def _fields(kinds: Kinds, schema: dict[str, Any], level: int, recursive: bool, seen: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    required = schema.get("required") or ()
    for name in sorted(schema.get("properties") or {}):
        field = schema["properties"][name]
        kind = kinds.type_name(field)
        mark = " -required-" if name in required else ""
        lines.append(f"{' ' * level}{name}\t<{kind}>{mark}")
        values = kinds.resolved(field).get("enum") or []
        if values:
            more = ", ...." if len(values) > 4 else ""
            shown = [str(value) or quoted("") for value in values[:4]]
            lines.append(f"{' ' * level}enum: {', '.join(shown)}{more}")
        if not recursive:
            text = str(kinds.resolved(field).get("description") or "")
            lines += _wrapped(text, level + 2) if text else [" " * (level + 2) + "<no description>"]
            lines.append("")
        elif kind not in seen:
            lines += _fields(kinds, kinds.inner(field), level + 2, True, (*seen, kind))
    return lines


def _wrapped(text: str, indent: int) -> list[str]:
    """Words filled to the width; blank lines part paragraphs."""
    lines: list[str] = []
    margin = " " * indent
    for paragraph in text.split("\n"):
        current = ""
        for word in paragraph.split():
            if current and len(current) + 1 + len(word) > _WIDTH:
                lines.append(margin + current)
                current = word
            else:
                current = f"{current} {word}" if current else word
        lines.append(margin + current if current else margin.rstrip())
    return lines
