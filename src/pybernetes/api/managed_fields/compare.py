"""What a write changed: the fields that came, changed and went between two states of an object.

Every level that came or went is listed, not only its leaves (`"."` in field sets). Equal parts are passed over by one
comparison in C, so a small change of a large object costs little.
"""

from typing import Any

import msgspec

from .field_set import MEMBER, SELF, FieldSet, recursive_difference, union
from .nodes import BadItem, Deduced, Items, Leaf, Members, Node

SHAPES = 64
"""Shapes remembered of one type: an environment variable with name and value, a port, a toleration. They make the set
of a new pod with thirty variables twice as fast."""
_DEEP = frozenset({dict, list})


class Comparison(msgspec.Struct):
    """Field sets; `changed` is what the writer now owns."""

    added: FieldSet
    modified: FieldSet
    removed: FieldSet

    @property
    def changed(self) -> FieldSet:
        return union(self.modified, self.added)

    @property
    def same(self) -> bool:
        return not (self.added or self.modified or self.removed)

    def without(self, ignored: FieldSet) -> "Comparison":
        """As if these fields, with all below them, had not been touched."""
        if not ignored:
            return self
        return Comparison(
            recursive_difference(self.added, ignored),
            recursive_difference(self.modified, ignored),
            recursive_difference(self.removed, ignored),
        )


def compare(old: Any, new: Any, node: Node) -> Comparison:
    """The difference of two objects of one type."""
    found = Comparison({}, {}, {})
    if type(node) is Members and isinstance(old, dict) and isinstance(new, dict):
        _compare_members(node, old, new, found)
    elif old != new:
        _compare(node, old, new, found, "")
    return found


def _compare(node: Node, old: Any, new: Any, into: Comparison, element: str) -> None:
    """Both are there and differ. `element` is the place of this value in the sets of `into` ("": it is the root)."""
    if type(node) is Deduced:
        node = node.of(new if new is not None else old)
        if type(node) is Members and not (isinstance(old, dict | None) and isinstance(new, dict | None)):
            into.modified[element] = MEMBER
            return
    if type(node) is Leaf or not (old or new):
        into.modified[element] = MEMBER
        return
    below = Comparison({}, {}, {}) if element else into
    if type(node) is Members:
        if not (isinstance(old, dict | None) and isinstance(new, dict | None)):
            into.modified[element] = MEMBER
            return
        _compare_members(node, old or {}, new or {}, below)
    elif type(node) is Items:
        if not (isinstance(old, list | None) and isinstance(new, list | None)):
            into.modified[element] = MEMBER
            return
        _compare_items(node, old or [], new or [], below)
    if element:
        if below.added:
            into.added[element] = below.added
        if below.modified:
            into.modified[element] = below.modified
        if below.removed:
            into.removed[element] = below.removed


def _compare_members(node: Members, old: dict[str, Any], new: dict[str, Any], into: Comparison) -> None:
    child = node.child
    for name, value in new.items():
        if name in old:
            before = old[name]
            if before is not value and before != value:
                _compare(child(name), before, value, into, "f:" + name)
        else:
            into.added["f:" + name] = everything(child(name), value)
    for name in old:
        if name not in new:
            into.removed["f:" + name] = everything(child(name), old[name])


def _compare_items(node: Items, old: list[Any], new: list[Any], into: Comparison) -> None:
    before, after = _by_key(node, old), _by_key(node, new)
    for key, values in after.items():
        earlier = before.get(key)
        if earlier is None:
            if len(values) == 1:
                into.added[key] = everything(node.element, values[0])
            else:
                into.added[key] = MEMBER
        elif earlier != values:
            if len(earlier) == 1 and len(values) == 1:
                _compare(node.element, earlier[0], values[0], into, key)
            else:
                into.modified[key] = MEMBER
    for key, values in before.items():
        if key not in after:
            into.removed[key] = everything(node.element, values[0]) if len(values) == 1 else MEMBER


def _by_key(node: Items, items: list[Any]) -> dict[str, list[Any]]:
    """Items by path element; stored lists may hold one twice. What has no key is left out."""
    found: dict[str, list[Any]] = {}
    for item in items:
        try:
            found.setdefault(node.key_of(item), []).append(item)
        except BadItem:
            continue
    return found


def everything(node: Node, value: Any) -> FieldSet:
    """The node of a field set that holds a value with all its levels."""
    if type(node) is Leaf or not value:
        return MEMBER
    if type(node) is Deduced:
        node = node.of(value)
    if type(node) is Members and type(value) is dict:
        flat = is_flat(value)
        if flat:
            shape = tuple(value)
            known = node.shapes.get(shape)
            if known is not None:
                return known
        fields, rest = node.fields, node.rest
        found: FieldSet = {SELF: MEMBER}
        for name, inner in value.items():
            child = fields.get(name, rest)
            found["f:" + name] = MEMBER if not inner or child is None else everything(child, inner)
        if flat and len(node.shapes) < SHAPES:
            node.shapes[shape] = found
        return found
    if type(node) is Items and type(value) is list:
        element = node.element
        found = {SELF: MEMBER}
        for item in value:
            try:
                found[node.key_of(item)] = everything(element, item)
            except BadItem:
                continue
        return found
    return MEMBER


def is_flat(value: dict[str, Any]) -> bool:
    """Whether nothing lies below the members: then the names alone tell the set, and values of one shape share it."""
    for inner in value.values():  # noqa: SIM110 (a generator costs three times as much)
        if inner and type(inner) in _DEEP:
            return False
    return True
