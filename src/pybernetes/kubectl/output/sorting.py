"""`--sort-by`: by the value of a field; numbers and quantities by size, texts naturally, what lacks the field first."""

from __future__ import annotations

from ..errors import CommandError
from . import jsonpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

_INSERTED = 12
"""So few Go sorts by insertion, with which what lacks the field ends up in the opposite order."""


def by_field(items: list[T], field: str, content: Callable[[T], Any]) -> list[T]:
    """Sorted; CommandError when none of several items has the field, or it is not comparable."""
    if not items:
        return items
    try:
        path = jsonpath.parse(jsonpath.relaxed(field))
    except jsonpath.JsonPathError as error:
        raise CommandError(str(error)) from None
    found: list[Any] = []
    lacking: list[int] = []
    for place, item in enumerate(items):
        try:
            values = jsonpath.values(path, content(item))
        except jsonpath.JsonPathError as error:
            if "out of bounds" not in str(error):
                raise CommandError(str(error)) from None
            values = []
        found.append(values[0] if values else None)
        if not values:
            lacking.append(place)
    if len(lacking) == len(items) > 1:
        raise CommandError(f'couldn\'t find any field with path "{jsonpath.relaxed(field)}" in the list of objects')
    keys = [_key(value) for value in found]
    rest = sorted(set(range(len(items))) - set(lacking), key=lambda place: (keys[place], place))
    if len(items) <= _INSERTED:
        lacking.reverse()
    return [items[place] for place in (*lacking, *rest)]


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
    kind = "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"
    raise CommandError(f"unsortable type: {kind}")


def _amount(text: str) -> Any:
    """The size of a quantity; None for other texts."""
    if not text[:1].isdigit() and text[:1] not in "+-.":
        return None
    from pybernetes.api.quantity import QuantityError, parse

    try:
        return parse(text).nanos / 1e9
    except QuantityError:
        return None
