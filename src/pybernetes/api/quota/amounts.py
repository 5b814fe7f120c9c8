"""Arithmetic with lists of resources: name -> quantity."""

from collections.abc import Collection, Mapping
from typing import Any

from ..quantity import Quantity, QuantityError, parse

Amounts = dict[str, Quantity]
"""Resource name -> how much of it."""

ONE = Quantity.of(1)
ZERO = Quantity.of(0)


def amounts(written: Mapping[str, Any] | None) -> Amounts:
    """A ResourceList as amounts. Texts that are no quantity are left out: validation has refused them before."""
    found: Amounts = {}
    for name, text in (written or {}).items():
        try:
            found[name] = parse(str(text))
        except QuantityError:
            continue
    return found


def texts(found: Amounts) -> dict[str, str]:
    """Amounts as a ResourceList."""
    return {name: str(amount) for name, amount in sorted(found.items())}


def add(left: Amounts, right: Amounts) -> Amounts:
    """The sum; a resource that only one side names keeps its amount."""
    found = dict(left)
    for name, amount in right.items():
        found[name] = found[name] + amount if name in found else amount
    return found


def subtract(left: Amounts, right: Amounts) -> Amounts:
    """The difference, which may be negative; what only the right side names is negated."""
    return add(left, {name: -amount for name, amount in right.items()})


def largest(left: Amounts, right: Amounts) -> Amounts:
    """The greater amount of every resource."""
    found = dict(left)
    for name, amount in right.items():
        if name not in found or amount > found[name]:
            found[name] = amount
    return found


def mask(found: Amounts, names: Collection[str]) -> Amounts:
    """Only the named resources."""
    return {name: amount for name, amount in found.items() if name in names}


def without_zeros(found: Amounts) -> Amounts:
    return {name: amount for name, amount in found.items() if amount}


def exceeding(wanted: Amounts, limits: Amounts) -> list[str]:
    """The resources of which more is wanted than the limit allows."""
    return [name for name, amount in wanted.items() if name in limits and amount > limits[name]]


def equal(left: Amounts, right: Amounts) -> bool:
    """The same resources in the same amounts, however they are written."""
    return left.keys() == right.keys() and all(left[name] == right[name] for name in left)
