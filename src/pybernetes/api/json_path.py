"""Kubernetes' JSONPath, as far as objects are concerned: fields, indexes, slices, wildcards, recursion, filters.

    find = compile_path(".status.conditions[?(@.type=='Ready')].status")
    find(obj)  ->  ["True"]        a list of everything that matches

Reference, "JSONPath Support". Missing fields match nothing.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Find = Callable[[Any], list[Any]]
Step = Callable[[Any], Iterator[Any]]


class JsonPathError(ValueError):
    """The text is no path."""


_NAME = re.compile(r"(?:[^.\[\]()\s\\{}]|\\.)+")
_FILTER = re.compile(r"\?\(\s*(.+?)\s*\)\Z", re.DOTALL)
_COMPARISON = re.compile(r"(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)\Z", re.DOTALL)


def compile_path(path: str) -> Find:
    """A path, with or without braces around it. JsonPathError."""
    text = path.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    steps = _steps(text.removeprefix("$"))

    def find(obj: Any) -> list[Any]:
        found = [obj]
        for step in steps:
            found = [inner for value in found for inner in step(value)]
        return found

    return find


def _steps(text: str) -> list[Step]:
    steps: list[Step] = []
    at = 0
    while at < len(text):
        if text.startswith("..", at):
            steps.append(_descend)
            at += 1
            if text.startswith(".[", at):
                at += 1
            continue
        if text[at] == "[":
            end = _closing(text, at)
            steps.append(_bracket(text[at + 1 : end].strip()))
            at = end + 1
            continue
        if text[at] == ".":
            at += 1
            if at == len(text):
                break
            if text[at] == "[":
                continue
        if text[at] == "*":
            steps.append(_all)
            at += 1
            continue
        name = _NAME.match(text, at)
        if name is None:
            raise JsonPathError(f"unrecognized character in path: {text[at:]}")
        steps.append(_field(re.sub(r"\\(.)", r"\1", name[0])))
        at = name.end()
    return steps


def _closing(text: str, start: int) -> int:
    """The bracket that closes the one at `start`, quotes and inner brackets skipped."""
    depth, quote = 0, ""
    for at in range(start, len(text)):
        char = text[at]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
            if not depth:
                return at
    raise JsonPathError("unterminated array")


def _field(name: str) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _all(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    """The value and everything inside it."""
    yield value
    for inner in _all(value):
        yield from _descend(inner)


def _bracket(text: str) -> Step:
    if text == "*":
        return _all
    filtered = _FILTER.match(text)
    if filtered is not None:
        return _filter(filtered[1])
    if text[:1] in ("'", '"'):
        return _field(text[1:-1])
    if "," in text:
        parts = [_bracket(part.strip()) for part in text.split(",")]

        def union(value: Any) -> Iterator[Any]:
            for part in parts:
                yield from part(value)

        return union
    return _slice(text)


def _slice(text: str) -> Step:
    try:
        numbers = [int(part) if part.strip() else None for part in text.split(":")]
    except ValueError:
        raise JsonPathError(f"invalid array index {text}") from None
    if len(numbers) == 1:
        index = numbers[0]
        if index is None:
            raise JsonPathError("invalid array index")

        def one(value: Any) -> Iterator[Any]:
            if isinstance(value, list) and -len(value) <= index < len(value):
                yield value[index]

        return one
    chosen = slice(*numbers)

    def some(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[chosen]

    return some


def _filter(text: str) -> Step:
    comparison = _COMPARISON.match(text)
    if comparison is None:
        left = _operand(text)

        def present(value: Any) -> Iterator[Any]:
            for inner in _all(value):
                if left(inner):
                    yield inner

        return present
    first, second, symbol = _operand(comparison[1]), _operand(comparison[3]), comparison[2]

    def compared(value: Any) -> Iterator[Any]:
        for inner in _all(value):
            a, b = first(inner), second(inner)
            if a and b and _holds(a[0], symbol, b[0]):
                yield inner

    return compared


def _operand(text: str) -> Find:
    text = text.strip()
    if text.startswith("@"):
        return compile_path(text[1:])
    if text[:1] == "'":
        value: Any = text[1:-1]
    else:
        try:
            value = json.loads(text)
        except ValueError:
            raise JsonPathError(f"unrecognized operand {text}") from None
    return lambda obj: [value]


def _holds(a: Any, symbol: str, b: Any) -> bool:
    if symbol == "==":
        return type(a) is type(b) and bool(a == b)
    if symbol == "!=":
        return not (type(a) is type(b) and a == b)
    try:
        return bool({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[symbol])
    except TypeError:
        return False
