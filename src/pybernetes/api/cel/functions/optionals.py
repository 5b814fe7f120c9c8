"""Optional values: making them, asking whether they are there, falling back."""

from collections.abc import Callable
from typing import Any

from ..errors import EvaluationError
from ..values import NONE, Optional, is_zero, some

DECLARATIONS = """
optional.of(A) -> optional_type(A)
optional.ofNonZeroValue(A) -> optional_type(A)
optional.none() -> optional_type(A)
optional_type(A)::hasValue() -> bool
optional_type(A)::value() -> A
optional_type(A)::or(optional_type(A)) -> optional_type(A)
optional_type(A)::orValue(A) -> A
"""


def _value(found: Optional) -> Any:
    if not found.present:
        raise EvaluationError("optional.none() dereference")
    return found.value


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "optional.of": some,
    "optional.ofNonZeroValue": lambda value: NONE if is_zero(value) else some(value),
    "optional.none": lambda: NONE,
    "hasValue": lambda found: found.present,
    "value": _value,
}
"""`or` and `orValue` only look at their argument when they need it: the compiler writes them."""
