"""The functions templates may call: Go's own, and kubectl's `exists` and `base64decode`."""

from __future__ import annotations

from ..table import plain_text
from .printf import printf
from .values import MISSING, Constant, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def truth(value: Any) -> bool:
    """Is it more than its type's empty value?"""
    return not (value is MISSING or value is None or value is False or value == 0 or value in ("", [], {}))


def shown(value: Any) -> str:
    """As an action prints it."""
    if value is MISSING or value is None:
        return "<no value>"
    return value if isinstance(value, str) else plain_text(value)


def _len(value: Any) -> int:
    if isinstance(value, str):
        return Constant(len(value.encode()))
    if isinstance(value, list | dict):
        return Constant(len(value))
    if value is None or value is MISSING:
        raise ValueError("reflect: call of reflect.Value.Type on zero Value")
    raise ValueError(f"len of type {type_name(value)}")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if value is None or value is MISSING:
            raise ValueError("index of untyped nil")
        if isinstance(value, dict):
            if key is None or key is MISSING:
                raise ValueError("value is nil; should be of type string")
            if not isinstance(key, str):
                raise ValueError(f"value has type {type_name(key)}; should be string")
            value = value.get(key, MISSING)
        elif isinstance(value, list | str):
            items = value if isinstance(value, list) else [Constant(byte) for byte in value.encode()]
            if not 0 <= _position(key) < len(items):
                raise ValueError(f"index out of range: {key}")
            value = items[key]
        else:
            raise ValueError(f"can't index item of type {type_name(value)}")
    return value


def _position(key: Any) -> int:
    if key is None or key is MISSING:
        raise ValueError("cannot index slice/array with nil")
    if not isinstance(key, int) or isinstance(key, bool):
        raise ValueError(f"cannot index slice/array with type {type_name(key)}")
    return key


def _slice(value: Any, *bounds: Any) -> Any:
    if value is None or value is MISSING:
        raise ValueError("slice of untyped nil")
    if len(bounds) > 3:
        raise ValueError(f"too many slice indexes: {len(bounds)}")
    if not isinstance(value, list | str):
        raise ValueError(f"can't slice item of type {type_name(value)}")
    if isinstance(value, str) and len(bounds) == 3:
        raise ValueError("cannot 3-index slice a string")
    items: Any = value.encode() if isinstance(value, str) else value
    places = [_position(bound) for bound in bounds]
    for place in places:
        if not 0 <= place <= len(items):
            raise ValueError(f"index out of range: {place}")
    start, end = (*places[:2], *(0, len(items))[len(places[:2]) :])
    if start > end:
        raise ValueError(f"invalid slice index: {start} > {end}")
    if len(places) == 3 and end > places[2]:
        raise ValueError(f"invalid slice index: {end} > {places[2]}")
    found = items[start:end]
    return found.decode("utf-8", "replace") if isinstance(value, str) else found


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    for other in others:
        known = (first is None or first is MISSING, other is None or other is MISSING)
        if not any(known) and _family(first) != _family(other):
            raise ValueError("incompatible types for comparison")
        if not any(known) and not _family(first):
            raise ValueError(f"non-comparable type {printf('%s', first)}: {type_name(first)}")
        if first == other or all(known):
            return True
    return False


def _family(value: Any) -> str:
    if isinstance(value, dict | list):
        return ""
    return "int" if isinstance(value, Constant) else type(value).__name__


def _less(left: Any, right: Any) -> bool:
    if not (_family(left) and _family(right)):
        raise ValueError("invalid type for comparison")
    if _family(left) != _family(right):
        raise ValueError("incompatible types for comparison")
    if _family(left) == "bool":
        raise ValueError("invalid type for comparison")
    return bool(left < right)


def _print(*values: Any) -> str:
    parts: list[str] = []
    for position, value in enumerate(values):
        if position and not isinstance(value, str) and not isinstance(values[position - 1], str):
            parts.append(" ")
        parts.append("<nil>" if value is None or value is MISSING else shown(value))
    return "".join(parts)


def _joined(values: tuple[Any, ...]) -> str:
    return _print(*("<no value>" if value is None or value is MISSING else value for value in values))


def _html(*values: Any) -> str:
    text = _joined(values)
    entities = (("&", "&amp;"), ("'", "&#39;"), ('"', "&#34;"), ("<", "&lt;"), (">", "&gt;"), ("\0", "\ufffd"))
    for letter, entity in entities:
        text = text.replace(letter, entity)
    return text


def _js(*values: Any) -> str:
    pairs = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
    return "".join(
        pairs.get(letter, letter if letter.isprintable() or letter == "\x7f" else f"\\u{ord(letter):04X}")
        for letter in _joined(values)
    )


def _urlquery(*values: Any) -> str:
    from ...client import quote

    return quote(_joined(values)).replace("%20", "+")


def _decode(text: Any) -> str:
    from ...config.decoding import bytes_of

    try:
        return bytes_of(str(text)).decode("utf-8", "replace")
    except ValueError as error:
        raise ValueError(f"base64 decode failed: {error}") from None


def _exists(value: Any, *keys: Any) -> bool:
    try:
        return _index(value, *keys) is not MISSING
    except ValueError:
        return False


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda *values: next((value for value in values if not truth(value)), values[-1]),
    "or": lambda *values: next((value for value in values if truth(value)), values[-1]),
    "not": lambda value: not truth(value),
    "len": _len,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": lambda *values: " ".join(shown(value) for value in values) + "\n",
    "printf": printf,
    "html": _html,
    "js": _js,
    "urlquery": _urlquery,
    "eq": _equal,
    "ne": lambda left, right: not _equal(left, right),
    "lt": _less,
    "le": lambda left, right: _less(left, right) or _equal(left, right),
    "gt": lambda left, right: not (_less(left, right) or _equal(left, right)),
    "ge": lambda left, right: not _less(left, right),
    "exists": _exists,
    "base64decode": _decode,
}
