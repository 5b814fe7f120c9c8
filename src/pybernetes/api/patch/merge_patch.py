"""JSON merge patch (RFC 7386)."""

from typing import Any


def merge(original: Any, patch: Any) -> Any:
    """The merged value; `original` is not changed. Null removes a member, anything but an object replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(original) if isinstance(original, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged
