"""The string extension (version 2 of cel-go's `ext.Strings`) and its `format`."""

import math
from collections.abc import Callable
from typing import Any

from ..errors import NO_OVERLOAD, EvaluationError
from ..values import Duration, Timestamp, TypeValue, UInt, equal
from .standard import double_text

DECLARATIONS = """
string::charAt(int) -> string
string::indexOf(string) -> int
string::indexOf(string, int) -> int
string::lastIndexOf(string) -> int
string::lastIndexOf(string, int) -> int
list(string)::join() -> string
list(string)::join(string) -> string
string::lowerAscii() -> string
string::upperAscii() -> string
string::replace(string, string) -> string
string::replace(string, string, int) -> string
string::split(string) -> list(string)
string::split(string, int) -> list(string)
string::substring(int) -> string
string::substring(int, int) -> string
string::trim() -> string
string::format(list(dyn)) -> string
strings.quote(string) -> string
jsonpatch.escapeKey(string) -> string
"""

_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
_SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def _char_at(text: str, at: int) -> str:
    if not 0 <= at <= len(text):
        raise EvaluationError(f"index out of range: {at}")
    return text[at : at + 1]


def _index_of(container: Any, part: Any, start: int | None = None) -> int:
    if isinstance(container, list):
        return next((at for at, value in enumerate(container) if equal(value, part)), -1)
    if type(container) is not str or type(part) is not str:
        raise EvaluationError(NO_OVERLOAD)
    if not part:
        return start or 0
    if start is not None and not 0 <= start <= len(container):
        raise EvaluationError(f"index out of range: {start}")
    return container.find(part, start or 0)


def _last_index_of(container: Any, part: Any, start: int | None = None) -> int:
    if isinstance(container, list):
        return next((at for at in reversed(range(len(container))) if equal(container[at], part)), -1)
    if type(container) is not str or type(part) is not str:
        raise EvaluationError(NO_OVERLOAD)
    if start is None:
        return len(container) if not part else container.rfind(part)
    if not part:
        return start
    if not 0 <= start < max(len(container), 1):
        raise EvaluationError(f"index out of range: {start}")
    return container.rfind(part, 0, start + len(part))


def _join(parts: list[str], separator: str = "") -> str:
    return separator.join(parts)


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, count)


def _split(text: str, separator: str, count: int = -1) -> list[str]:
    if count == 0:
        return []
    if count == 1:
        return [text]
    if not separator:
        found = list(text)
        return found if count < 0 or len(found) <= count else [*found[: count - 1], "".join(found[count - 1 :])]
    return text.split(separator, count - 1 if count > 0 else -1)


def _substring(text: str, start: int, end: int | None = None) -> str:
    if end is None:
        if not 0 <= start <= len(text):
            raise EvaluationError(f"index out of range: {start}")
        return text[start:]
    if start > end:
        raise EvaluationError(f"invalid substring range. start: {start}, end: {end}")
    for at in (start, end):
        if not 0 <= at <= len(text):
            raise EvaluationError(f"index out of range: {at}")
    return text[start:end]


_QUOTED = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}


def _quote(text: str) -> str:
    return '"' + "".join(_QUOTED.get(char, char) for char in text) + '"'


def _format(template: str, args: list[Any]) -> str:
    """`"%s and %.2f".format([x, y])`: verbs s, d, f, e, b, x, X, o."""
    out: list[str] = []
    at, used = 0, 0
    while at < len(template):
        char = template[at]
        at += 1
        if char != "%":
            out.append(char)
            continue
        if at >= len(template):
            raise EvaluationError("unexpected end of string")
        if template[at] == "%":
            out.append("%")
            at += 1
            continue
        if used >= len(args):
            raise EvaluationError(f"index {used} out of range")
        precision: int | None = None
        if template[at] == ".":
            end = at + 1
            while end < len(template) and template[end].isdigit():
                end += 1
            if end == at + 1 or end >= len(template):
                raise EvaluationError("unable to find end of precision specifier")
            precision, at = int(template[at + 1 : end]), end
        verb = template[at]
        at += 1
        out.append(_formatted(verb, args[used], precision))
        used += 1
    return "".join(out)


def _formatted(verb: str, value: Any, precision: int | None) -> str:
    whole = type(value) in (int, UInt)
    if verb == "s":
        return _shown(value)
    if verb == "d":
        if type(value) is float and (math.isnan(value) or math.isinf(value)):
            return {"+Inf": "Infinity", "-Inf": "-Infinity"}.get(double_text(value), "NaN")
        if whole:
            return str(int(value))
        raise _wrong("decimal", value)
    if verb in "fe":
        if type(value) is not float and not whole:
            raise _wrong("fixed-point" if verb == "f" else "scientific", value)
        number = float(value)
        if math.isnan(number) or math.isinf(number):
            return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        digits = 6 if precision is None else precision
        return f"{number:.{digits}{verb}}"
    if verb == "b":
        if type(value) is bool:
            return "1" if value else "0"
        if whole:
            return f"{int(value):b}"
        raise _wrong("binary", value)
    if verb in "xX":
        text = ""
        if whole:
            text = f"{int(value):x}"
        elif type(value) is str:
            text = value.encode().hex()
        elif type(value) is bytes:
            text = value.hex()
        else:
            raise _wrong("hex", value)
        return text.upper() if verb == "X" else text
    if verb == "o":
        if whole:
            return f"{int(value):o}"
        raise _wrong("octal", value)
    raise EvaluationError(f'could not parse formatting clause: unrecognized formatting clause "{verb}"')


def _wrong(verb: str, value: Any) -> EvaluationError:
    from ..values import type_name

    return EvaluationError(f"error during formatting: {verb} clause cannot be used on {type_name(value)}")


def _shown(value: Any) -> str:
    """The `%s` form of any value."""
    kind = type(value)
    if kind is str:
        return str(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int or kind is UInt:
        return str(int(value))
    if kind is float:
        return {"+Inf": "Infinity", "-Inf": "-Infinity"}.get(double_text(value), double_text(value))
    if kind is bytes:
        return str(value.decode(errors="replace"))
    if kind is Timestamp or kind is Duration or kind is TypeValue:
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_shown(member) for member in value) + "]"
    if isinstance(value, dict):
        entries = sorted((_shown(key), _shown(inner)) for key, inner in value.items())
        return "{" + ", ".join(f"{key}: {inner}" for key, inner in entries) + "}"
    raise _wrong("string", value)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "charAt": _char_at,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "join": _join,
    "lowerAscii": lambda text: text.translate(_LOWER),
    "upperAscii": lambda text: text.translate(_UPPER),
    "replace": _replace,
    "split": _split,
    "substring": _substring,
    "trim": lambda text: text.strip(_SPACES),
    "format": _format,
    "strings.quote": _quote,
    "jsonpatch.escapeKey": lambda text: text.replace("~", "~0").replace("/", "~1"),
}
