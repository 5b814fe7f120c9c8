"""cel-go's list extension, in the base environment since 1.34: slice, flatten, sort, distinct, reverse, lists.range.

The macro `list.sortBy(e, key)` is `comprehensions.py`'s: it collects the keys and calls `@sortByAssociatedKeys`.
"""

from collections.abc import Callable
from typing import Any

from ..errors import NO_OVERLOAD, EvaluationError
from ..values import equal, type_name

SORT_BY = "@sortByAssociatedKeys"
_COMPARABLE = ("int", "uint", "double", "bool", "duration", "timestamp", "string", "bytes")

DECLARATIONS = "\n".join(
    [
        "list(A)::slice(int, int) -> list(A)",
        "list(list(A))::flatten() -> list(A)",
        "list(dyn)::flatten(int) -> list(dyn)",
        "list(A)::distinct() -> list(A)",
        "list(A)::reverse() -> list(A)",
        "lists.range(int) -> list(int)",
    ]
    + [f"list({kind})::sort() -> list({kind})" for kind in _COMPARABLE]
    + [f"list(A)::{SORT_BY}(list({kind})) -> list(A)" for kind in _COMPARABLE]
)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise EvaluationError(NO_OVERLOAD)
    return value


def _int(value: Any) -> int:
    if type(value) is not int:
        raise EvaluationError(NO_OVERLOAD)
    return value


def _slice(given: Any, start: Any, end: Any) -> list[Any]:
    values, start, end = _list(given), _int(start), _int(end)
    shown = f"cannot slice({start}, {end})"
    if start < 0 or end < 0:
        raise EvaluationError(f"{shown}, negative indexes not supported")
    if start > end:
        raise EvaluationError(f"{shown}, start index must be less than or equal to end index")
    if end > len(values):
        raise EvaluationError(f"{shown}, list is length {len(values)}")
    return values[start:end]


def _flatten(given: Any, depth: Any = 1) -> list[Any]:
    values, depth = _list(given), _int(depth)
    if depth < 0:
        raise EvaluationError("level must be non-negative")
    while depth and any(isinstance(value, list) for value in values):
        values = [part for value in values for part in (value if isinstance(value, list) else (value,))]
        depth -= 1
    return values


def sort_by(given: Any, keys: list[Any]) -> list[Any]:
    """The values in the order of their keys, one key a value; equal keys keep their order. EvaluationError."""
    values = _list(given)
    if not values:
        return values
    first = type_name(keys[0])
    if first not in _NAMES:
        raise EvaluationError("list elements must be comparable")
    if any(type_name(key) != first for key in keys):
        raise EvaluationError("list elements must have the same type")
    return [values[at] for at in sorted(range(len(values)), key=keys.__getitem__)]


_NAMES = frozenset(_COMPARABLE) | {"google.protobuf.Timestamp", "google.protobuf.Duration"}


def _distinct(given: Any) -> list[Any]:
    values = _list(given)
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and kinds <= {str, int}:
        return list(dict.fromkeys(values))
    found: list[Any] = []
    for value in values:
        if not any(equal(value, other) for other in found):
            found.append(value)
    return found


def _range(count: Any) -> list[int]:
    count = _int(count)
    if count < 0:
        raise EvaluationError(f"lists.range: size must be non-negative, got {count}")
    return list(range(count))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "slice": _slice,
    "flatten": _flatten,
    "sort": lambda values: sort_by(values, _list(values)),
    SORT_BY: sort_by,
    "distinct": _distinct,
    "reverse": lambda values: _list(values)[::-1],
    "lists.range": _range,
}
