"""JSON as Go's encoding/json writes it: `<`, `>` and `&` escaped, floats without needless digits, keys sorted or
as given.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def _encoder() -> Callable[[str], str]:
    try:
        from _json import encode_basestring
    except ImportError:
        from json.encoder import encode_basestring
    return encode_basestring  # type: ignore[no-any-return,unused-ignore]


_encode = _encoder()


def string(text: str) -> str:
    """One quoted string."""
    shown = _encode(text)
    if "<" in shown or ">" in shown or "&" in shown:
        shown = shown.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    if not shown.isascii():
        shown = shown.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return shown


def number(value: float) -> str:
    """A float in Go's shortest form."""
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    shown = repr(value)
    if "e" not in shown:
        return shown if abs(value) >= 1e-6 else _exponent(value)
    return _exponent(value) if abs(value) < 1e-6 or abs(value) >= 1e21 else f"{value:f}".rstrip("0")


def _exponent(value: float) -> str:
    mantissa, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        mantissa, _, exponent = f"{value:.17e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
    power = int(exponent)
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}" if power >= 0 else f"{mantissa}e-{abs(power)}"


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    return number(value) if isinstance(value, float) else str(value)


def compact(value: Any, *, ordered: bool = False) -> str:
    """On one line without spaces. `ordered` keeps the order of keys; else they are sorted."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, dict):
        items = value.items() if ordered else sorted(value.items())
        return "{" + ",".join([f"{string(key)}:{compact(item, ordered=ordered)}" for key, item in items]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([compact(item, ordered=ordered) for item in value]) + "]"
    return _scalar(value)


def indented(value: Any, indent: str = "    ", *, ordered: bool = False) -> str:
    """Over several lines, as `json.Indent` does."""
    parts: list[str] = []
    _write(value, "\n", indent, ordered, parts.append)
    return "".join(parts)


def _write(value: Any, line: str, indent: str, ordered: bool, out: Callable[[str], None]) -> None:
    if isinstance(value, str):
        out(string(value))
    elif isinstance(value, dict):
        if not value:
            out("{}")
            return
        inner = line + indent
        start = "{" + inner
        for key, item in value.items() if ordered else sorted(value.items()):
            out(f"{start}{string(key)}: ")
            _write(item, inner, indent, ordered, out)
            start = "," + inner
        out(line + "}")
    elif isinstance(value, list | tuple):
        if not value:
            out("[]")
            return
        inner = line + indent
        start = "[" + inner
        for item in value:
            out(start)
            _write(item, inner, indent, ordered, out)
            start = "," + inner
        out(line + "]")
    else:
        out(_scalar(value))
