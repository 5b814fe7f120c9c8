"""The YAML that people mostly write — block mappings and sequences, plain and quoted one-line scalars, literal blocks —
read without importing a YAML library (20 ms). Anything else is left to `yaml_read`.

Pure: `load(text)` gives one document. ValueError (from `yaml_read`) for what is no YAML.
"""

from __future__ import annotations

from ..output.yaml_scalars import reads_as_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Unusual(Exception):
    """Something that only a whole parser understands."""


def load(text: str) -> Any:
    """The document of a text, by the quick way or the complete one. None when it is empty."""
    try:
        return quick(text)
    except Unusual:
        from .yaml_read import load_one

        return load_one(text)


def quick(text: str) -> Any:
    """The document, or Unusual."""
    if text.lstrip(" \t\r\n")[:1] == "{":
        from .json_read import JsonError, loads

        try:
            return loads(text)
        except JsonError:
            raise Unusual from None
    if "\t" in text or "\r" in text:
        raise Unusual
    reader = _Reader(text)
    if reader.at_end():
        return None
    value = reader.block(reader.indent)
    if not reader.at_end():
        raise Unusual
    return value


_START_WRONG = frozenset("&*!>%@`?,]}|")
_NUMBERS = frozenset("+-.0123456789")


class _Reader:
    """Walks the lines; `indent` and `content` are those of the line at hand."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.number = -1
        self.indent = 0
        self.content = ""
        self._next()
        if self.content == "---":
            self._next()

    def at_end(self) -> bool:
        return self.number >= len(self.lines)

    def _next(self) -> None:
        """Go to the next line with something on it."""
        while True:
            self.number += 1
            if self.number >= len(self.lines):
                self.content, self.indent = "", -1
                return
            line = self.lines[self.number]
            content = line.lstrip(" ")
            if not content or content[0] == "#":
                continue
            self.indent = len(line) - len(content)
            self.content = content.rstrip(" ")
            if self.indent == 0 and self.number and (content[:3] in ("---", "...")):
                raise Unusual
            return

    def block(self, indent: int) -> Any:
        """The mapping or sequence that begins on this line."""
        if self.content[:2] == "- " or self.content == "-":
            return self._sequence(indent)
        if _key_end(self.content) < 0:
            raise Unusual
        return self._mapping(indent)

    def _sequence(self, indent: int) -> list[Any]:
        found: list[Any] = []
        while self.indent == indent and (self.content[:2] == "- " or self.content == "-"):
            rest = self.content[1:].lstrip(" ")
            if not rest or rest[0] == "#":
                self._next()
                found.append(self.block(self.indent) if self.indent > indent else None)
                continue
            if _key_end(rest) >= 0 or rest[:2] == "- " or rest == "-":
                inner = indent + len(self.content) - len(rest)
                self.indent, self.content = inner, rest
                found.append(self.block(inner))
            else:
                found.append(self._scalar(rest, indent))
        if self.indent > indent:
            raise Unusual
        return found

    def _mapping(self, indent: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.indent == indent:
            end = _key_end(self.content)
            if end < 0:
                raise Unusual
            key = _key(self.content[:end])
            if key in found:
                raise Unusual
            rest = self.content[end + 1 :].lstrip(" ")
            if rest and rest[0] != "#":
                found[key] = self._scalar(rest, indent)
                continue
            self._next()
            if self.indent > indent or (self.indent == indent and (self.content[:2] == "- " or self.content == "-")):
                found[key] = self.block(self.indent)
            else:
                found[key] = None
        if self.indent > indent:
            raise Unusual
        return found

    def _scalar(self, text: str, indent: int) -> Any:
        """A value on the line of its key or dash; goes on to the line after it."""
        first = text[0]
        if first == "|":
            return self._literal(text, indent)
        value: Any
        if first == '"' or first == "'":
            value = _quoted(text)
        elif first == "{" or first == "[":
            bare = text.partition(" #")[0].rstrip(" ")
            if bare == "{}":
                value = {}
            elif bare == "[]":
                value = []
            else:
                raise Unusual
        else:
            value = _plain(text)
        self._next()
        if self.indent > indent:
            raise Unusual
        return value

    def _literal(self, text: str, indent: int) -> str:
        if text not in ("|", "|-", "|+"):
            raise Unusual
        lines: list[str] = []
        margin = -1
        number = self.number + 1
        while number < len(self.lines):
            line = self.lines[number]
            bare = line.lstrip(" ")
            if not bare:
                if margin < 0 and line:
                    raise Unusual
                lines.append(line[margin:] if margin >= 0 else "")
                number += 1
                continue
            depth = len(line) - len(bare)
            if margin < 0:
                if depth <= indent:
                    break
                margin = depth
            if depth < margin:
                if depth > indent:
                    raise Unusual
                break
            lines.append(line[margin:])
            number += 1
        if margin < 0 or (number >= len(self.lines) and text == "|+"):
            raise Unusual
        self.number = number - 1
        self._next()
        body = "\n".join(lines).rstrip("\n") if text != "|+" else "\n".join(lines)
        return body if text == "|-" else body + "\n"


def _key_end(text: str) -> int:
    """Where the colon after a key is; -1 when the text has no key."""
    if text[0] in "\"'":
        close = text.find(text[0], 1)
        return close + 1 if close > 0 and text[close + 1 : close + 2] == ":" and _ends(text, close + 1) else -1
    end = text.find(":")
    while end >= 0 and not _ends(text, end):
        end = text.find(":", end + 1)
    return end


def _ends(text: str, position: int) -> bool:
    return position + 1 == len(text) or text[position + 1] == " "


def _key(text: str) -> str:
    if text[:1] in ('"', "'"):
        if "\\" in text:
            raise Unusual
        return text[1:-1]
    if not text or text[0] in _START_WRONG or text[0] in "[{" or " #" in text or text == "<<":
        raise Unusual
    if text[0] in "-" and text[1:2] in ("", " "):
        raise Unusual
    if not reads_as_text(text):
        raise Unusual
    return text


def _quoted(text: str) -> str:
    quote = text[0]
    close = text.find(quote, 1)
    rest = text[close + 1 :].lstrip(" ")
    if close < 0 or (rest and (rest[0] != "#" or text[close + 1] != " ")):
        raise Unusual
    body = text[1:close]
    if quote == '"' and "\\" in body:
        raise Unusual
    return body


def _plain(text: str) -> Any:
    first = text[0]
    if first in _START_WRONG or (first in "-:" and text[1:2] in ("", " ")):
        raise Unusual
    hash_ = text.find(" #")
    if hash_ >= 0:
        text = text[:hash_].rstrip(" ")
    if ": " in text or text[-1] == ":":
        raise Unusual
    if first in _NUMBERS:
        if text.isdigit() and text.isascii() and (text == "0" or text[0] != "0") and len(text) < 19:
            return int(text)
        if not reads_as_text(text):
            raise Unusual
        return text
    if text in ("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"):
        return True
    if text in ("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"):
        return False
    if text in ("null", "Null", "NULL", "~"):
        return None
    if text in ("y", "Y", "n", "N"):
        raise Unusual
    return text
