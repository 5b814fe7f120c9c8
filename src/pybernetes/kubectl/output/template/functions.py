"""The functions templates may call: Go's own, and kubectl's `exists` and `base64decode`."""

from __future__ import annotations

from ...errors import quoted
from ..table import float_text, plain_text
from .lexer import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Missing:
    """What a map without the key gives; shown as `<no value>`."""


MISSING = Missing()


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
        return len(value.encode())
    if isinstance(value, list | dict):
        return len(value)
    raise ValueError(f"len of {'nil pointer' if value is None or value is MISSING else f'type {type_name(value)}'}")


def type_name(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "float64"
    return {"str": "string", "list": "[]interface {}", "dict": "map[string]interface {}"}.get(
        type(value).__name__, "nil"
    )


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if isinstance(value, dict):
            value = value.get(key, MISSING)
        elif isinstance(value, list):
            if not isinstance(key, int) or isinstance(key, bool):
                raise ValueError(f"cannot index slice/array with type {type_name(key)}")
            if not 0 <= key < len(value):
                raise ValueError(f"index out of range: {key}")
            value = value[key]
        elif value is None or value is MISSING:
            raise ValueError("index of untyped nil")
        else:
            raise ValueError(f"can't index item of type {type_name(value)}")
    return value


def _slice(value: Any, *bounds: int) -> Any:
    start = bounds[0] if bounds else 0
    end = bounds[1] if len(bounds) > 1 else len(value)
    if not 0 <= start <= end <= len(value):
        raise ValueError(f"index out of range: {start if start > len(value) else end}")
    return value[start:end]


def _equal(first: Any, *others: Any) -> bool:
    if not others:
        raise ValueError("missing argument for comparison")
    for other in others:
        known = (first is None or first is MISSING, other is None or other is MISSING)
        if not any(known) and _family(first) != _family(other):
            raise ValueError("incompatible types for comparison")
        if first == other or all(known):
            return True
    return False


def _family(value: Any) -> str:
    if isinstance(value, dict | list):
        raise ValueError("non-comparable type " + f"{plain_text(value)}: {type_name(value)}")
    return type(value).__name__


def _less(left: Any, right: Any) -> bool:
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
        parts.append(shown(value).replace("<no value>", "<nil>"))
    return "".join(parts)


def _printf(form: str, *values: Any) -> str:
    parts: list[str] = []
    rest = list(values)
    position = 0
    while position < len(form):
        letter = form[position]
        position += 1
        if letter != "%":
            parts.append(letter)
            continue
        start = position
        while position < len(form) and form[position] in "+-# 0123456789.*":
            position += 1
        flags, verb = form[start:position], form[position : position + 1]
        position += 1
        if verb == "%":
            parts.append("%")
        elif not verb:
            parts.append("%!(NOVERB)")
        elif not rest:
            parts.append(f"%!{verb}(MISSING)")
        else:
            parts.append(_formatted(flags, verb, rest.pop(0)))
    if rest:
        parts.append("%!(EXTRA " + ", ".join(f"{type_name(value)}={shown(value)}" for value in rest) + ")")
    return "".join(parts)


def _formatted(flags: str, verb: str, value: Any) -> str:
    if verb in "dcbox" and isinstance(value, int) and not isinstance(value, bool):
        if verb == "d":
            return f"%{flags}d" % value
        return chr(value) if verb == "c" else format(value, verb)
    if verb in "feEgG" and isinstance(value, int | float):
        return float_text(value) if verb == "g" and not flags else f"%{flags}{verb}" % value
    if verb == "q":
        return f"%{flags}s" % quoted(value)
    if verb == "s" and isinstance(value, int | float) and not isinstance(value, bool):
        return f"%!s({type_name(value)}={shown(value)})"
    if verb == "t" and isinstance(value, bool):
        return "true" if value else "false"
    if verb == "T":
        return type_name(value)
    if verb in "sv":
        return f"%{flags}s" % shown(value).replace("<no value>", "<nil>")
    if verb in "x" and isinstance(value, str):
        return value.encode().hex()
    return f"%!{verb}({type_name(value)}={shown(value)})"


def _html(*values: Any) -> str:
    text = _print(*values)
    for letter, entity in (("&", "&amp;"), ("'", "&#39;"), ('"', "&#34;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(letter, entity)
    return text


def _js(*values: Any) -> str:
    pairs = {"\\": "\\\\", "'": "\\'", '"': '\\"', "<": "\\u003C", ">": "\\u003E", "&": "\\u0026", "=": "\\u003D"}
    return "".join(
        pairs.get(letter, letter if letter >= " " else f"\\u{ord(letter):04X}") for letter in _print(*values)
    )


def _urlquery(*values: Any) -> str:
    from ...client import quote

    return quote(_print(*values)).replace("%20", "+")


def _decode(text: Any) -> str:
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(str(text)).decode("utf-8", "replace")
    except Error:
        raise ValueError("base64 decode failed: illegal base64 data") from None


def _exists(value: Any, *keys: Any) -> bool:
    try:
        return _index(value, *keys) is not MISSING
    except ValueError:
        return False


def _call(*values: Any) -> Any:
    if values[0] is None or values[0] is MISSING:
        raise ValueError("call of nil")
    raise ValueError(f"non-function {shown(values[0])} of type {type_name(values[0])}")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "and": lambda *values: next((value for value in values if not truth(value)), values[-1]),
    "or": lambda *values: next((value for value in values if truth(value)), values[-1]),
    "not": lambda value: not truth(value),
    "len": _len,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "println": lambda *values: " ".join(shown(value) for value in values) + "\n",
    "printf": _printf,
    "html": _html,
    "js": _js,
    "urlquery": _urlquery,
    "call": _call,
    "eq": _equal,
    "ne": lambda left, right: not _equal(left, right),
    "lt": _less,
    "le": lambda left, right: _less(left, right) or _equal(left, right),
    "gt": lambda left, right: not (_less(left, right) or _equal(left, right)),
    "ge": lambda left, right: not _less(left, right),
    "exists": _exists,
    "base64decode": _decode,
}

__all__ = ["FUNCTIONS", "MISSING", "TemplateError", "shown", "truth", "type_name"]
