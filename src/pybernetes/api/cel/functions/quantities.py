"""Quantities: `quantity("200Mi")` and its arithmetic."""

from collections.abc import Callable
from typing import Any

from ...quantity import NANO, Quantity, QuantityError, parse
from ..errors import EvaluationError
from ..values import INT_MAX, INT_MIN, type_name
from .semver import Semver

DECLARATIONS = """
quantity(string) -> kubernetes.Quantity
isQuantity(string) -> bool
kubernetes.Quantity::sign() -> int
kubernetes.Quantity::isInteger() -> bool
kubernetes.Quantity::asInteger() -> int
kubernetes.Quantity::asApproximateFloat() -> double
kubernetes.Quantity::isGreaterThan(kubernetes.Quantity) -> bool
kubernetes.Quantity::isLessThan(kubernetes.Quantity) -> bool
kubernetes.Quantity::compareTo(kubernetes.Quantity) -> int
kubernetes.Quantity::add(kubernetes.Quantity) -> kubernetes.Quantity
kubernetes.Quantity::add(int) -> kubernetes.Quantity
kubernetes.Quantity::sub(kubernetes.Quantity) -> kubernetes.Quantity
kubernetes.Quantity::sub(int) -> kubernetes.Quantity
"""


def _quantity(text: str) -> Quantity:
    try:
        return parse(text)
    except QuantityError as error:
        raise EvaluationError(str(error)) from None


def _is_quantity(text: str) -> bool:
    try:
        parse(text)
    except QuantityError:
        return False
    return True


def _whole(amount: Quantity) -> bool:
    return amount.nanos % NANO == 0 and INT_MIN <= amount.nanos // NANO <= INT_MAX


def _as_integer(amount: Quantity) -> int:
    if not _whole(amount):
        raise EvaluationError("cannot convert value to integer")
    return amount.nanos // NANO


def _compare(a: Any, b: Any) -> int:
    """Quantities and semantic versions share this name."""
    if isinstance(a, Quantity) and isinstance(b, Quantity):
        return (a.nanos > b.nanos) - (a.nanos < b.nanos)
    if isinstance(b, Semver) and isinstance(a, Semver):
        return a.compare(b)
    raise EvaluationError(f"no such overload: {type_name(a)}.compareTo({type_name(b)})")


def _is_greater(a: Any, b: Any) -> bool:
    return _compare(a, b) > 0


def _is_less(a: Any, b: Any) -> bool:
    return _compare(a, b) < 0


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "quantity": _quantity,
    "isQuantity": _is_quantity,
    "sign": lambda amount: (amount.nanos > 0) - (amount.nanos < 0),
    "isInteger": _whole,
    "asInteger": _as_integer,
    "asApproximateFloat": float,
    "isGreaterThan": _is_greater,
    "isLessThan": _is_less,
    "compareTo": _compare,
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
}
