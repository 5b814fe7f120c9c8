"""Run-time cost of calls, in cel-go's units with Kubernetes' estimates for its own functions.

One unit is about one step of an interpreter; a string of n characters takes n/10 to walk through. `call_cost` gives a
Python expression over the arguments `{0}`, `{1}` and the result `{r}`, which the compiler writes into the function.
"""

from typing import Any

import msgspec

from .types import Type

LIST, MAP, STRUCT = 10, 30, 40
NEW_LIST = 1 + LIST
"""A call that makes a list, beside what its elements cost."""


class MacroCost(msgspec.Struct, frozen=True):
    """`once` per comprehension, `each` per element, `kept` per element that the condition lets through."""

    once: int
    each: int
    kept: int = 0


MACROS = {
    "all": MacroCost(1, 3),
    "exists": MacroCost(1, 4),
    "exists_one": MacroCost(2, 1, 1),
    "filter": MacroCost(11, 1, 11),
    "map": MacroCost(11, 0, 12),
    "sortBy": MacroCost(23, 0, 12),
    "transformList": MacroCost(11, 0, 12),
    "transformMap": MacroCost(31, 0, 2),
    "transformMapEntry": MacroCost(31, 0, 2),
}


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | list | dict) else 1


def _tenth(value: Any) -> int:
    """Walking through a text once."""
    return (_size(value) + 9) // 10


def _smaller(a: Any, b: Any) -> int:
    """Comparing two values."""
    return (min(_size(a), _size(b)) + 9) // 10


def _traversal(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value) // 10
    if isinstance(value, list):
        return sum(map(_traversal, value))
    if isinstance(value, dict):
        return sum(_traversal(key) + _traversal(inner) for key, inner in value.items())
    return 1


def _range_cost(count: Any) -> int:
    return max(count, 0) + NEW_LIST if isinstance(count, int) else 1


def _flatten_cost(values: Any, depth: Any = 1) -> int:
    """Once through the list for every level that may be opened."""
    levels = depth if isinstance(depth, int) and depth >= 0 else 1
    return _size(values) * levels + NEW_LIST


def _self_compare(values: Any) -> int:
    """Every element with every other one; texts are walked through on top."""
    if not isinstance(values, list) or not values:
        return NEW_LIST
    tenths = 21 if isinstance(values[0], str | bytes) else 20
    return len(values) ** 2 * tenths // 10 + NEW_LIST


RUNTIME = {
    "size_": _size,
    "tenth_": _tenth,
    "smaller_": _smaller,
    "traversal_": _traversal,
    "range_cost_": _range_cost,
    "flatten_cost_": _flatten_cost,
    "self_compare_": _self_compare,
}

AUTHORIZATION_CHECK = 350_000

CHECKED_FIRST = frozenset({"lists.range", "flatten", "sort", "distinct"})
"""Calls that may take far longer than their arguments: they are not made when their cost is over the limit."""

_PATTERN = "(size_({0}) + 10) // 10 * ((size_({1}) + 3) // 4)"
_CALLS = {
    "check": str(AUTHORIZATION_CHECK),
    "startsWith": "tenth_({0})",
    "endsWith": "tenth_({0})",
    "contains": "tenth_({0}) * tenth_({1})",
    "matches": _PATTERN,
    "find": _PATTERN,
    "findAll": _PATTERN,
    "url": "tenth_({0})",
    "lowerAscii": "tenth_({0})",
    "upperAscii": "tenth_({0})",
    "substring": "tenth_({0})",
    "trim": "tenth_({0})",
    "replace": "(size_({0}) + 4) // 5",
    "split": "(size_({0}) + 4) // 5",
    "join": "(size_({r}) + 4) // 5",
    "ip": "tenth_({0})",
    "cidr": "tenth_({0})",
    "isIP": "tenth_({0})",
    "isCIDR": "tenth_({0})",
    "ip.isCanonical": "(size_({0}) + 4) // 5",
    "containsIP": "4 + tenth_({1})",
    "containsCIDR": "7 + tenth_({1})",
    "quantity": "tenth_({0})",
    "isQuantity": "tenth_({0})",
    "semver": "tenth_({0})",
    "isSemver": "tenth_({0})",
    "image": "tenth_({0})",
    "isImage": "tenth_({0})",
    "validate": "tenth_({1})",
    "isSorted": "traversal_({0})",
    "sum": "traversal_({0})",
    "min": "traversal_({0})",
    "max": "traversal_({0})",
    "indexOf": "traversal_({0})",
    "lastIndexOf": "traversal_({0})",
    "slice": f"size_({{r}}) + {NEW_LIST}",
    "reverse": f"size_({{r}}) + {NEW_LIST}",
    "lists.range": "range_cost_({0})",
    "distinct": "self_compare_({0})",
    "sort": "self_compare_({0})",
    "sets.contains": "size_({0}) * size_({1})",
    "sets.intersects": "size_({0}) * size_({1})",
    "sets.equivalent": "size_({0}) * size_({1}) * 2",
}
_SCALARS = frozenset({"int", "uint", "double", "bool", "timestamp", "duration", "null_type"})
_COMPARED = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})


def call_cost(function: str, kinds: list[Type]) -> str:
    """The cost of one call: a number, or an expression over `{0}`, `{1}`, `{r}`."""
    if function in _COMPARED:
        return "1" if any(kind.name in _SCALARS for kind in kinds) else "smaller_({0}, {1})"
    if function == "_+_" and any(kind.name in ("string", "bytes") for kind in kinds):
        return "(size_({0}) + size_({1}) + 9) // 10"
    if function == "@in":
        return "1" if kinds[1].name == "map" else "size_({1})"
    if function == "flatten":
        return "flatten_cost_({0}, {1})" if len(kinds) == 2 else "flatten_cost_({0})"
    if function in ("string", "bytes"):
        return "tenth_({0})" if kinds[0].name in ("bytes", "string") and kinds[0].name != function else "1"
    return _CALLS.get(function, "1")
