"""Values of templates: Go's names of their types, and what a map gives for a key that it has not."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Missing:
    """What a map without the key gives; shown as `<no value>`."""


MISSING = Missing()


class Constant(int):
    """A whole number of the template itself, or of `len`: an `int`, where those of objects are `int64`."""

    __slots__ = ()


def type_name(value: Any) -> str:
    names = {
        "bool": "bool", "Constant": "int", "int": "int64", "float": "float64", "str": "string",
        "list": "[]interface {}", "dict": "map[string]interface {}",
    }  # fmt: skip
    return names.get(type(value).__name__, "nil")
