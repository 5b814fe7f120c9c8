"""The functions expressions may call: Kubernetes' libraries beside CEL's own ("CEL in Kubernetes", libraries).

Each module holds `DECLARATIONS` (one overload a line, for the checker) and `FUNCTIONS` (name -> implementation, for
all overloads of that name; a receiver is the first argument). `declarations.py` reads the lines.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from . import (
    authorization,
    images,
    list_extension,
    lists,
    network,
    optionals,
    quantities,
    semver,
    standard,
    strings,
    times,
    urls,
)
from .declarations import Overload, parse_declarations

_MODULES = (
    standard, times, strings, lists, list_extension, optionals, urls, network, quantities, semver, images,
    authorization,
)  # fmt: skip

Function = Callable[..., Any]


@cache
def overloads() -> Mapping[str, tuple[Overload, ...]]:
    """Every function's overloads."""
    found: dict[str, list[Overload]] = {}
    for module in _MODULES:
        for overload in parse_declarations(module.DECLARATIONS):
            found.setdefault(overload.name, []).append(overload)
    return {name: tuple(entries) for name, entries in found.items()}


@cache
def implementations() -> Mapping[str, Function]:
    """Every function's implementation."""
    found: dict[str, Function] = {}
    for module in _MODULES:
        found.update(module.FUNCTIONS)
    return found


__all__ = ["Function", "Overload", "implementations", "overloads"]
