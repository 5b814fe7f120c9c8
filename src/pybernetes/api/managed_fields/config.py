"""What a configuration names: the field set an applier owns, after checking the configuration against its type.

Other than in `compare.py`, structs and maps that hold something are not members themselves; items of lists and keys of
maps are.
"""

from typing import Any

import orjson

from .field_set import MEMBER, SELF, FieldSet, element_text
from .nodes import BadItem, Deduced, Items, Leaf, Members, Node

_NAMES = {str: "string", bool: "bool", int: "int64", float: "float64", list: "[]interface {}"}
_KINDS: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "expected string, got"),
    "boolean": ((bool,), "expected boolean, got"),
    "numeric": ((int, float), "expected numeric (int or float), got"),
}
_EXACTLY: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "numeric": (int, float),
    "list": (list,),
    "map": (dict,),
}


def field_set_of(node: Node, value: Any) -> FieldSet:
    """The fields of a configuration. Items without a key are passed over."""
    return _below(node, value)


def _below(node: Node, value: Any) -> FieldSet:
    if type(node) is Deduced:
        node = node.of(value)
    found: FieldSet = {}
    if type(node) is Members and isinstance(value, dict):
        for name, inner in value.items():
            child = _below(node.child(name), inner)
            empty = inner is None or inner == {}
            if empty or name not in node.fields:
                child = _member(child)
            elif not child and not _is_leaf(node.child(name), inner):
                continue
            found["f:" + name] = child
    elif type(node) is Items and isinstance(value, list):
        for item in value:
            try:
                found[node.key_of(item)] = _member(_below(node.element, item))
            except BadItem:
                continue
    return found


def fitting_set(node: Node, value: Any) -> FieldSet | None:
    """`field_set_of` a configuration that fits its type; None for one that does not, of which `problems` tells why.
    In one walk, since nearly all fit: 2 us instead of 5 for a few labels."""
    try:
        return _fitting(node, value)
    except (_Misfit, BadItem):
        return None


class _Misfit(Exception):
    pass


def _fitting(node: Node, value: Any) -> FieldSet:
    if type(node) is Deduced:
        node = node.of(value)
    found: FieldSet = {}
    if value is None:
        return found
    if type(node) is Members:
        if type(value) is not dict:
            raise _Misfit
        fields, rest = node.fields, node.rest
        for name, inner in value.items():
            child = fields.get(name) or rest
            if child is None:
                raise _Misfit
            if type(child) is Leaf:
                _fit_leaf(child, inner)
                found["f:" + name] = MEMBER
                continue
            below = _fitting(child, inner)
            if inner is None or inner == {} or name not in fields:
                below = _member(below)
            elif not below and not _is_leaf(child, inner):
                continue
            found["f:" + name] = below
    elif type(node) is Items:
        if type(value) is not list:
            raise _Misfit
        for item in value:
            key = node.key_of(item)
            if key in found:
                raise _Misfit
            found[key] = _member(_fitting(node.element, item))
    elif type(node) is Leaf:
        _fit_leaf(node, value)
    return found


def _fit_leaf(node: Leaf, value: Any) -> None:
    types = _EXACTLY.get(node.kind)
    if types is not None and value is not None and type(value) not in types:
        raise _Misfit


def _is_leaf(node: Node, value: Any) -> bool:
    if type(node) is Deduced:
        node = node.of(value)
    return type(node) is Leaf


def _member(node: FieldSet) -> FieldSet:
    return {SELF: MEMBER, **node} if node else MEMBER


def problems(node: Node, value: Any, path: str = "") -> list[str]:
    """Why a configuration does not fit its type, one text per field."""
    if value is None:
        return []
    if type(node) is Deduced:
        node = node.of(value)
    if type(node) is Leaf:
        return _leaf_problems(node, value, path)
    if type(node) is Members:
        if not isinstance(value, dict):
            return [f"{path}: expected map, got &{{{_shown(value)}}}"]
        return _member_problems(node, value, path)
    if type(node) is Items:
        if not isinstance(value, list):
            return [f"{path}: expected list, got &{{{_shown(value)}}}"]
        return _item_problems(node, value, path)
    return []


def _leaf_problems(node: Leaf, value: Any, path: str) -> list[str]:
    if node.kind == "list" and not isinstance(value, list):
        return [f"{path}: expected list, got &{{{_shown(value)}}}"]
    if node.kind == "map" and not isinstance(value, dict):
        return [f"{path}: expected map, got &{{{_shown(value)}}}"]
    wanted = _KINDS.get(node.kind)
    if wanted is not None:
        types, words = wanted
        if not isinstance(value, types) or (isinstance(value, bool) and node.kind != "boolean"):
            return [f"{path}: {words} {_go_type(value)}"]
    return []


def _member_problems(node: Members, value: dict[str, Any], path: str) -> list[str]:
    found = []
    for name, inner in value.items():
        child = node.fields.get(name) or node.rest
        if child is None:
            found.append(f"{path}.{name}: field not declared in schema")
        else:
            found += problems(child, inner, f"{path}.{name}")
    return found


def _item_problems(node: Items, value: list[Any], path: str) -> list[str]:
    found = []
    seen = set()
    for at, item in enumerate(value):
        try:
            key = node.key_of(item)
        except BadItem as error:
            found.append(f"{path}: element {at}: {error}")
            continue
        if key in seen:
            found.append(f"{path}: duplicate entries for key {element_text(key)}")
        seen.add(key)
        found += problems(node.element, item, path + element_text(key))
    return found


def _go_type(value: Any) -> str:
    return _NAMES.get(type(value), "map[string]interface {}")


def _shown(value: Any) -> str:
    """A value as Go's %v prints it, near enough for a message."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_shown(inner)}" for key, inner in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(_shown, value)) + "]"
    if value is None:
        return "<nil>"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
