"""The parser of JSONPath templates; see `jsonpath`.

A template is a row of texts and actions. An action `{…}` is a list of steps, each of which starts from what the step
before it found; what it does is told by the letters it begins with.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class JsonPathError(Exception):
    """A template that is wrong, or does not fit the object; the message is kubectl's."""


class Filter:
    """`left operator right` of a `[?(…)]`; the operator `exists` has no right side."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, left: list[Node], operator: str, right: list[Node]) -> None:
        self.left = left
        self.operator = operator
        self.right = right


class Node:
    """One step; its kind: list, text, value, identifier, field, array, wildcard, recursive, union, filter."""

    __slots__ = ("children", "filter", "kind", "value")

    def __init__(self, kind: str, value: Any = None, children: list[Node] | None = None) -> None:
        self.kind = kind
        self.value = value
        self.children = children or []
        self.filter: Filter | None = None


def parse(text: str) -> list[Node]:
    """The nodes of a template. JsonPathError."""
    return _Parser(text).template()


_ENDS_NAME = " \t\r\n.,[]$@{}"
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\"}
_HEXADECIMAL = {"x": 2, "u": 4, "U": 8}


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def template(self) -> list[Node]:
        nodes: list[Node] = []
        while self.at < len(self.text):
            brace = self.text.find("{", self.at)
            end = brace if brace >= 0 else len(self.text)
            if end > self.at:
                nodes.append(Node("text", self.text[self.at : end]))
            self.at = end
            if brace >= 0:
                self.at += 1
                nodes.append(Node("list", None, self._action()))
        return nodes

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _next(self) -> str:
        letter = self._peek()
        self.at += 1
        return letter

    def _action(self) -> list[Node]:
        """The steps up to the closing brace."""
        steps: list[Node] = []
        while not self.text.startswith("}", self.at):
            if self.text.startswith("[?(", self.at):
                self.at += 3
                steps.append(self._filter())
                continue
            if self.text.startswith("..", self.at):
                if steps and steps[-1].kind == "recursive":
                    raise JsonPathError("invalid multiple recursive descent")
                self.at += 2
                steps.append(Node("recursive"))
                if _names(self._peek()):
                    steps.append(self._field())
                continue
            letter = self._next()
            if letter in ("", "\r", "\n"):
                raise JsonPathError("unclosed action")
            if letter in " @$":
                continue
            if letter == "[":
                steps += self._array()
            elif letter in "\"'":
                steps.append(Node("text", self._quoted(letter)))
            elif letter == ".":
                steps.append(self._field())
            elif letter in "+-" or letter.isdigit():
                steps.append(self._number())
            elif _names(letter):
                self.at -= 1
                steps.append(self._identifier())
            else:
                shown = f" '{letter}'" if letter.isprintable() else ""
                raise JsonPathError(f"unrecognized character in action: U+{ord(letter):04X}{shown}")
        self.at += 1
        return steps

    def _field(self) -> Node:
        start = self.at
        while (letter := self._peek()) and letter not in _ENDS_NAME:
            self.at += 2 if letter == "\\" else 1
        self.at = min(self.at, len(self.text))
        name = self.text[start : self.at]
        return Node("wildcard") if name == "*" else Node("field", name.replace("\\", ""))

    def _identifier(self) -> Node:
        start = self.at
        while (letter := self._peek()) and letter not in _ENDS_NAME:
            self.at += 1
        word = self.text[start : self.at]
        return Node("value", word == "true") if word in ("true", "false") else Node("identifier", word)

    def _number(self) -> Node:
        start = self.at - 1
        while self._peek().isdigit() or self._peek() == ".":
            self.at += 1
        word = self.text[start : self.at]
        for kind in (int, float):
            try:
                return Node("value", kind(word))
            except ValueError:
                continue
        raise JsonPathError(f"cannot parse number {word}")

    def _quoted(self, quote: str) -> str:
        start = self.at
        while True:
            letter = self._next()
            if letter in ("", "\n"):
                raise JsonPathError("unterminated quoted string")
            if letter == quote and self.text[self.at - 2] != "\\":
                break
        inner = self.text[start : self.at - 1]
        try:
            return _unquoted(inner, quote)
        except (ValueError, IndexError, OverflowError):
            raise JsonPathError(f"unquote string {quote}{inner}{quote} error invalid syntax") from None

    def _array(self) -> list[Node]:
        """What stands between [ and ]: a union, the name of a member, or a slice."""
        end = self.text.find("]", self.at)
        line = self.text.find("\n", self.at)
        if end < 0 or 0 <= line < end:
            raise JsonPathError("unterminated array")
        inner = self.text[self.at : end]
        self.at = end + 1
        parts = inner.split(",")
        if len(parts) > 1:
            return [Node("union", None, [Node("list", None, _steps(f"[{part.strip(' ')}]")) for part in parts])]
        if len(inner) > 1 and inner[0] == inner[-1] == "'" and "'" not in inner[1:-1]:
            return _steps(f".{inner[1:-1]}")
        return [_slice(":" if inner == "*" else inner)]

    def _filter(self) -> Node:
        """Up to the bracket behind the first parenthesis that stands outside of a text."""
        start = self.at
        pair, ended = "", False
        while True:
            letter = self._next()
            if letter in ("", "\n"):
                raise JsonPathError("unterminated filter")
            if letter in "\"'":
                if not pair:
                    pair = letter
                elif letter == pair and self.text[self.at - 2] != "\\":
                    ended = True
            elif letter == ")" and bool(pair) == ended:
                break
        inner = self.text[start : self.at - 1]
        if self._next() != "]":
            raise JsonPathError("unclosed array expect ]")
        node = Node("filter")
        left, operator, right = _comparison(inner)
        node.filter = Filter(_steps(left), operator, _steps(right) if right else [])
        return node


def _names(letter: str) -> bool:
    return letter == "_" or letter.isalpha() or letter.isdigit()


def _steps(text: str) -> list[Node]:
    """The steps of an action."""
    return _Parser("{" + text + "}").template()[0].children


def _slice(text: str) -> Node:
    bounds = text.split(":")
    if len(bounds) > 3 or not all(bound.removeprefix("-").isdigit() for bound in bounds if bound not in ("", "-")):
        raise JsonPathError(f"invalid array index {text}")
    numbers: list[int | None] = []
    for bound in bounds:
        if bound == "-" or len(bound) > 18:
            raise JsonPathError(f"array index {bound} is not a number")
        numbers.append(int(bound) if bound else None)
    single = len(bounds) == 1
    numbers += [None] * (3 - len(numbers))
    return Node("array", (numbers[0], numbers[1], numbers[2], single))


def _comparison(text: str) -> tuple[str, str, str]:
    """Left, operator and right; `exists` and no right side for a test of existence.

    The operator is the first run of its letters, but something has to be left of it and at least a letter to its right.
    """
    start = next((position for position, letter in enumerate(text) if letter in "!<>="), 0)
    end = start
    while end < len(text) and text[end] in "!<>=":
        end += 1
    if end == len(text):
        end -= 1
    if start and end > start and "\n" not in text[end:]:
        return text[:start], text[start:end], text[end:]
    return text, "exists", ""


def _unquoted(text: str, quote: str) -> str:
    """The text that stands between quotes, as Go reads it. ValueError."""
    if "\\" not in text:
        return text
    letters: list[str] = []
    position = 0
    while position < len(text):
        letter = text[position]
        position += 1
        if letter == quote:
            raise ValueError(letter)
        if letter != "\\":
            letters.append(letter)
            continue
        mark = text[position]
        size = _HEXADECIMAL.get(mark, 0)
        if size:
            position += 1
            digits = text[position : position + size]
        elif mark in "01234567":
            size, digits = 3, text[position : position + 3]
        else:
            if mark != quote and mark not in _ESCAPES:
                raise ValueError(mark)
            letters.append(_ESCAPES.get(mark, mark))
            position += 1
            continue
        if len(digits) != size:
            raise ValueError(digits)
        letters.append(chr(int(digits, 8 if mark in "01234567" else 16)))
        position += size
    return "".join(letters)
