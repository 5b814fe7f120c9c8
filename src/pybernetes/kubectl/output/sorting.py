"""`--sort-by`: by the value of a field; numbers and quantities by size, texts naturally, what lacks the field first."""

from __future__ import annotations

from ..errors import CommandError
from . import jsonpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")


def by_field(items: list[T], field: str, content: Callable[[T], Any]) -> list[T]:
    """Sorted; CommandError when no item has the field, or it is not comparable."""
    if not items:
        return items
    try:
        path = jsonpath.parse(jsonpath.relaxed(field))
    except jsonpath.JsonPathError as error:
        raise CommandError(str(error)) from None
    found: list[Any] = []
    for item in items:
        try:
            values = jsonpath.values(path, content(item))
        except jsonpath.JsonPathError as error:
            if "out of bounds" not in str(error):
                raise CommandError(str(error)) from None
            values = []
        found.append(values[0] if values else None)
    if all(value is None for value in found) and not any(_has(path, content(item)) for item in items):
        raise CommandError(f'couldn\'t find any field with path "{jsonpath.relaxed(field)}" in the list of objects')
    keys = [_key(value) for value in found]
    order = sorted(range(len(items)), key=lambda position: keys[position])
    return [items[position] for position in order]


def _has(path: list[Any], obj: Any) -> bool:
    try:
        return bool(jsonpath.values(path, obj))
    except jsonpath.JsonPathError:
        return False


def _key(value: Any) -> tuple[int, Any]:
    if value is None:
        return (0, 0)
    if isinstance(value, bool):
        return (1, int(value))
    if isinstance(value, int | float):
        return (1, value)
    if isinstance(value, str):
        amount = _amount(value)
        return (1, amount) if amount is not None else (2, value)
    raise CommandError(f"unsortable type: {type(value).__name__}")


def _amount(text: str) -> Any:
    """The size of a quantity; None for other texts."""
    if not text[:1].isdigit() and text[:1] not in "+-.":
        return None
    from pybernetes.api.quantity import QuantityError, parse

    try:
        return parse(text).nanos / 1e9
    except QuantityError:
        return None
