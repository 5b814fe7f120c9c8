"""JSON merge patches for kinds without a table of merge keys: custom resources."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Object = dict[str, Any]


def three_way(last: Object, wanted: Object, live: Object) -> Object:
    """Additions and changes against the live object, deletions against what was applied last."""
    return _joined(_deletions(last, wanted), _changes(live, wanted))


def two_way(before: Object, after: Object) -> Object:
    """The merge patch that turns one into the other."""
    return _joined(_deletions(before, after), _changes(before, after))


def _changes(before: Object, after: Object) -> Object:
    patch: Object = {}
    for key, value in after.items():
        old = before.get(key)
        if isinstance(value, dict) and isinstance(old, dict):
            inner = _changes(old, value)
            if inner:
                patch[key] = inner
        elif key not in before or old != value:
            patch[key] = value
    return patch


def _deletions(before: Object, after: Object) -> Object:
    patch: Object = {}
    for key, value in before.items():
        if key not in after:
            patch[key] = None
        elif isinstance(value, dict) and isinstance(after[key], dict):
            inner = _deletions(value, after[key])
            if inner:
                patch[key] = inner
    return patch


def _joined(one: Object, other: Object) -> Object:
    found = dict(one)
    for key, value in other.items():
        old = found.get(key)
        found[key] = _joined(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found
