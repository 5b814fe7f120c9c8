"""The order of a list after a strategic merge.

Items that the patch names come in the patch's order; the server's other items keep theirs and are put in between
where the order of the live list tells their place, otherwise behind (apimachinery `strategicpatch`).
"""

from typing import Any

from .json_patch import same


def index_of(items: list[Any], wanted: Any, key: str) -> int:
    """Where an item with the same merge key (the same value, when `key` is empty) stands, or -1."""
    for at, item in enumerate(items):
        if not key:
            if same(item, wanted):
                return at
        elif key in item and key in wanted and same(item[key], wanted[key]):
            return at
    return -1


def present_in(items: list[Any], named: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Splits items into those that `named` holds and the others."""
    mine: list[Any] = []
    others: list[Any] = []
    for item in items:
        (mine if index_of(named, item, key) >= 0 else others).append(item)
    return mine, others


def in_order(mine: list[Any], others: list[Any], wanted: list[Any], live: list[Any], key: str) -> list[Any]:
    """`mine` in the order of `wanted`, with `others` (in the order of `live`) merged in between."""
    mine = _sorted(mine, wanted, key)
    others = _sorted(others, live, key)
    merged: list[Any] = []
    left = right = 0
    while left < len(others) and right < len(mine):
        before, after = index_of(live, others[left], key), index_of(live, mine[right], key)
        if 0 <= before < after:
            merged.append(others[left])
            left += 1
        else:
            merged.append(mine[right])
            right += 1
    return merged + others[left:] + mine[right:]


def _sorted(items: list[Any], order: list[Any], key: str) -> list[Any]:
    places = {id(item): index_of(order, item, key) for item in items}
    known = sorted((item for item in items if places[id(item)] >= 0), key=lambda item: places[id(item)])
    if len(known) == len(items):
        return known
    return known + [item for item in items if places[id(item)] < 0]
