"""Lays a strategic merge patch over an object as kustomize does: what the patch adds to a list comes before the rest.

Lists of the built-in kinds, and of those that `openapi` describes, merge by their keys; other lists are replaced.
`$patch: delete`, `replace` and `merge` are understood in maps and in items, null removes.
"""

from __future__ import annotations

from ..apply.merge_keys import MERGE, field, type_of
from . import two_keys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Field = Callable[[str, str], tuple[str, str, int]]

_GONE = object()


class Schema:
    """The built-in kinds, with what a schema file adds."""

    def __init__(self, document: dict[str, Any] | None = None) -> None:
        self._definitions: dict[str, Any] = (document or {}).get("definitions") or {}
        self._kinds = {
            (str(one.get("group") or ""), str(one.get("version")), str(one.get("kind"))): name
            for name, schema in self._definitions.items()
            for one in schema.get("x-kubernetes-group-version-kind") or ()
        }

    def type_of(self, api_version: str, kind: str) -> str:
        group, slash, version = api_version.partition("/")
        known = self._kinds.get((group, version, kind) if slash else ("", group, kind))
        return f"#{known}" if known else type_of(api_version, kind)

    def field(self, name: str, key: str) -> tuple[str, str, int]:
        """As `merge_keys.field`; types of the file are `#definition/property/…`."""
        if not name.startswith("#"):
            return field(name, key)
        schema = ((self._node(name[1:])).get("properties") or {}).get(key) or {}
        merge = "merge" in str(schema.get("x-kubernetes-patch-strategy", ""))
        below = f"{name}/{key}" + ("/[]" if schema.get("type") == "array" else "")
        return below, str(schema.get("x-kubernetes-patch-merge-key") or ""), MERGE if merge else 0

    def _node(self, path: str) -> dict[str, Any]:
        first, *rest = path.split("/")
        node = self._resolved(self._definitions.get(first) or {})
        for part in rest:
            below = node.get("items") if part == "[]" else (node.get("properties") or {}).get(part)
            node = self._resolved(below or {})
        return node

    def _resolved(self, node: dict[str, Any]) -> dict[str, Any]:
        reference = str(node.get("$ref", "")).rpartition("/")[2]
        return self._definitions.get(reference) or {} if reference else node


def merged(obj: dict[str, Any], patch: dict[str, Any], schema: Schema) -> dict[str, Any] | None:
    """The object after the patch; None when the patch deletes it. Neither is changed."""
    name = schema.type_of(str(obj.get("apiVersion", "")), str(obj.get("kind", "")))
    found = _map(obj, patch, name, schema.field)
    return None if found is _GONE else found


def _map(old: dict[str, Any], patch: dict[str, Any], name: str, field: Field) -> Any:
    directive = patch.get("$patch")
    if directive == "delete":
        return _GONE
    if directive == "replace":
        return _plain({key: value for key, value in patch.items() if key != "$patch"})
    found = dict(old)
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        below, merge_key, flags = field(name, key)
        new = _value(found.get(key), value, below, merge_key if flags & MERGE else "", bool(flags & MERGE), field)
        if new is _GONE:
            found.pop(key, None)
        else:
            found[key] = new
    return found


def _value(old: Any, new: Any, name: str, merge_key: str, merging: bool, field: Field) -> Any:
    if new is None:
        return _GONE
    if isinstance(new, dict):
        return _map(old if isinstance(old, dict) else {}, new, name, field)
    if isinstance(new, list) and merging:
        return _list(old if isinstance(old, list) else [], new, name, merge_key, field)
    return _plain(new)


def _list(old: list[Any], new: list[Any], name: str, merge_key: str, field: Field) -> Any:
    if any(isinstance(item, dict) and item.get("$patch") == "replace" and len(item) == 1 for item in new):
        return _plain([item for item in new if not (isinstance(item, dict) and item.get("$patch") == "replace")])
    if not merge_key or not all(isinstance(item, dict) for item in (*old, *new)):
        return [*new, *(item for item in old if item not in new)]
    if second := two_keys.SECOND.get(merge_key):

        def item_of(before: dict[str, Any], item: dict[str, Any]) -> dict[str, Any] | None:
            value = _map(before, item, name, field)
            return None if value is _GONE else value

        return two_keys.merged(old, new, (merge_key, second), item_of)
    known = {_shown(item, merge_key): item for item in old}
    found: dict[str, Any] = {}
    for item in new:
        which = _shown(item, merge_key)
        before = known.pop(which, None)
        replaced = before is not None and item.get("$patch") == "replace"
        value = before if replaced else _map(before or {}, item, name, field)
        if value is not _GONE:
            found[which] = value
    return [*found.values(), *known.values()]


def _shown(item: dict[str, Any], key: str) -> str:
    value = item.get(key)
    return "" if value is None else str(value)


def _plain(value: Any) -> Any:
    """A value of the patch that stands for itself: its maps without nulls and directives, its lists as they are."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None and key != "$patch"}
    return value
