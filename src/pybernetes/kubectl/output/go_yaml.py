"""YAML as kubectl writes it (sigs.k8s.io/yaml): keys in natural order, sequences not indented, lines folded at 80.

The style of a text follows the emitter of libyaml: plain where that reads back as the same text, else single quotes,
else
double quotes; a literal block where it has line breaks. Texts that would read as another type are in double quotes.
"""

from __future__ import annotations

from .go_json import number
from .yaml_scalars import Analysis, double_quoted, folded_plain, literal, reads_as_text, single_quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

WIDTH = 80
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def dump(value: Any) -> str:
    """One document, with its last line break."""
    parts: list[str] = []
    if isinstance(value, dict) and value:
        _mapping(value, 0, parts.append, first=False)
    elif isinstance(value, list | tuple) and value:
        _sequence(value, 0, parts.append)
    else:
        parts.append(_scalar(value, 0, 0) + "\n")
    return "".join(parts)


def _mapping(value: dict[str, Any], indent: int, out: Callable[[str], None], *, first: bool) -> None:
    """`first`: the first key goes on the line of a dash."""
    margin = " " * indent
    for key in natural(value):
        item = value[key]
        shown = _key(key)
        out(f"{'' if first else margin}{shown}:")
        first = False
        if isinstance(item, dict) and item:
            out("\n")
            _mapping(item, indent + 2, out, first=False)
        elif isinstance(item, list | tuple) and item:
            out("\n")
            _sequence(item, indent, out)
        else:
            out(" " + _scalar(item, indent + len(shown) + 2, indent + 2) + "\n")


def _sequence(value: list[Any] | tuple[Any, ...], indent: int, out: Callable[[str], None]) -> None:
    margin = " " * indent + "-"
    for item in value:
        out(margin)
        if isinstance(item, dict) and item:
            out(" ")
            _mapping(item, indent + 2, out, first=True)
        elif isinstance(item, list | tuple) and item:
            out(" ")
            _nested(item, indent + 2, out)
        else:
            out(" " + _scalar(item, indent + 2, indent + 2) + "\n")


def _nested(value: list[Any] | tuple[Any, ...], indent: int, out: Callable[[str], None]) -> None:
    """A sequence in a sequence begins on the line of the outer dash."""
    parts: list[str] = []
    _sequence(value, indent, parts.append)
    out("".join(parts)[indent:])


def _key(key: str) -> str:
    """A key: never folded, never a block."""
    return _text(str(key), 0, 0, key=True)


def _scalar(value: Any, column: int, indent: int) -> str:
    if isinstance(value, str):
        return _text(value, column, indent)
    if value is None:
        return "null"
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, dict):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    return str(value)


_WORDS = frozenset(
    "y Y yes Yes YES true True TRUE on On ON n N no No NO false False FALSE off Off OFF null Null NULL".split()
)


def _text(text: str, column: int, indent: int, *, key: bool = False) -> str:
    """A text in its style; `column` is where it begins, `indent` where a line that is broken goes on."""
    if (
        text
        and text[0] in _LETTERS
        and text.isascii()
        and text.isprintable()
        and text[-1] not in ": "
        and (" " not in text or (column + len(text) <= WIDTH and ": " not in text and " #" not in text))
        and text not in _WORDS
    ):
        return text
    found = Analysis(text)
    if "\n" in text and not key:
        if found.block_allowed:
            return literal(text, indent)
        return double_quoted(text, column, indent, breaks=True)
    if not reads_as_text(text):
        return double_quoted(text, column, indent, breaks=not key)
    if found.plain_allowed and not (key and found.multiline):
        return folded_plain(text, column, indent, breaks=not key)
    if found.single_allowed and not (key and found.multiline):
        return single_quoted(text, column, indent, breaks=not key)
    return double_quoted(text, column, indent, breaks=not key)


def natural(keys: Any) -> list[str]:
    """Keys in yaml.v2's order: as text, but digits by their number and letters after other signs."""
    ordered = sorted(keys)
    if all(key.isalpha() and key.isascii() for key in ordered):
        return ordered
    return sorted(ordered, key=_Natural)


class _Natural:
    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __lt__(self, other: _Natural) -> bool:
        a, b = self.text, other.text
        digits = False
        for position, (left, right) in enumerate(zip(a, b, strict=False)):
            if left == right:
                digits = left.isdecimal()
                continue
            left_letter, right_letter = left.isalpha(), right.isalpha()
            if left_letter and right_letter:
                return left < right
            if left_letter or right_letter:
                return left_letter if digits else right_letter
            return _by_number(a, b, position)
        return len(a) < len(b)


def _by_number(a: str, b: str, position: int) -> bool:
    """The first difference is between signs or digits."""
    start = 0
    if a[position] == "0" or b[position] == "0":
        back = position - 1
        while back >= 0 and a[back].isdecimal():
            if a[back] != "0":
                start = 1
                break
            back -= 1
    left, left_end = _number_at(a, position, start)
    right, right_end = _number_at(b, position, start)
    if left != right:
        return left < right
    if left_end != right_end:
        return left_end < right_end
    return a[position] < b[position]


def _number_at(text: str, position: int, start: int) -> tuple[int, int]:
    number_ = start
    while position < len(text) and text[position].isdecimal():
        number_ = number_ * 10 + int(text[position])
        position += 1
    return number_, position
