"""KYAML (KEP-5295): YAML in flow style, as `-o kyaml` prints it.

Texts are always in double quotes, keys only where they could be taken for something else; a text of several lines is
folded, a line of output for each; lists of lists and mappings are cuddled, other items have a line each; everything has
a trailing comma. Every document begins with `---`.
"""

from __future__ import annotations

from ..errors import CommandError
from .go_json import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_FOLD = "\\\n"
_ESCAPES = {
    '"': '\\"', "\\": "\\\\", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\r": "\\r", "\v": "\\v", "\0": "\\0",
    "\x1b": "\\e", "\x85": "\\N", "\xa0": "\\_", "\u2028": "\\L", "\u2029": "\\P",
}  # fmt: skip
_INTERIOR = frozenset("-./")
_WORDS = frozenset(("null", "true", "false", "t", "f", "y", "n", "yes", "no", "on", "off"))


def dump(value: Any, *, ordered: bool = False) -> str:
    """One document with its `---` and its last line break. `ordered` keeps the order of keys; else they are sorted.

    CommandError for texts with control characters that YAML cannot have.
    """
    parts = ["---\n"]
    _write(value, 0, ordered, parts.append)
    parts.append("\n")
    return "".join(parts)


def _write(value: Any, level: int, ordered: bool, out: Callable[[str], None]) -> None:
    if isinstance(value, str):
        out(_text(value, level + 1))
    elif isinstance(value, dict):
        _mapping(value, level, ordered, out)
    elif isinstance(value, list | tuple):
        _sequence(value, level, ordered, out)
    elif value is None:
        out("null")
    elif value is True or value is False:
        out("true" if value else "false")
    else:
        out(number(value) if isinstance(value, float) else str(value))


def _mapping(value: dict[str, Any], level: int, ordered: bool, out: Callable[[str], None]) -> None:
    if not value:
        out("{}")
        return
    margin = "  " * (level + 1)
    out("{\n")
    for key, item in value.items() if ordered else sorted(value.items()):
        out(f"{margin}{_key(key)}: ")
        _write(item, level + 1, ordered, out)
        out(",\n")
    out("  " * level + "}")


def _sequence(value: list[Any] | tuple[Any, ...], level: int, ordered: bool, out: Callable[[str], None]) -> None:
    if all(isinstance(item, dict | list | tuple) for item in value):
        separator = "["
        for item in value:
            out(separator)
            _write(item, level, ordered, out)
            separator = ", "
        out("]" if value else "[]")
        return
    margin = "  " * (level + 1)
    out("[\n")
    for item in value:
        out(margin)
        _write(item, level + 1, ordered, out)
        out(",\n")
    out("  " * level + "]")


def _key(key: str) -> str:
    return _quoted(key) if needs_quotes(key) else key


def _quoted(text: str) -> str:
    """On one line."""
    return '"' + "".join(["\\n" if it == "\n" else "\\t" if it == "\t" else _letter(it) for it in text]) + '"'


def _text(text: str, level: int) -> str:
    """A value; each of its lines on a line of its own, where a space or an escaped blank comes first."""
    if "\n" not in text:
        plain = text.isprintable() and '"' not in text and "\\" not in text
        return f'"{text}"' if plain else '"' + "".join(map(_letter, text)) + '"'
    margin = "  " * level
    lines = text.split("\n")
    parts = ['"' + _FOLD]
    for position, line in enumerate(lines):
        last = position == len(lines) - 1
        if line or not last:
            lead = "\\" if line[:1].isspace() else " "
            parts.append(margin + lead + "".join(map(_letter, line)) + ("" if last else "\\n") + _FOLD)
    return "".join(parts) + margin + '"'


def _letter(letter: str) -> str:
    if letter in _ESCAPES:
        return _ESCAPES[letter]
    if letter.isprintable() or letter == "\t":
        return letter
    code = ord(letter)
    if 0x7F <= code < 0xA0 or code in (0xFFFE, 0xFFFF):
        raise CommandError("error decoding: yaml: control characters are not allowed")
    if code < 0x20:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def needs_quotes(key: str) -> bool:
    """Must a key be quoted, as it has unusual letters or reads as something else in some YAML?"""
    if not key or _reads_otherwise(key):
        return True
    last = len(key) - 1
    return not all(
        letter.isalpha() or letter.isnumeric() or letter == "_" or (letter in _INTERIOR and 0 < position < last)
        for position, letter in enumerate(key)
    )


def _reads_otherwise(key: str) -> bool:
    """As null, a boolean, a number or a day."""
    if key.lower() in _WORDS:
        return True
    if not key.isascii() or not (key[0].isdigit() or key[0] in "iInN._"):
        return False
    return _is_number(key.replace("_", "")) or _is_day(key)


def _is_number(text: str) -> bool:
    """Whole numbers of 64 bits with any prefix, and what Go reads as a float; numbers too large for either are none."""
    lower = text.lower()
    if lower[:2] in ("0x", "0b", "0o"):
        try:
            return int(lower, 0) < 1 << 63
        except ValueError:
            pass
        try:
            return lower[1] == "x" and "p" in lower and float.fromhex(lower) != float("inf")
        except (ValueError, OverflowError):
            return False
    try:
        return float(text) != float("inf") or lower in ("inf", "infinity")
    except ValueError:
        return False


def _is_day(text: str) -> bool:
    """`2006-1-2`."""
    parts = text.split("-")
    if len(parts) != 3 or len(parts[0]) != 4 or not all(it.isdigit() and len(it) in (1, 2) for it in parts[1:]):
        return False
    import datetime

    try:
        datetime.date(int(parts[0]), int(parts[1]), int(parts[2]))
    except ValueError:
        return parts[0] == "0000" and _is_day(f"2000-{parts[1]}-{parts[2]}")
    return True
