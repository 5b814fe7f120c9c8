"""`vars`: `$(NAME)` in certain fields stands for a field of an object."""

from __future__ import annotations

import re

from ..errors import CommandError
from .field_specs import FieldSpec, change
from .resource import gvk_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .resource import Resource

    Object = dict[str, Any]

_REFERENCE = re.compile(r"\$(?:\$|\(([-._a-zA-Z0-9]+)\))")


def resolve(resources: list[Resource], entries: list[Object], specs: list[FieldSpec]) -> None:
    """Find the values and put them in place. CommandError for what cannot be found."""
    if not entries:
        return
    values: dict[str, Any] = {}
    for entry in entries:
        name = str(entry.get("name"))
        if name in values:
            raise CommandError(f"var '{name}' already encountered")
        values[name] = _value(resources, entry)
    for resource in resources:
        for spec in specs:
            change(resource.obj, spec, lambda value: _expanded(value, values))


def _value(resources: list[Resource], entry: Object) -> Any:
    reference = entry.get("objref") or {}
    kind, name, version = (str(reference.get(key) or "") for key in ("kind", "name", "apiVersion"))
    path = str((entry.get("fieldref") or {}).get("fieldPath") or "metadata.name")
    for resource in resources:
        if version and resource.obj.get("apiVersion") != version:
            continue
        if any((k, n) == (kind, name) for k, n, _ in resource.identities):
            found = _field(resource.obj, path)
            if found is None or isinstance(found, dict | list):
                raise CommandError(f"field specified in var '{entry['name']}' not found in corresponding resource")
            return found
    group, slash, bare = version.partition("/")
    shown = gvk_text(group if slash else "", bare if slash else group, kind)
    raise CommandError(
        f"var '{{{entry.get('name')} {shown} {{{path}}}}}' cannot be mapped to a field in the set of known resources"
    )


def _field(node: Any, path: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", path):
        if isinstance(node, list):
            node = node[int(part)] if part.isdigit() and int(part) < len(node) else None
        else:
            node = node.get(part) if isinstance(node, dict) else None
    return node


def _expanded(value: Any, values: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(item, values) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole and whole[1] in values:
        return values[whole[1]]

    def one(match: re.Match[str]) -> str:
        if match[1] is None:
            return "$"
        return str(values[match[1]]) if match[1] in values else match[0]

    return _REFERENCE.sub(one, value)
