"""Lists and sets: isSorted, sum, min, max, indexOf, lastIndexOf and `sets.contains`, `equivalent`, `intersects`."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from ..errors import EvaluationError
from ..values import equal, less
from .standard import add

_ORDERED = ("int", "uint", "double", "bool", "string", "bytes", "timestamp", "duration")
_SUMMED = ("int", "uint", "double", "duration")

DECLARATIONS = "\n".join(
    [f"list({kind})::isSorted() -> bool" for kind in _ORDERED]
    + [f"list({kind})::{name}() -> {kind}" for kind in _ORDERED for name in ("min", "max")]
    + [f"list({kind})::sum() -> {kind}" for kind in _SUMMED]
    + ["list(A)::indexOf(A) -> int", "list(A)::lastIndexOf(A) -> int"]
    + [f"sets.{name}(list(A), list(A)) -> bool" for name in ("contains", "equivalent", "intersects")]
)


def _is_sorted(values: list[Any]) -> bool:
    return all(not less(b, a) for a, b in pairwise(values))


def _sum(values: list[Any]) -> Any:
    """The sum; 0 for an empty list, whatever its elements would be."""
    if not values:
        return 0
    total = values[0]
    for value in values[1:]:
        total = add(total, value)
    return total


def _extreme(name: str, better: Callable[[Any, Any], bool]) -> Callable[[list[Any]], Any]:
    def call(values: list[Any]) -> Any:
        if not values:
            raise EvaluationError(f"{name} called on empty list")
        best = values[0]
        for value in values[1:]:
            if better(value, best):
                best = value
        return best

    return call


def _contains(outer: list[Any], inner: list[Any]) -> bool:
    return all(any(equal(value, other) for other in outer) for value in inner)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "isSorted": _is_sorted,
    "sum": _sum,
    "min": _extreme("min", less),
    "max": _extreme("max", lambda a, b: less(b, a)),
    "sets.contains": _contains,
    "sets.equivalent": lambda a, b: _contains(a, b) and _contains(b, a),
    "sets.intersects": lambda a, b: any(equal(x, y) for x in a for y in b),
}
