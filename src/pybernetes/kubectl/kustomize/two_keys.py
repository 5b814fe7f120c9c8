"""Merges a list whose items are told apart by two fields, as ports by number and protocol.

Kustomize takes an item that lacks the second field for any of the same first field when it collects what there is, yet
not when it looks for an item again. So a patch may get lost where only one side names the protocol: that is what users
of kustomize see, and it is kept. Items that were there come last, in their order; new ones before them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Item = dict[str, Any]
    Keys = tuple[str, ...]

SECOND = {"containerPort": "protocol", "port": "protocol", "topologyKey": "whenUnsatisfiable"}
"""The second key of a list, by its first one."""


def merged(old: list[Item], new: list[Item], keys: Keys, merge: Callable[[Item, Item], Item | None]) -> list[Item]:
    """The list after a patch; `merge` gives one item, None or an empty one when it is to go."""
    here = [dict(item) for item in old]
    wanted = _joined(list(dict.fromkeys(_values(item, keys) for item in (*new, *old))))
    used = tuple(key for at, key in enumerate(keys) if any(values[at] for values in wanted)) or keys
    found: list[Item] = []
    for values in wanted:
        sought = {key: value for key, value in zip(keys, values, strict=True) if key in used}
        before, patch = (_first(items, {k: v for k, v in sought.items() if v}) for items in (here, new))
        item = before if patch is None else merge(before or {}, patch)
        if not item:
            here = [one for one in here if not _is(one, sought)]
            continue
        if before is not None and item is not before:
            before.clear()
            before.update(item)
            item = before
        for key, value in sought.items():
            if value:
                item.setdefault(key, value)
        _put(found, item, sought)
    for item in here:
        known = {key: _text(item, key) for key in used if item.get(key) is not None}
        if len(used) > 1:
            found = [one for one in found if not _is(one, known)]
        _put(found, item, known)
    return found


def _joined(wanted: list[Keys]) -> list[Keys]:
    """Values that differ only where one is empty are the same."""
    for left in range(len(wanted)):
        for right in range(len(wanted)):
            pairs = list(zip(wanted[left], wanted[right], strict=True))
            if any(a == b for a, b in pairs) and all(a == b or not a or not b for a, b in pairs):
                wanted[left] = wanted[right] = tuple(a or b for a, b in pairs)
    return wanted


def _values(item: Item, keys: Keys) -> Keys:
    return tuple(_text(item, key) for key in keys)


def _text(item: Item, key: str) -> str:
    value = item.get(key)
    return "" if value is None else str(value)


def _is(item: Item, sought: Item) -> bool:
    """Has an item these fields, with these values where they are not empty?"""
    return all(key in item and (not value or _text(item, key) == value) for key, value in sought.items())


def _first(items: list[Item], sought: Item) -> Item | None:
    return next((item for item in items if _is(item, sought)), None)


def _put(items: list[Item], item: Item, sought: Item) -> None:
    """In the place of those that are the same, else at the end."""
    places = [at for at, one in enumerate(items) if _is(one, sought)]
    for at in places:
        items[at] = item
    if not places:
        items.append(item)
