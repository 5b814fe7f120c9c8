"""Regular expressions of CEL and of OpenAPI patterns: RE2, whose running time is linear in the text.

RE2's syntax is what Go's `regexp` accepts, so patterns mean here what they mean upstream. Compiled patterns are kept,
since the same few rules run on every write.
"""

from functools import lru_cache
from typing import Any

from .errors import EvaluationError


class PatternError(ValueError):
    """The text is no regular expression; the message is Go's."""


@lru_cache(maxsize=1024)
def compiled(pattern: str) -> Any:
    """A compiled pattern. PatternError."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise PatternError(_why(error.args[0] if error.args else b"", pattern)) from None


_GO_WORDS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "unexpected )": "unexpected )",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "trailing \\": "trailing backslash at end of expression",
    "invalid repetition size": "invalid repeat count",
}


def _why(raw: Any, pattern: str) -> str:
    """RE2's complaint in the words of Go's `regexp/syntax`."""
    text = raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)
    head, _, rest = text.partition(": ")
    code = _GO_WORDS.get(head, head)
    shown = rest or pattern
    if head in ("missing )", "missing ]", "unexpected )"):
        shown = pattern if head != "missing ]" else shown
    return f"error parsing regexp: {code}: `{shown}`" if head != "trailing \\" else f"error parsing regexp: {code}: ``"


def matches(text: str, pattern: str) -> bool:
    """Whether the pattern is found anywhere in the text."""
    return _usable(pattern).search(text) is not None


def _usable(pattern: str) -> Any:
    try:
        return compiled(pattern)
    except PatternError as error:
        raise EvaluationError(str(error)) from None


def find(text: str, pattern: str) -> str:
    """The first match, "" when there is none."""
    found = _usable(pattern).search(text)
    return found.group() if found is not None else ""


def find_all(text: str, pattern: str, limit: int = -1) -> list[str]:
    """The matches from left to right, at most `limit` of them when that is not negative."""
    found: list[str] = []
    for match in _usable(pattern).finditer(text):
        if 0 <= limit <= len(found):
            break
        found.append(match.group())
    return found
