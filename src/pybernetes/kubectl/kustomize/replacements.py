"""`replacements`: a field of one object copied into fields of others.

Paths are `spec.containers.[name=web].env.*.value`: parts are keys, positions, `*` for all items or `[key=value]` for
those that match; `[a.b/c]` is a key with dots in it.
"""

from __future__ import annotations

import re

from ..errors import CommandError
from .patches import selects
from .resource import gvk, gvk_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .resource import Resource

    Object = dict[str, Any]
    Place = tuple[Any, Any]

_PART = re.compile(r"\[([^\]]*)\]|((?:[^.\\]|\\.)+)")


def replace(resources: list[Resource], entries: list[Object]) -> None:
    """Do all of them in order. CommandError."""
    for entry in entries:
        source, targets = entry.get("source"), entry.get("targets")
        if not source or not targets:
            raise CommandError("replacements must specify a source and at least one target")
        value = _source(resources, source)
        for target in targets:
            select = target.get("select")
            if select is None:
                raise CommandError("target must specify resources to select")
            for resource in resources:
                if selects(resource, select) and not any(selects(resource, no) for no in target.get("reject") or ()):
                    _apply(resource, value, target)


def _source(resources: list[Resource], source: Object) -> Any:
    found = [resource for resource in resources if _is(resource, source)]
    group, version, kind = (str(source.get(key) or "") for key in ("group", "version", "kind"))
    name, space = source.get("name") or "[noName]", source.get("namespace") or "[noNs]"
    shown = f"{gvk_text(group, version, kind)}/{name}.{space}"
    if not found:
        raise CommandError(f"nothing selected by {shown}")
    if len(found) > 1:
        raise CommandError(f"multiple matches for selector {shown}")
    path = str(source.get("fieldPath") or "metadata.name")
    places = list(_places(found[0].obj, parts_of(path), None))
    if not places:
        raise CommandError(f"fieldPath `{path}` is missing for replacement source {shown}")
    value = _at(places[0])
    options = source.get("options") or {}
    if options.get("delimiter"):
        if isinstance(value, dict | list):
            raise CommandError("delimiter option can only be used with scalar nodes")
        pieces, index = _text(value).split(options["delimiter"]), int(options.get("index") or 0)
        if not 0 <= index < len(pieces):
            raise CommandError(f"options.index {index} is out of bounds for value {_text(value)}")
        value = pieces[index]
    return value


def _is(resource: Resource, source: Object) -> bool:
    """By what it is and was called; exactly."""
    group, version, _ = gvk(resource.obj)
    if source.get("group", group) != group or source.get("version", version) != version:
        return False
    return any(
        all(
            not source.get(key) or str(source[key]) == value
            for key, value in (("kind", kind), ("name", name), ("namespace", space or "default"))
        )
        for kind, name, space in resource.identities
    )


def _apply(resource: Resource, value: Any, target: Object) -> None:
    options = target.get("options") or {}
    create = bool(options.get("create"))
    resource.remember()
    for path in target.get("fieldPaths") or ["metadata.name"]:
        places = list(_places(resource.obj, parts_of(str(path)), {} if create else None))
        if not places:
            raise CommandError(
                f'unable to find or create field "{path}" in replacement target'
                if create
                else f'unable to find field "{path}" in replacement target'
            )
        for holder, key in places:
            holder[key] = _joined(holder[key], value, options)


def _joined(old: Any, value: Any, options: Object) -> Any:
    """The new value; a scalar that was there keeps its type where it can."""
    if isinstance(old, _Nothing):
        old = None
    if options.get("delimiter") and old is not None:
        if isinstance(old, dict | list):
            raise CommandError("delimiter option can only be used with scalar nodes")
        pieces, index = _text(old).split(options["delimiter"]), int(options.get("index") or 0)
        if index < 0:
            pieces.insert(0, _text(value))
        elif index >= len(pieces):
            pieces.append(_text(value))
        else:
            pieces[index] = _text(value)
        value = options["delimiter"].join(pieces)
    if old is None or isinstance(old, dict | list):
        return value
    if isinstance(value, dict | list):
        return ""
    if isinstance(old, str):
        return _text(value)
    from ..wire.yaml_read import resolved

    return resolved(_text(value), core=True)


def _text(value: Any) -> str:
    from ..output.go_json import compact

    return value if isinstance(value, str) else compact(value)


def parts_of(path: str) -> list[str]:
    """`a.[b=c].d` in parts; brackets stay around conditions only."""
    found = []
    for match in _PART.finditer(path):
        inside, plain = match.groups()
        if inside is None:
            found.append(re.sub(r"\\(.)", r"\1", plain))
        else:
            found.append(f"[{inside}]" if "=" in inside else inside)
    return found


def _places(node: Any, parts: list[str], missing: Any) -> Iterator[Place]:
    """(holder, key) of everything the path leads to; `missing` other than None makes what is not there."""
    part, rest = parts[0], parts[1:]
    for key in list(_keys(node, part, missing is not None, _is_list(rest))):
        if rest:
            yield from _places(node[key], rest, missing)
        else:
            yield node, key


def _is_list(rest: list[str]) -> bool:
    return bool(rest) and (rest[0][:1] == "[" or rest[0] in ("*", "-") or rest[0].isdigit())


def _keys(node: Any, part: str, create: bool, listed: bool) -> Iterator[Any]:
    if isinstance(node, list):
        if part == "*":
            yield from range(len(node))
        elif part[:1] == "[":
            key, _, value = part[1:-1].partition("=")
            matching = [n for n, item in enumerate(node) if isinstance(item, dict) and _text(item.get(key)) == value]
            if not matching and create:
                node.append({key: value})
                matching = [len(node) - 1]
            yield from matching
        elif part == "-":
            node.append({} if create else None)
            yield len(node) - 1
        elif part.isdigit() and int(part) < len(node):
            yield int(part)
    elif isinstance(node, dict):
        if part == "*":
            yield from node
        elif node.get(part) is not None:
            yield part
        elif create:
            node[part] = [] if listed else _Nothing()
            yield part


class _Nothing(dict):  # type: ignore[type-arg]
    """Made on the way: a map when something is put into it, replaced when it is the end."""


def _at(place: Place) -> Any:
    return place[0][place[1]]
