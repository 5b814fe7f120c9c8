"""`kubectl explain`: what a kind and its fields mean, from the server's OpenAPI v3."""

from __future__ import annotations

from ..errors import CommandError, StatusFailure
from ..mapper import Mapper
from ..output.table import plain_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..discovery import Resource
    from ..output.jsonpath_parser import Node
    from ..session import Session

FLAGS = "api-version='' -o,output='plaintext' -R,recursive=false"
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
    version = flags.text("api-version")
    resource, path = _asked(session, session.args[0], in_version=bool(version))
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


def _asked(session: Session, text: str, *, in_version: bool) -> tuple[Resource, list[str]]:
    """The resource and the fields of `deploy.spec`; a group may follow a whole name: `deployments.apps.spec`."""
    first, *steps = _steps(text)
    if first.kind != "field":
        raise CommandError(_NO_FIELD.format("first node must be field node"))
    served = session.mapper.discovery.resources
    try:
        resource = session.mapper.resource(str(first.value))
    except CommandError as error:
        raise CommandError(error.message, prefix="") from None
    if in_version:
        return resource, _path_of(steps, "all nodes must be field nodes")
    for found in served:
        if found.name == resource.name and text.startswith(found.full_name):
            resource = session.mapper.resource(found.full_name)
            rest = text[len(found.full_name) :]
            steps = _steps(rest)[1:] if rest else []
            break
    return resource, _path_of(steps, "first node must be field node")


_NO_FIELD = "invalid jsonpath syntax, {}"


def _steps(text: str) -> list[Node]:
    from ..output.jsonpath_parser import JsonPathError, parse

    try:
        nodes = parse("{." + text.removesuffix(".") + "}")
    except JsonPathError as error:
        raise CommandError(str(error)) from None
    if len(nodes) != 1:
        raise CommandError("must pass in 1 jsonpath string")
    return nodes[0].children


def _path_of(steps: list[Node], otherwise: str) -> list[str]:
    if any(step.kind != "field" for step in steps):
        raise CommandError(_NO_FIELD.format(otherwise))
    return [str(step.value) for step in steps]


def _in_version(mapper: Mapper, resource: Resource, version: str) -> Resource:
    for other in mapper.discovery.resources:
        if other.name == resource.name and other.api_version == version:
            return other
    group, _, number = version.rpartition("/")
    if any(other.api_version == version for other in mapper.discovery.resources):
        raise CommandError(f"GVR ({group}/{number}, Resource={resource.name}) not found in OpenAPI schema")
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
        """What a reference refers to, else the schema itself."""
        return self._schemas.get(str(schema.get("$ref") or "").removeprefix(_PREFIX)) or schema

    def parts(self, schema: dict[str, Any]) -> list[dict[str, Any]]:
        """The schemas beside it: those of `allOf`, of its items and of its values."""
        within = [schema.get("items"), schema.get("additionalProperties")]
        return [*(schema.get("allOf") or ()), *(one for one in within if isinstance(one, dict) and one)]

    def type_name(self, schema: dict[str, Any]) -> str:
        """`[]Container`, `map[string]string`, `integer`."""
        every: list[dict[str, Any]] = schema.get("allOf") or []
        if schema.get("items"):
            return "[]" + self.type_name(schema["items"])
        if isinstance(schema.get("additionalProperties"), dict):
            return "map[string]" + self.type_name(schema["additionalProperties"])
        if len(every) == 1 and not schema.get("properties"):
            return self.type_name(every[0])
        if reference := str(schema.get("$ref") or ""):
            target = self.resolved(schema)
            if target is schema or target.get("type") in (None, "object"):
                return reference.rpartition("/")[2].rpartition(".")[2]
            return str(target["type"])
        kind = schema.get("type") or "object"
        return "Object" if kind == "object" else str(kind)

    def at(self, schema: dict[str, Any], path: list[str]) -> dict[str, Any]:
        """The field's schema at the end of a path. CommandError."""
        for name in path:
            found = self._property(schema, name, frozenset())
            if found is None:
                raise CommandError(f'field "{path[-1]}" does not exist')
            schema = found
        return schema

    def _property(self, schema: dict[str, Any], name: str, seen: frozenset[str]) -> dict[str, Any] | None:
        """A field of the schema, or of what it holds."""
        reference = str(schema.get("$ref") or "")
        if reference and reference in seen:
            return None
        found = self.resolved(schema)
        if name in (found.get("properties") or {}):
            return dict(found["properties"][name])
        below = (self._property(part, name, seen | {reference}) for part in self.parts(found))
        return next((one for one in below if one is not None), None)

    def description(self, schema: dict[str, Any]) -> str:
        """The descriptions of the schema and of those beside it, each with a line break."""
        found = self.resolved(schema)
        own = f"{found['description']}\n" if found.get("description") else ""
        return own + "".join(map(self.description, self.parts(found)))


def _print(session: Session, kinds: Kinds, schema: dict[str, Any], path: list[str]) -> None:
    lines: list[str] = []
    if path:
        lines.append(f"FIELD: {path[-1]} <{kinds.type_name(schema)}>")
        values = [_value(one) for one in schema.get("enum") or ()]
        lines += ["ENUM:", *(f"    {value}" for value in values)] if values else [""]
        lines.append("")
    found = kinds.resolved(schema)
    text = kinds.description(found)
    lines += ["DESCRIPTION:", *(_wrapped(text, 4) if text else ["    <empty>"])]
    if text:
        lines[-1] = "    "
    if found.get("externalDocs"):
        lines += ["", *_external(found["externalDocs"], 0, 4)]
    fields = _fields(kinds, found, 2, session.flags.on("recursive"), frozenset())
    if fields:
        lines += ["FIELDS:", *fields]
    session.print(*lines, "")


def _value(value: Any) -> str:
    return '""' if value == "" else plain_text(value)


def _external(docs: dict[str, Any], start: int, indent: int) -> list[str]:
    """Where more is written (`externalDocs`)."""
    text, url = str(docs.get("description") or ""), docs.get("url")
    shown = _wrapped(text, indent) if text else []
    return [f"{' ' * start}EXTERNAL DOCS:", *shown, *([f"{' ' * indent}URL: {url}"] if url else [])]


def _fields(kinds: Kinds, schema: dict[str, Any], level: int, recursive: bool, seen: frozenset[str]) -> list[str]:
    """`seen`: references that were followed on the way."""
    reference = str(schema.get("$ref") or "")
    if reference and reference in seen:
        return []
    seen |= {reference}
    found = kinds.resolved(schema)
    lines: list[str] = []
    required = found.get("required") or ()
    for name, field in sorted((found.get("properties") or {}).items()):
        mark = " -required-" if name in required else ""
        lines.append(f"{' ' * level}{name}\t<{kinds.type_name(field)}>{mark}")
        values = [_value(one) for one in field.get("enum") or ()]
        if values:
            more = ", ...." if len(values) > 4 else ""
            lines.append(f"{' ' * level}enum: {', '.join(values[:4])}{more}")
        if recursive:
            lines += _fields(kinds, field, level + 2, True, seen)
            continue
        text = str(field.get("description") or "")
        lines += _wrapped(text, level + 2) if text else [" " * (level + 2) + "<no description>"]
        if field.get("externalDocs"):
            lines += ["", *_external(field["externalDocs"], level + 2, level + 4)]
        lines.append("")
    for part in kinds.parts(found):
        lines += _fields(kinds, part, level, recursive, seen)
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
