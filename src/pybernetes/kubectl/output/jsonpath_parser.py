"""The parser of JSONPath templates; see `jsonpath`."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class JsonPathError(Exception):
    """A template that is wrong, or does not fit the object; the message is kubectl's."""


class Filter:
    """`left operator right` of a `[?(…)]`."""

    __slots__ = ("left", "operator", "right")

    def __init__(self, left: list[Node], operator: str, right: list[Node]) -> None:
        self.left = left
        self.operator = operator
        self.right = right


class Node:
    """One step; its kind: field, array, wildcard, recursive, union, filter, current, text, value, list, range, end."""

    __slots__ = ("children", "filter", "kind", "value")

    def __init__(self, kind: str, value: Any = None, children: list[Node] | None = None) -> None:
        self.kind = kind
        self.value = value
        self.children = children or []
        self.filter: Filter | None = None


def parse(text: str) -> list[Node]:
    """The nodes of a template. JsonPathError."""
    return _Parser(text).template()


_ENDS_FIELD = " \r\n\t.,[]{}@$&|\"'"


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def template(self) -> list[Node]:
        nodes, ended = self._nodes()
        while ended:
            more, ended = self._nodes()
            nodes += [Node("end"), *more]
        return nodes

    def _nodes(self) -> tuple[list[Node], bool]:
        """Nodes up to the end of the text or an {end}."""
        found: list[Node] = []
        while self.at < len(self.text):
            brace = self.text.find("{", self.at)
            if brace < 0:
                found.append(Node("text", self.text[self.at :]))
                self.at = len(self.text)
                break
            if brace > self.at:
                found.append(Node("text", self.text[self.at : brace]))
            self.at = brace + 1
            action = self._action()
            word = action[0].value if action and action[0].kind == "identifier" else ""
            if word == "end":
                return found, True
            if word == "range":
                inner, _ = self._nodes()
                found.append(Node("range", None, [Node("list", None, action[1:]), *inner]))
            else:
                found.append(Node("list", None, action))
        return found, False

    def _peek(self) -> str:
        return self.text[self.at] if self.at < len(self.text) else ""

    def _action(self) -> list[Node]:
        """The steps between braces."""
        steps: list[Node] = []
        while True:
            letter = self._peek()
            if not letter or letter == "\n":
                raise JsonPathError("unclosed action")
            if letter == "}":
                self.at += 1
                return steps
            self.at += 1
            if letter in " \t\r":
                continue
            if letter in "@$":
                steps.append(Node("current"))
            elif letter == "[":
                steps.append(self._bracket())
            elif letter in "\"'":
                steps.append(Node("text", self._string(letter)))
            elif letter == ".":
                steps += self._dotted()
            elif letter.isdigit() or letter in "+-":
                steps.append(self._number())
            elif letter.isalnum():
                self.at -= 1
                steps.append(self._identifier())
            else:
                raise _unrecognized(letter)

    def _dotted(self) -> list[Node]:
        if self._peek() == ".":
            self.at += 1
            name = self._name()
            return [Node("recursive"), *([Node("wildcard")] if name == "*" else [Node("field", name)] if name else [])]
        name = self._name()
        if name == "*":
            return [Node("wildcard")]
        return [Node("field", name)] if name else []

    def _name(self) -> str:
        letters: list[str] = []
        while self.at < len(self.text):
            letter = self.text[self.at]
            if letter == "\\" and self.at + 1 < len(self.text):
                letters.append(self.text[self.at + 1])
                self.at += 2
                continue
            if letter in _ENDS_FIELD:
                break
            letters.append(letter)
            self.at += 1
        return "".join(letters)

    def _identifier(self) -> Node:
        start = self.at
        while self._peek() and (self._peek().isalnum() or self._peek() == "_"):
            self.at += 1
        word = self.text[start : self.at]
        if word in ("true", "false"):
            return Node("value", word == "true")
        return Node("identifier", word)

    def _number(self) -> Node:
        start = self.at - 1
        while self._peek() and (self._peek().isdigit() or self._peek() in ".eE"):
            self.at += 1
        word = self.text[start : self.at]
        try:
            return Node("value", int(word))
        except ValueError:
            pass
        try:
            return Node("value", float(word))
        except ValueError:
            raise JsonPathError(f"cannot parse number {word}") from None

    def _string(self, quote: str) -> str:
        letters: list[str] = []
        while True:
            letter = self._peek()
            if not letter or letter == "\n":
                raise JsonPathError("unterminated quoted string")
            self.at += 1
            if letter == quote:
                return "".join(letters)
            if letter == "\\":
                letter = self._escaped()
            letters.append(letter)

    def _escaped(self) -> str:
        """What stands after a backslash, as Go's texts have it."""
        mark = self._peek()
        self.at += 1
        if size := {"x": 2, "u": 4, "U": 8}.get(mark, 0):
            digits = self.text[self.at : self.at + size]
            self.at += size
            try:
                return chr(int(digits, 16))
            except (ValueError, OverflowError):
                raise JsonPathError("invalid syntax") from None
        return {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}.get(mark, mark)

    def _bracket(self) -> Node:
        """What stands between [ and ]."""
        depth, start = 0, self.at
        quote = ""
        while True:
            letter = self._peek()
            if not letter or letter == "\n":
                unfinished = "filter" if self.text.startswith("?(", start) else "array"
                raise JsonPathError(f"unterminated {unfinished}")
            if quote:
                if letter == "\\":
                    self.at += 1
                elif letter == quote:
                    quote = ""
            elif letter in "'\"":
                quote = letter
            elif letter in "[(":
                depth += 1
            elif letter == ")" or (letter == "]" and depth):
                depth -= 1
            elif letter == "]":
                break
            self.at += 1
        inner = self.text[start : self.at]
        self.at += 1
        return _inside(inner)


