"""Simple JSON paths into objects of a schema (`.spec.x`, `.labels['key']`): of `fieldPath` and `selectableFields`."""

from .schema import Structural


def refers(path: str, schema: Structural, *, array_notation: bool = True) -> tuple[str, str]:
    """(the path as field errors write it, ""), or ("", why the path names no field of the schema)."""
    node: Structural | None = schema
    written = ""
    at = 0
    while at < len(path):
        if path[at] == ".":
            end = min((found for mark in ".[" if (found := path.find(mark, at + 1)) > 0), default=len(path))
            name, at = path[at + 1 : end], end
        elif path.startswith("['", at):
            if not array_notation:
                return "", "array notation is not allowed"
            end = path.find("']", at + 2)
            if end < 0:
                return "", "unexpected end of JSON path"
            name, at = path[at + 2 : end].replace("\\'", "'"), end + 2
        else:
            return "", f"expected [ or . but got: {path[at:]}"
        assert node is not None
        written += f".{name}" if name in node.properties else f"[{name}]"
        node = node.child(name)
        if node is None:
            return "", "does not refer to a valid field"
    return written, ""
