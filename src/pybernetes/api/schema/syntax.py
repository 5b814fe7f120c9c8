"""What is wrong with a text that is no JSON, in the words of Go's encoding/json, which clients of the API know.

The text is walked once, by the states of Go's scanner; only texts that a fast parser has refused come here.
"""

import re

_LITERALS = {ord("t"): b"true", ord("f"): b"false", ord("n"): b"null"}
_ESCAPES = b'"\\/bfnrt'
_HEX = b"0123456789abcdefABCDEF"
_DIGITS = b"0123456789"
_END = "unexpected end of JSON input"
_MAX_DEPTH = 10_000
_MAX_BYTES = 64 * 1024  # a walk of 10 to 20 ms
_plain = re.compile(rb'[^"\\\x00-\x1f]*').match
_white = re.compile(rb"[ \t\r\n]*").match
_digits = re.compile(rb"[0-9]*").match


class _Wrong(Exception):
    """The first thing that is wrong, and how many bytes were read to see it."""

    def __init__(self, words: str, read: int) -> None:
        super().__init__(words)
        self.read = read


def syntax_error(data: bytes) -> str:
    """The error; "" when the text is JSON, or too long to be walked while others wait."""
    return located_error(data)[0]


def located_error(data: bytes) -> tuple[str, int]:
    """The error as of `syntax_error`, and how many bytes Go reads until it sees it."""
    if len(data) > _MAX_BYTES:
        return "", 0
    try:
        position = _value(data)
        position = _skip(data, position)
        if position < len(data):
            raise _wrong(data, position, "after top-level value")
    except _Wrong as wrong:
        return str(wrong), wrong.read
    return "", 0


def _wrong(data: bytes, position: int, where: str) -> _Wrong:
    if position >= len(data):
        return _Wrong(_END, len(data))
    return _Wrong(f"invalid character {_quoted(data[position])} {where}", position + 1)


def _quoted(byte: int) -> str:
    if byte == ord("'"):
        return r"'\''"
    if byte == ord('"'):
        return "'\"'"
    special = {7: r"\a", 8: r"\b", 9: r"\t", 10: r"\n", 11: r"\v", 12: r"\f", 13: r"\r", 92: r"\\"}
    if byte in special:
        return f"'{special[byte]}'"
    text = chr(byte)
    if text.isprintable() and byte != 0xAD:
        return f"'{text}'"
    return f"'\\x{byte:02x}'" if byte < 0x80 else f"'\\u{byte:04x}'"


def _skip(data: bytes, position: int) -> int:
    found = _white(data, position)
    assert found is not None
    return found.end()


def _value(data: bytes) -> int:
    """Walk one value from the beginning; where it ends. Containers are kept on a stack of our own."""
    stack: list[int] = []
    position = 0
    while True:
        position = _skip(data, position)
        byte = data[position] if position < len(data) else -1
        if byte in (ord("{"), ord("[")):
            stack.append(byte)
            if len(stack) > _MAX_DEPTH:
                raise _Wrong("exceeded max depth", position)
            position = _skip(data, position + 1)
            if position < len(data) and data[position] == byte + 2:  # "}" and "]" follow their beginnings by two
                stack.pop()
                position += 1
            elif byte == ord("{"):
                position = _key(data, position)
                continue
            else:
                continue
        else:
            position = _scalar(data, position)
        while stack:
            position = _skip(data, position)
            byte = data[position] if position < len(data) else -1
            is_object = stack[-1] == ord("{")
            if byte == ord(","):
                position = _key(data, _skip(data, position + 1)) if is_object else position + 1
                break
            if byte != stack[-1] + 2:
                raise _wrong(data, position, "after object key:value pair" if is_object else "after array element")
            stack.pop()
            position += 1
        else:
            return position


def _key(data: bytes, position: int) -> int:
    """A key and its colon; where the value begins."""
    if position >= len(data) or data[position] != ord('"'):
        raise _wrong(data, position, "looking for beginning of object key string")
    position = _skip(data, _string(data, position))
    if position >= len(data) or data[position] != ord(":"):
        raise _wrong(data, position, "after object key")
    return position + 1


def _scalar(data: bytes, position: int) -> int:
    if position >= len(data):
        raise _Wrong(_END, len(data))
    byte = data[position]
    if byte == ord('"'):
        return _string(data, position)
    if byte == ord("-") or byte in _DIGITS:
        return _number(data, position)
    literal = _LITERALS.get(byte)
    if literal is None:
        raise _wrong(data, position, "looking for beginning of value")
    for offset, wanted in enumerate(literal):
        if position + offset >= len(data) or data[position + offset] != wanted:
            raise _wrong(data, position + offset, f"in literal {literal.decode()} (expecting '{chr(wanted)}')")
    return position + len(literal)


def _string(data: bytes, position: int) -> int:
    position += 1
    while True:
        found = _plain(data, position)
        assert found is not None
        position = found.end()
        if position >= len(data):
            raise _Wrong(_END, len(data))
        byte = data[position]
        if byte == ord('"'):
            return position + 1
        if byte != ord("\\"):
            raise _wrong(data, position, "in string literal")
        position += 1
        if position < len(data) and data[position] == ord("u"):
            for offset in range(1, 5):
                if position + offset >= len(data) or data[position + offset] not in _HEX:
                    raise _wrong(data, position + offset, "in \\u hexadecimal character escape")
            position += 5
        elif position < len(data) and data[position] in _ESCAPES:
            position += 1
        else:
            raise _wrong(data, position, "in string escape code")


def _number(data: bytes, position: int) -> int:
    if data[position] == ord("-"):
        position = _needs_digit(data, position + 1, "in numeric literal")
    position = position + 1 if data[position] == ord("0") else _all_digits(data, position)
    if data[position : position + 1] == b".":
        position = _all_digits(data, _needs_digit(data, position + 1, "after decimal point in numeric literal"))
    if data[position : position + 1] in (b"e", b"E"):
        position += 2 if data[position + 1 : position + 2] in (b"+", b"-") else 1
        position = _all_digits(data, _needs_digit(data, position, "in exponent of numeric literal"))
    return position


def _needs_digit(data: bytes, position: int, where: str) -> int:
    if position >= len(data) or data[position] not in _DIGITS:
        raise _wrong(data, position, where)
    return position


def _all_digits(data: bytes, position: int) -> int:
    found = _digits(data, position)
    assert found is not None
    return found.end()
