"""From characters to tokens (CEL language definition, "Syntax")."""

import re
from typing import Any

import msgspec

from .errors import CompileError, Issue
from .values import INT_MAX, UINT_MAX, UInt

RESERVED = frozenset(
    "as break const continue else for function if import let loop package namespace return var void while".split()
)
"""Words that cannot name variables."""

_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "?": "?", '"': '"', "'": "'", "`": "`",
}  # fmt: skip

_TOKEN = re.compile(
    r"""(?P<space>(?:[ \t\r\n\f]|//[^\n]*)+)
      | (?P<string>[rRbB]{0,2}(?:\"\"\"|'''|"|'))
      | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
      | (?P<int>(?:0[xX][0-9a-fA-F]+|\d+)[uU]?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<quoted>`[A-Za-z0-9_.\-/ ]+`)
      | (?P<mark>&&|\|\||<=|>=|==|!=|\.\?|\[\?|[-+*/%<>!?:.,()\[\]{}])""",
    re.VERBOSE | re.ASCII,
)


class Token(msgspec.Struct, frozen=True):
    """`kind`: mark, name, quoted, literal or end. `text` as written; `value` of literals."""

    kind: str
    text: str
    offset: int
    value: Any = None


def tokens(source: str) -> list[Token]:
    """All tokens, the last of kind `end`. CompileError for what is none."""
    found: list[Token] = []
    at, end = 0, len(source)
    while at < end:
        match = _TOKEN.match(source, at)
        if match is None:
            words = f"Syntax error: token recognition error at: '{source[at]}'"
            raise CompileError(source, [Issue(at, words)])
        kind, text = match.lastgroup, match.group()
        if kind == "string":
            value, after = _string(source, at, text)
            found.append(Token("literal", source[at:after], at, value))
            at = after
            continue
        if kind == "int":
            found.append(Token("literal", text, at, _integer(source, at, text)))
        elif kind == "float":
            found.append(Token("literal", text, at, float(text)))
        elif kind == "quoted":
            found.append(Token("quoted", text[1:-1], at))
        elif kind == "name" and text in ("true", "false", "null"):
            found.append(Token("literal", text, at, {"true": True, "false": False, "null": None}[text]))
        elif kind != "space":
            found.append(Token("mark" if text == "in" else str(kind), text, at))
        at = match.end()
    found.append(Token("end", "<EOF>", end))
    return found


def _integer(source: str, at: int, text: str) -> int:
    """A number as written; int literals may reach one above the largest int, for `-9223372036854775808`."""
    unsigned = text[-1] in "uU"
    digits = text[:-1] if unsigned else text
    number = int(digits, 16) if digits[:2] in ("0x", "0X") else int(digits)
    if unsigned:
        if number > UINT_MAX:
            raise CompileError(source, [Issue(at, "invalid uint literal")])
        return UInt(number)
    if number > INT_MAX + 1:
        raise CompileError(source, [Issue(at, "invalid int literal")])
    return number


def _string(source: str, at: int, opening: str) -> tuple[str | bytes, int]:
    """The value of the literal that begins here, and where it ends."""
    quote = opening.lstrip("rRbB")
    prefix = opening[: len(opening) - len(quote)].lower()
    raw, as_bytes = "r" in prefix, "b" in prefix
    if len(set(prefix)) != len(prefix):
        raise CompileError(source, [Issue(at, f"Syntax error: token recognition error at: '{opening}'")])
    position = at + len(opening)
    parts: list[str] = []
    octets = bytearray()

    def put(text: str) -> None:
        if as_bytes:
            octets.extend(text.encode())
        else:
            parts.append(text)

    while True:
        if position >= len(source) or (len(quote) == 1 and source[position] in "\n\r"):
            words = f"Syntax error: token recognition error at: '{source[at:position]}'"
            raise CompileError(source, [Issue(at, words)])
        if source.startswith(quote, position):
            position += len(quote)
            return (bytes(octets) if as_bytes else "".join(parts)), position
        char = source[position]
        if char != "\\" or raw:
            put(char)
            position += 1
            continue
        number, position, text = _escape(source, position + 1)
        if number is None:
            put(text)
        elif as_bytes:
            octets.append(number)
        else:
            put(chr(number))


def _escape(source: str, at: int) -> tuple[int | None, int, str]:
    """What follows a backslash: (code of hexadecimal and octal escapes or None, where it ends, text of others)."""
    char = source[at : at + 1]
    if char in _ESCAPES and char:
        return None, at + 1, _ESCAPES[char]
    for pattern, base, numeric in _NUMERIC_ESCAPES:
        found = pattern.match(source, at)
        if found is not None:
            code = int(found[1], base)
            if numeric:
                return code, found.end(), ""
            if 0xD800 <= code < 0xE000 or code > 0x10FFFF:
                break
            return None, found.end(), chr(code)
    raise CompileError(source, [Issue(at - 1, f"Syntax error: token recognition error at: '\\{char}'")])


_NUMERIC_ESCAPES = (
    (re.compile(r"[xX]([0-9a-fA-F]{2})"), 16, True),
    (re.compile(r"([0-3][0-7]{2})"), 8, True),
    (re.compile(r"u([0-9a-fA-F]{4})"), 16, False),
    (re.compile(r"U([0-9a-fA-F]{8})"), 16, False),
)
