"""What can go wrong with an expression.

CelError
├── CompileError      syntax or types, known before evaluation; says where
├── EvaluationError   this evaluation has no value: `no such key: x`, `division by zero` ...
└── CostExceeded      evaluation was cut off at its cost limit; never absorbed by `&&` and `||`
"""

from collections.abc import Sequence

import msgspec


class CelError(Exception):
    """Base of this package's errors."""


class Issue(msgspec.Struct, frozen=True):
    """One finding of parser or checker at a character offset of the expression."""

    offset: int
    message: str

    def text(self, source: str) -> str:
        """cel-go's rendering: position, the line, and a mark below the place."""
        before = source[: self.offset]
        line = before.count("\n") + 1
        column = self.offset - (before.rfind("\n") + 1)
        shown = source.split("\n")[line - 1]
        return f"ERROR: <input>:{line}:{column + 1}: {self.message}\n | {shown}\n | {'.' * column}^"


class CompileError(CelError):
    """The expression cannot be used; the message lists every issue in order of place."""

    def __init__(self, source: str, issues: Sequence[Issue]) -> None:
        self.issues = tuple(sorted(issues, key=lambda issue: issue.offset))
        super().__init__("\n".join(issue.text(source) for issue in self.issues))


class EvaluationError(CelError):
    """See the module docstring."""


class CostExceeded(CelError):
    """See the module docstring."""

    def __init__(self) -> None:
        super().__init__("operation cancelled: actual cost limit exceeded")


NO_OVERLOAD = "no such overload"

FAILURES = (EvaluationError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What evaluating generated code may raise for a wrong value; `failure` gives it CEL's words."""


def failure(error: BaseException) -> EvaluationError:
    """Any of FAILURES as CEL's error."""
    if isinstance(error, EvaluationError):
        return error
    if isinstance(error, KeyError):
        return EvaluationError(f"no such key: {error.args[0] if error.args else ''}")
    if isinstance(error, IndexError):
        return EvaluationError("index out of bounds")
    if isinstance(error, ZeroDivisionError):
        return EvaluationError("division by zero")
    return EvaluationError(NO_OVERLOAD)
