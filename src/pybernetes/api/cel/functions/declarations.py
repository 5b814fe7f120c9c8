"""Overloads as text: `size(list(A)) -> int`, `string::contains(string) -> bool` (with a receiver)."""

import re
from collections.abc import Iterator

import msgspec

from ..types import Type

_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9.]*")


class Overload(msgspec.Struct, frozen=True):
    """`params` begins with the receiver's type when `member`."""

    name: str
    params: tuple[Type, ...]
    result: Type
    member: bool


def parse_declarations(text: str) -> Iterator[Overload]:
    """One overload per line that is neither empty nor a comment."""
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            yield _overload(line)


def _overload(line: str) -> Overload:
    left, _, right = line.rpartition(" -> ")
    receiver, separator, rest = left.rpartition("::")
    name, _, inside = rest.partition("(")
    params: list[Type] = [parse_type(receiver)] if separator else []
    params += _list(inside[:-1])
    return Overload(name, tuple(params), parse_type(right), bool(separator))


def _list(text: str) -> list[Type]:
    found: list[Type] = []
    depth, start = 0, 0
    for at, char in enumerate(text + ","):
        if char == "(":
            depth += 1
        elif char == ")":
            depth -= 1
        elif char == "," and not depth:
            if text[start:at].strip():
                found.append(parse_type(text[start:at].strip()))
            start = at + 1
    return found


def parse_type(text: str) -> Type:
    """`map(string, list(A))`."""
    match = _WORD.match(text)
    assert match is not None, text
    name = match.group()
    rest = text[match.end() :]
    return Type(name, tuple(_list(rest[1:-1])) if rest else ())
