"""Sets of fields in their wire form, `fieldsV1`: nested dicts whose keys are path elements.

    {"f:spec": {"f:replicas": {}, "f:template": {".": {}, "f:metadata": {...}}}}

`f:NAME` is a field or a map's key, `k:{...}` a list's item by its keys, `v:VALUE` a member of a set, `i:N` an index.
A node is a member of the set when it is empty or holds `"."`; the root is a set and not a member. Sets are never
changed in place and share their parts freely.
"""

from collections.abc import Iterator
from typing import Any

import orjson

FieldSet = dict[str, Any]

SELF = "."
MEMBER: FieldSet = {}
"""A node that is a member and has nothing below. Shared: never change it."""


def is_member(node: FieldSet) -> bool:
    """Whether a node below the root is itself in the set."""
    return not node or SELF in node


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in either."""
    if not left or left is right:
        return right
    if not right:
        return left
    merged = dict(left)
    for key, theirs in right.items():
        ours = merged.get(key)
        merged[key] = theirs if ours is None else _union_nodes(ours, theirs)
    return merged


def _union_nodes(left: FieldSet, right: FieldSet) -> FieldSet:
    if not left:
        return right if is_member(right) else {SELF: MEMBER, **right}
    if not right:
        return left if is_member(left) else {SELF: MEMBER, **left}
    return union(left, right)


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in both."""
    found: FieldSet = {}
    for key, ours in left.items():
        theirs = right.get(key)
        if theirs is None:
            continue
        node = _common(ours, theirs)
        if node is not None:
            found[key] = node
    return found


def _common(left: FieldSet, right: FieldSet) -> FieldSet | None:
    if not left:
        return MEMBER if is_member(right) else None
    if not right:
        return MEMBER if SELF in left else None
    return _node(intersection(left, right))


def _node(found: FieldSet) -> FieldSet | None:
    """The canonical form of a node that is not the root; None when nothing is left of it."""
    if not found:
        return None
    return MEMBER if len(found) == 1 and SELF in found else found


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in the left one only; what lies below a member of the right one stays."""
    if not right or not left:
        return left
    found: FieldSet = {}
    for key, ours in left.items():
        theirs = right.get(key)
        if theirs is None:
            found[key] = ours
            continue
        node = _without(ours, theirs)
        if node is not None:
            found[key] = node
    return found


def _without(left: FieldSet, right: FieldSet) -> FieldSet | None:
    if not left:
        return None if is_member(right) else left
    if not right:
        return _node({key: node for key, node in left.items() if key != SELF})
    return _node(difference(left, right))


def recursive_difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is left when every member of `right` takes all below it along."""
    if not right or not left:
        return left
    found: FieldSet = {}
    for key, ours in left.items():
        theirs = right.get(key)
        if theirs is None:
            found[key] = ours
        elif not is_member(theirs) and ours:
            node = _node(recursive_difference(ours, theirs))
            if node is not None:
                found[key] = node
        elif not is_member(theirs):
            found[key] = ours
    return found


def has(fields: FieldSet, path: tuple[str, ...]) -> bool:
    """Whether the set holds this path of elements (`("f:spec", "f:replicas")`)."""
    node = fields
    for element in path:
        below = node.get(element)
        if below is None:
            return False
        node = below
    return bool(path) and is_member(node)


def of_path(path: tuple[str, ...]) -> FieldSet:
    """The set of one path."""
    node: FieldSet = MEMBER
    for element in reversed(path):
        node = {element: node}
    return node


def paths(fields: FieldSet, prefix: str = "") -> Iterator[str]:
    """The members as text (`.spec.containers[name="c"].image`): those of a level in order, then what lies below."""
    elements = sorted(key for key in fields if key != SELF)
    shown = {key: prefix + element_text(key) for key in elements}
    for key in elements:
        if is_member(fields[key]):
            yield shown[key]
    for key in elements:
        if fields[key]:
            yield from paths(fields[key], shown[key])


def element_text(element: str) -> str:
    """One path element as errors show it."""
    kind, value = element[:2], element[2:]
    if kind == "f:":
        return "." + value
    if kind == "k:":
        keys = orjson.loads(value)
        return "[" + ",".join(f"{name}={_value_text(keys[name])}" for name in sorted(keys)) + "]"
    if kind == "v:":
        return f"[={_value_text(orjson.loads(value))}]"
    return f"[{value}]"


def _value_text(value: Any) -> str:
    return orjson.dumps(value).decode()


class BadFields(ValueError):
    """A text or dict that is no `fieldsV1`."""


def checked(fields: Any) -> FieldSet:
    """`fieldsV1` as a client sent it, with keys in the form we write them. BadFields when it is none."""
    if not isinstance(fields, dict):
        raise BadFields("fieldsV1 is not an object")
    found: FieldSet = {}
    for key, node in fields.items():
        if key == SELF:
            found[SELF] = MEMBER
            continue
        found[_checked_element(key)] = _node(checked(node)) or MEMBER
    return found


def _checked_element(element: str) -> str:
    kind, value = element[:2], element[2:]
    if kind == "f:":
        return element
    try:
        if kind == "k:":
            keys = orjson.loads(value)
            if not isinstance(keys, dict):
                raise BadFields(f"key is no object: {element}")
            return "k:" + orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()
        if kind == "v:":
            return "v:" + orjson.dumps(orjson.loads(value)).decode()
        if kind == "i:":
            return f"i:{int(value)}"
    except ValueError as error:
        raise BadFields(f"bad path element {element}: {error}") from None
    raise BadFields(f"unknown path element {element}")