def _unrecognized(letter: str) -> JsonPathError:
    return JsonPathError(f"unrecognized character in action: U+{ord(letter):04X} {letter!r}")


def _inside(text: str) -> Node:
    stripped = text.strip()
    if text == "*":
        return Node("array", (None, None, None, False))
    if stripped[:1] == "?":
        return _filter(stripped)
    if stripped[:1] == "'":
        names = _split(stripped)
        paths = [_expression("." + _unquoted(name)) for name in names]
        if len(paths) == 1:
            return Node("list", None, paths[0])
        return Node("union", None, [Node("list", None, path) for path in paths])
    parts = _split(stripped)
    if len(parts) > 1:
        return Node("union", None, [Node("list", None, [_inside(part)]) for part in parts])
    return _slice(stripped)


def _slice(text: str) -> Node:
    bounds = (text or "0").split(":")
    try:
        numbers = [int(part) if part.strip() else None for part in bounds]
    except ValueError:
        raise JsonPathError(f"invalid array index {text}") from None
    if len(numbers) > 3:
        raise JsonPathError(f"invalid array index {text}")
    numbers += [None] * (3 - len(numbers))
    return Node("array", (numbers[0], numbers[1], numbers[2], len(bounds) == 1))


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) < 2 or text[0] != text[-1]:
        raise JsonPathError(f"invalid array index {text}")
    return text[1:-1]


def _split(text: str) -> list[str]:
    """At commas outside quotes."""
    parts, quote, start = [], "", 0
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter == ",":
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def _filter(text: str) -> Node:
    node = Node("filter")
    body = text[1:].strip()
    if body[:1] != "(" or body[-1:] != ")":
        raise JsonPathError("unterminated filter")
    left, operator, right = _comparison(body[1:-1])
    node.filter = Filter(_expression(left), operator or "exists", _expression(right) if operator else [])
    return node


def _comparison(text: str) -> tuple[str, str, str]:
    """Left, operator and right; no operator for a test of existence."""
    quote, depth = "", 0
    for position, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote and text[position - 1] != "\\" else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "[(":
            depth += 1
        elif letter in "])":
            depth -= 1
        elif letter in "<>=!" and not depth:
            end = position
            while end < len(text) and text[end] in "<>=!":
                end += 1
            return text[:position], text[position:end], text[end:]
    return text, "", ""


def _expression(text: str) -> list[Node]:
    return _Parser("{" + text.strip() + "}").template()[0].children
