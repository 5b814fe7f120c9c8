"""Strategic merge patches made and applied here (apimachinery's strategicpatch).

`two_way(before, after)` is what `set` and `edit` send, `three_way(last, wanted, live)` what `apply` sends: additions
and
changes against the live object, deletions against what was applied last. Lists that merge by key yield items with that
key, `$patch: delete` for items to drop and `$setElementOrder` for their order.
"""

from __future__ import annotations

from .merge_keys import MERGE, RETAIN_KEYS, field, type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]

ORDER = "$setElementOrder/"
DELETE_FROM = "$deleteFromPrimitiveList/"


def two_way(before: Object, after: Object) -> Object:
    """The patch that turns one into the other; empty when they are equal."""
    name = type_of(str(before.get("apiVersion", "")), str(before.get("kind", "")))
    return diff(before, after, name, changes=True, deletions=True)


def three_way(last: Object, wanted: Object, live: Object, name: str) -> Object:
    """The patch of `apply`, for the type of that name."""
    delta = diff(live, wanted, name, changes=True, deletions=False)
    gone = diff(last, wanted, name, changes=False, deletions=True)
    return _joined(gone, delta, name)


def diff(before: Object, after: Object, name: str, *, changes: bool, deletions: bool, retain: bool = False) -> Object:
    """What must change in `before`, a map of the type `name`."""
    patch: Object = {}
    for key, value in after.items():
        if key not in before:
            if changes:
                patch[key] = value
            continue
        old = before[key]
        below, merge_key, flags = field(name, key)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = diff(old, value, below, changes=changes, deletions=deletions, retain=bool(flags & RETAIN_KEYS))
            if inner:
                patch[key] = inner
        elif isinstance(value, list) and isinstance(old, list) and flags & MERGE:
            _lists(patch, key, old, value, below, merge_key, changes, deletions, bool(flags & RETAIN_KEYS))
        elif changes and not _same(old, value):
            patch[key] = value
    if deletions:
        for key in before:
            if key not in after:
                patch[key] = None
    if retain and patch:
        patch["$retainKeys"] = sorted(after)
    return patch


def _same(left: Any, right: Any) -> bool:
    return bool(left == right) and isinstance(left, bool) == isinstance(right, bool)


def _lists(
    patch: Object,
    key: str,
    old: list[Any],
    new: list[Any],
    name: str,
    merge_key: str,
    changes: bool,
    deletions: bool,
    retain: bool,
) -> None:
    if not old:
        if new and changes:
            patch[key] = new
        return
    if not merge_key or not all(isinstance(item, dict) for item in old + new):
        added = [item for item in new if item not in old] if changes else []
        gone = [item for item in old if item not in new] if deletions else []
        if added:
            patch[key] = added
        if gone:
            patch[DELETE_FROM + key] = gone
        if added or gone:
            patch[ORDER + key] = new
        return
    olds = {item.get(merge_key): item for item in old}
    news = {item.get(merge_key): item for item in new}
    items: list[Any] = []
    for value, item in news.items():
        if value not in olds:
            if changes:
                items.append(item)
            continue
        inner = diff(olds[value], item, name, changes=changes, deletions=deletions, retain=retain)
        if inner:
            items.append({**inner, merge_key: value})
    if deletions:
        items += [{"$patch": "delete", merge_key: value} for value in olds if value not in news]
    common = [value for value in olds if value in news]
    moved = changes and common != [value for value in news if value in olds]
    if items:
        patch[key] = items
    if items or moved:
        patch[ORDER + key] = [{merge_key: value} for value in news]


def _joined(gone: Object, delta: Object, name: str) -> Object:
    """Deletions and additions in one patch."""
    found = dict(gone)
    for key, value in delta.items():
        old = found.get(key)
        below, merge_key, _ = field(name, key)
        if isinstance(old, dict) and isinstance(value, dict):
            found[key] = _joined(old, value, below)
        elif isinstance(old, list) and isinstance(value, list) and merge_key and not key.startswith("$"):
            items = {item.get(merge_key): item for item in old}
            for item in value:
                known = items.get(item.get(merge_key))
                items[item.get(merge_key)] = _joined(known, item, below) if known else item
            found[key] = list(items.values())
        else:
            found[key] = value
    return found


def patched(obj: Object, patch: Object) -> Object:
    """An object after a strategic patch, computed here (dry runs, `--local`, overrides)."""
    from pybernetes.api.patch.json_patch import PatchError
    from pybernetes.api.patch.strategic import strategic_merge

    from ..errors import CommandError

    name = type_of(str(obj.get("apiVersion", "")), str(obj.get("kind", "")))
    try:
        return strategic_merge(obj, patch, name)
    except PatchError as error:
        raise CommandError(str(error)) from None
