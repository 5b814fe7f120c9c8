"""Factories for fields that upstream writes even when they are empty.

msgspec leaves out a field that equals its default, and treats the `list` and `dict` types as "default is empty".
A factory of any other kind is never compared, so what these make is always written.
"""

from typing import Any


def empty_list() -> list[Any]:
    return []


def empty_dict() -> dict[str, Any]:
    return {}


def zero_quantity() -> str:
    return "0"
