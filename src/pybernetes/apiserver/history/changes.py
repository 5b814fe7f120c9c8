"""What a write changed, in words: `spec.replicas: 2 -> 3`. Pure.

Values are shortened, and of Secrets only those of their metadata are shown, but no annotations: what `kubectl apply`
keeps there is the whole object. `metadata.managedFields` and its likes are left out.
"""

from typing import Any

import orjson

_SHOWN = 20
_VALUE = 48
_SILENT = ("metadata.managedFields", "metadata.resourceVersion", "metadata.generation")
_MISSING = object()


def changes(before: bytes, after: bytes, *, secret: bool) -> list[str]:
    """Changed paths with their values, in the order of the object; at most 20, then how many more."""
    try:
        old, new = orjson.loads(before), orjson.loads(after)
    except orjson.JSONDecodeError:
        return []
    found: list[str] = []
    _compare("", old, new, found, secret)
    return found if len(found) <= _SHOWN else [*found[:_SHOWN], f"and {len(found) - _SHOWN} more"]


def _compare(path: str, old: Any, new: Any, found: list[str], secret: bool) -> None:
    if old == new or path in _SILENT:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*new, *(key for key in old if key not in new)]:
            _compare(_member(path, key), old.get(key, _MISSING), new.get(key, _MISSING), found, secret)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            was = old[index] if index < len(old) else _MISSING
            _compare(f"{path}[{index}]", was, new[index] if index < len(new) else _MISSING, found, secret)
    elif secret and (not path.startswith("metadata.") or path.startswith("metadata.annotations")):
        found.append(path)
    elif old is _MISSING:
        found.append(f"{path}: {_short(new)}")
    elif new is _MISSING:
        found.append(f"{path}: removed")
    else:
        found.append(f"{path}: {_short(old)} -> {_short(new)}")


def _member(path: str, key: str) -> str:
    if not path:
        return key
    return f"{path}[{key}]" if "." in key or "/" in key else f"{path}.{key}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"
