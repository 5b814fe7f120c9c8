"""Tokens of one action: what stands between `{{` and `}}`."""

from __future__ import annotations

from .values import Constant


class TemplateError(Exception):
    """A template that is wrong or does not fit; the message begins with the line."""


class Token:
    """kind: field, variable, name, string, char, number, bool, nil, dot, op, space."""

    __slots__ = ("kind", "text", "value")

    def __init__(self, kind: str, text: str, value: object = None) -> None:
        self.kind = kind
        self.text = text
        self.value = value


def _is_name(letter: str) -> bool:
    return letter == "_" or letter.isalnum()


def tokens(text: str, line: int) -> list[Token]:
    """The tokens of an action's text. TemplateError."""
    found: list[Token] = []
    position = 0
    while position < len(text):
        letter = text[position]
        if letter.isspace():
            end = position
            while end < len(text) and text[end].isspace():
                end += 1
            found.append(Token("space", " "))
            position = end
        elif letter in '"`':
            position = _string(text, position, line, found)
        elif letter == "'":
            end = text.find("'", position + (3 if text[position + 1 : position + 2] == "\\" else 2))
            body = unescaped(text[position + 1 : end], line)
            if end < 0 or len(body) != 1:
                raise TemplateError(f"{line}: malformed character constant: {text[position : end + 1]}")
            found.append(Token("number", text[position : end + 1], Constant(ord(body))))
            position = end + 1
        elif letter.isdigit() or (letter in "+-" and text[position + 1 : position + 2].isdigit()):
            position = _number(text, position, line, found)
        elif letter in ".$":
            end = position + 1
            while end < len(text) and _is_name(text[end]):
                end += 1
            word = text[position:end]
            kind = "variable" if letter == "$" else "dot" if word == "." else "field"
            found.append(Token(kind, word))
            position = end
        elif _is_name(letter):
            end = position
            while end < len(text) and _is_name(text[end]):
                end += 1
            word = text[position:end]
            if word in ("true", "false"):
                found.append(Token("bool", word, word == "true"))
            else:
                found.append(Token("nil" if word == "nil" else "name", word))
            position = end
        elif text[position : position + 2] == ":=":
            found.append(Token("op", ":="))
            position += 2
        elif letter in "|(),=":
            found.append(Token("op", letter))
            position += 1
        else:
            raise TemplateError(
                f"{line}: unexpected {letter!r} in command" if letter != "}" else f'{line}: unexpected "}}" in operand'
            )
    return found


def _string(text: str, position: int, line: int, found: list[Token]) -> int:
    quote = text[position]
    end = position + 1
    while end < len(text) and text[end] != quote:
        if quote == '"' and text[end] == "\n":
            raise TemplateError(f"{line}: unterminated quoted string")
        end += 2 if quote == '"' and text[end] == "\\" else 1
    if end >= len(text):
        raise TemplateError(f"{line}: unterminated {'raw ' if quote == '`' else ''}quoted string")
    body = text[position + 1 : end]
    found.append(Token("string", text[position : end + 1], body if quote == "`" else unescaped(body, line)))
    return end + 1


def _number(text: str, position: int, line: int, found: list[Token]) -> int:
    end = position + 1
    while end < len(text) and (
        _is_name(text[end]) or text[end] == "." or (text[end] in "+-" and text[end - 1] in "eE")
    ):
        end += 1
    word = text[position:end]
    value: object
    try:
        value = Constant(_whole(word))
    except ValueError:
        try:
            value = float(word)
        except ValueError:
            raise TemplateError(f'{line}: bad number syntax: "{word}"') from None
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        raise TemplateError(f'{line}: integer overflow: "{word}"')
    found.append(Token("number", word, value))
    return end


def _whole(word: str) -> int:
    """A leading 0 makes it octal."""
    digits = word.replace("_", "").lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
    return int(word.replace("_", ""), 8 if octal else 0)


_SIMPLE = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"', "'": "'"}


def unescaped(text: str, line: int) -> str:
    """Go's escapes of a quoted string."""
    if "\\" not in text:
        return text
    parts: list[str] = []
    position = 0
    while position < len(text):
        letter = text[position]
        if letter != "\\":
            parts.append(letter)
            position += 1
            continue
        mark = text[position + 1 : position + 2]
        size = {"x": 2, "u": 4, "U": 8}.get(mark, 0)
        if mark in _SIMPLE:
            parts.append(_SIMPLE[mark])
            position += 2
        elif size:
            parts.append(chr(int(text[position + 2 : position + 2 + size], 16)))
            position += 2 + size
        elif mark.isdigit():
            parts.append(chr(int(text[position + 1 : position + 4], 8)))
            position += 4
        else:
            raise TemplateError(f"{line}: invalid syntax")
    return "".join(parts)
