"""Tokens of one action: what stands between `{{` and `}}`."""

from __future__ import annotations

from .values import Constant


class TemplateError(Exception):
    """A template that is wrong or does not fit; the message begins with the line."""


class Token:
    """kind: field, variable, name, keyword, string, number, bool, nil, dot, op, space, error."""

    __slots__ = ("kind", "text", "value")

    def __init__(self, kind: str, text: str, value: object = None) -> None:
        self.kind = kind
        self.text = text
        self.value = value


KEYWORDS = frozenset("block break continue define else end if range template with".split())


def _bad_character(letter: str, line: int, what: str = "bad character") -> TemplateError:
    """`bad character U+003D '='`."""
    shown = f" '{letter}'" if letter.isprintable() else ""
    return TemplateError(f"{line}: {what} U+{ord(letter):04X}{shown}")


def _word_end(text: str, position: int, line: int) -> int:
    """Where the letters of a name end; only some letters may follow. TemplateError."""
    while position < len(text) and _is_name(text[position]):
        position += 1
    if position < len(text) and not text[position].isspace() and text[position] not in ".,|:()":
        raise _bad_character(text[position], line)
    return position


def _is_name(letter: str) -> bool:
    return letter == "_" or letter.isalnum()


def tokens(text: str, line: int) -> list[Token]:
    """The tokens of an action's text. The last is an `error` where the text cannot be read further."""
    found: list[Token] = []
    try:
        _read(text, line, found)
    except TemplateError as error:
        found.append(Token("error", str(error)))
    return found


def _read(text: str, line: int, found: list[Token]) -> None:
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
            end = position + 1
            while end < len(text) and text[end] not in "'\n":
                end += 2 if text[end] == "\\" else 1
            if text[end : end + 1] != "'":
                raise TemplateError(f"{line}: unterminated character constant")
            body = unescaped(text[position + 1 : end], line)
            if not body:
                raise TemplateError(f"{line}: invalid syntax")
            if len(body) != 1:
                raise TemplateError(f"{line}: malformed character constant: {text[position : end + 1]}")
            found.append(Token("number", text[position : end + 1], Constant(ord(body))))
            position = end + 1
        elif letter.isdigit() or letter in "+-" or (letter == "." and text[position + 1 : position + 2].isdigit()):
            position = _number(text, position, line, found)
        elif letter in ".$":
            end = _word_end(text, position + 1, line)
            word = text[position:end]
            kind = "variable" if letter == "$" else "dot" if word == "." else "field"
            found.append(Token(kind, word))
            position = end
        elif _is_name(letter):
            end = _word_end(text, position, line)
            word = text[position:end]
            if word in ("true", "false"):
                found.append(Token("bool", word, word == "true"))
            else:
                found.append(Token("nil" if word == "nil" else "keyword" if word in KEYWORDS else "name", word))
            position = end
        elif text[position : position + 2] == ":=":
            found.append(Token("op", ":="))
            position += 2
        elif " " < letter <= "~":
            found.append(Token("op", letter))
            position += 1
        else:
            raise _bad_character(letter, line, "unrecognized character in action:")


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


_DIGITS = "0123456789_"
_BASES = {"x": "0123456789abcdefABCDEF_", "o": "01234567_", "b": "01_"}


def _number(text: str, position: int, line: int, found: list[Token]) -> int:
    end = position + (text[position] in "+-")
    digits = _DIGITS
    if text[end : end + 1] == "0" and (base := _BASES.get(text[end + 1 : end + 2].lower())):
        digits, end = base, end + 2
    end = _run(text, end, digits)
    if text[end : end + 1] == ".":
        end = _run(text, end + 1, digits)
    exponent = {_DIGITS: "eE", _BASES["x"]: "pP"}.get(digits, "")
    if end < len(text) and text[end] in exponent:
        end += 1 + (text[end + 1 : end + 2] in ("+", "-"))
        end = _run(text, end, _DIGITS)
    if end < len(text) and _is_name(text[end]):
        raise TemplateError(f'{line}: bad number syntax: "{text[position : end + 1]}"')
    word = text[position:end]
    found.append(Token("number", word, _value(word, line)))
    return end


def _run(text: str, position: int, digits: str) -> int:
    while position < len(text) and text[position] in digits:
        position += 1
    return position


def _value(word: str, line: int) -> object:
    try:
        value = Constant(_whole(word))
    except ValueError:
        try:
            number = float(word)
        except ValueError:
            number = float("inf")
        if number in (float("inf"), float("-inf")):
            raise TemplateError(f'{line}: illegal number syntax: "{word}"') from None
        if not any(letter in word for letter in ".eE"):
            raise TemplateError(f'{line}: integer overflow: "{word}"') from None
        return number
    if not -(1 << 63) <= value < 1 << 64:
        raise TemplateError(f'{line}: integer overflow: "{word}"')
    return value


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
        elif size or mark.isdigit():
            start, size = (position + 2, size) if size else (position + 1, 3)
            digits = text[start : start + size]
            try:
                letter = chr(int(digits, 8 if mark.isdigit() else 16))
            except (ValueError, OverflowError):
                raise TemplateError(f"{line}: invalid syntax") from None
            if len(digits) != size:
                raise TemplateError(f"{line}: invalid syntax")
            parts.append(letter)
            position = start + size
        else:
            raise TemplateError(f"{line}: invalid syntax")
    return "".join(parts)
