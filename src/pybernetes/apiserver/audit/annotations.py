"""Annotations on the audit record of the present request.

The audit filter opens a collection for a request that is recorded; everything the request's task does may then add to
it without passing the record around. Where nothing is recorded `annotate` is a look at one variable.
"""

from contextvars import ContextVar, Token

_current: ContextVar[dict[str, str] | None] = ContextVar("audit_annotations", default=None)


def annotate(key: str, value: str) -> None:
    """Add one annotation; the first value of a key stays, as upstream has it."""
    found = _current.get()
    if found is not None:
        found.setdefault(key, value)


def open_annotations(found: dict[str, str]) -> "Token[dict[str, str] | None]":
    """Collect the annotations of what runs from now on in this task."""
    return _current.set(found)


def close_annotations(token: "Token[dict[str, str] | None]") -> None:
    """Collect them no longer."""
    _current.reset(token)
