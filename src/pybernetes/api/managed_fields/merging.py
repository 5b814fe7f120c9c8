"""Puts a configuration into an object, and takes fields out of one, as the types say.

    merged = merge(node, live, config)          # what config says wins, all else stays
    rest = remove(node, merged, given_up)       # without the members of a field set

Nothing given is changed; results share parts with what was given.
"""

from typing import Any

import orjson

from .field_set import MEMBER, SELF, FieldSet, is_member
from .known_sets import SETS
from .nodes import BadItem, Deduced, Items, Leaf, Members, Node

_KEPT = 128


def merge(node: Node, live: Any, config: Any) -> Any:
    """Both are there; `config` wins where it says something."""
    if type(node) is Deduced:
        node = node.of(config)
        if type(node) is Members and not isinstance(live, dict | None):
            return config
    if type(node) is Leaf or not (live or config):
        return config
    if type(node) is Members:
        return _merge_members(node, live if isinstance(live, dict) else {}, config or {})
    assert type(node) is Items
    return _merge_items(node, live if isinstance(live, list) else [], config or [])


def _merge_members(node: Members, live: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    merged = dict(live)
    for name, value in config.items():
        merged[name] = merge(node.child(name), live[name], value) if name in live else value
    return merged


def _merge_items(node: Items, live: list[Any], config: list[Any]) -> list[Any]:
    """Items in both stand in the configuration's order; the others keep their place beside their neighbours."""
    left, right = _keyed(node, live), dict(_keyed(node, config))
    known = dict(reversed(left))
    shared = [key for key in right if key in known]
    merged: list[Any] = []
    order = list(right)
    at = here = 0
    while at < len(left) or here < len(order):
        if at < len(left) and here < len(order):
            key = left[at][0]
            if key == order[here]:
                merged.append(merge(node.element, known[key], right[key]))
                at, here = at + 1, here + 1
                shared = shared[1:]
                continue
            if key in right and shared and shared[0] != key:
                at += 1  # in both, but its turn comes later
                continue
        if at < len(left) and left[at][0] not in right:
            merged.append(left[at][1])
            at += 1
            continue
        if here < len(order):
            key = order[here]
            merged.append(merge(node.element, known[key], right[key]) if key in known else right[key])
            here += 1
            if shared and shared[0] == key:
                shared = shared[1:]
        else:
            at += 1  # a second item with this key
    return merged


def _keyed(node: Items, items: list[Any]) -> list[tuple[str, Any]]:
    found = []
    for item in items:
        try:
            found.append((node.key_of(item), item))
        except BadItem:
            continue
    return found


def remove(node: Node, value: Any, fields: FieldSet) -> Any:
    """The value without the members of a set; None where nothing is left of a map or list."""
    if not fields:
        return value
    if type(node) is Deduced:
        node = node.of(value)
    if type(node) is Members and isinstance(value, dict):
        kept: dict[str, Any] = {}
        for name, inner in value.items():
            below = fields.get("f:" + name)
            if below is None:
                kept[name] = inner
            elif not is_member(below):
                kept[name] = remove(node.child(name), inner, below)
        return kept or None
    if type(node) is Items and isinstance(value, list):
        items: list[Any] = []
        for item in value:
            try:
                below = fields.get(node.key_of(item))
            except BadItem:
                below = None
            if below is None:
                items.append(item)
            elif not is_member(below):
                items.append(remove(node.element, item, below))
        return items or None
    return value if type(node) is Leaf and not isinstance(value, dict | list) else None


def with_named_members(node: Node, fields: FieldSet) -> FieldSet:
    """A set with the declared fields on the way to its members as members too, so that a struct goes when the last of
    its fields does."""
    found: FieldSet = {}
    for key, below in fields.items():
        if key == SELF:
            found[SELF] = MEMBER
            continue
        child: Node | None = None
        declared = False
        if key.startswith("f:") and type(node) is Members:
            name = key[2:]
            declared = name in node.fields
            child = node.fields.get(name) or node.rest
        elif key.startswith("k:") and type(node) is Items:
            child = node.element
        if below and child is not None:
            below = with_named_members(child, below)
        if declared and not is_member(below):
            below = {SELF: MEMBER, **below}
        found[key] = below
    return found


def fitting(root: Node, fields: FieldSet) -> FieldSet:
    """`reconciled`, with the last results kept: objects made alike have equal sets, and looking through one is a tenth
    of an apply. Of a set that is known its text need not be made."""
    if type(root) is not Members:
        return reconciled(root, fields)
    key = SETS.text_of(fields) or orjson.dumps(fields)
    found = root.fitted.get(key)
    if found is None:
        if len(root.fitted) >= _KEPT:
            root.fitted.clear()
        found = root.fitted[key] = reconciled(root, fields)
    return found


def reconciled(node: Node, fields: FieldSet) -> FieldSet:
    """A set that fits the type as it is now: what lies below a value that is atomic by now is owned as that value. The
    same set if nothing has changed."""
    found: FieldSet = {}
    same = True
    for key, below in fields.items():
        if key == SELF or not below:
            found[key] = below
            continue
        child: Node | None = None
        if key.startswith("f:") and type(node) is Members:
            child = node.fields.get(key[2:]) or node.rest
        elif type(node) is Items:
            child = node.element
        if child is None:
            found[key] = below
        else:
            fit = found[key] = MEMBER if type(child) is Leaf else reconciled(child, below)
            same = same and fit is below
    return fields if same else found
