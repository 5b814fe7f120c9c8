"""JSONPath templates of kubectl: parsed into nodes, evaluated on decoded JSON.

    template = parse('{range .items[*]}{.metadata.name}{"\\n"}{end}')
    text = render(template, obj, allow_missing=True)

Text stands outside braces. Inside: `.field`, `['field']`, `[0]`, `[1:3]`, `[*]`, `..field`, `[?(@.type=="Ready")]`,
`['a','b']`, `"text"`, `range … end`, `@`, `$`. A field may hold escaped dots: `.data.ca\\.crt`.
"""

from __future__ import annotations

from .go_json import compact, indented
from .jsonpath_parser import Filter, JsonPathError, Node, parse
from .table import plain_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["JsonPathError", "find", "parse", "relaxed", "render", "values"]


def render(template: list[Node], data: Any, *, allow_missing: bool = True, as_json: bool = False) -> str:
    """The text a template makes of an object. JsonPathError."""
    parts: list[str] = []
    for results in find(template, data, allow_missing=allow_missing):
        if as_json:
            parts.append(indented(results) + "\n")
        else:
            parts.append(" ".join([_text(value) for value in results]))
    return "".join(parts)


def values(template: list[Node], data: Any) -> list[Any]:
    """The values of a template's first expression; empty when something on the way is missing."""
    return next(iter(find(template, data, allow_missing=True)), [])


def find(template: list[Node], data: Any, *, allow_missing: bool) -> list[list[Any]]:
    """The results of each top-level node."""
    return _Evaluation(allow_missing).run(template, [data])


_RELAXED = "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'"


def relaxed(text: str) -> str:
    """A field as users write it for columns and sorting — `metadata.name`, `.metadata.name`, `{.metadata.name}` — as a
    template. JsonPathError for what is none of these.
    """
    if not text:
        return ""
    if text[0] == "{" and text[-1] == "}":
        inner = text[1:-1]
    elif "{" in text.replace("{{", "")[:1] or text.startswith("{") != text.endswith("}"):
        raise JsonPathError(_RELAXED)
    else:
        inner = text
    if "{" in inner or "}" in inner:
        raise JsonPathError(_RELAXED)
    return "{" + (inner if inner[:1] == "." else "." + inner) + "}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return compact(value)
    return "null" if value is None else plain_text(value)


class _Evaluation:
    """One walk through a template.

    `{range …}` runs what follows once for each value it finds, up to the `{end}` that ends it; a range without an end
    runs to the end of the template, which then goes on behind the range's own action, as if it were not there.
    """

    def __init__(self, allow_missing: bool) -> None:
        self._allow_missing = allow_missing
        self._began = False
        self._depth = 0
        self._ended = 0
        self._last_end = -1

    def run(self, nodes: list[Node], current: list[Any], start: int = 0) -> list[list[Any]]:
        results: list[list[Any]] = []
        position = start
        while position < len(nodes):
            found = self._step(nodes[position], current)
            if 0 < self._ended <= self._depth:
                self._ended -= 1
                self._last_end = position
                break
            if not self._began:
                results.append(found)
            else:
                self._began = False
                self._depth += 1
                for item in found:
                    results += self.run(nodes, [item], position + 1)
                if not found:
                    # Only to find the end.
                    self.run(nodes, [None], position + 1)
                self._depth -= 1
                position = max(position, self._last_end)
            position += 1
        return results

    def _identifier(self, name: str, current: list[Any]) -> list[Any]:
        if name == "range":
            self._began = True
            return current
        if name != "end":
            raise JsonPathError(f"unrecognized identifier {name}")
        if not self._depth:
            raise JsonPathError("not in range, nothing to end")
        self._ended += 1
        return []

    def _path(self, nodes: list[Node], current: list[Any]) -> list[Any]:
        for node in nodes:
            current = self._step(node, current)
        return current

    def _step(self, node: Node, current: list[Any]) -> list[Any]:
        kind = node.kind
        if kind == "field":
            return self._field(node.value, current)
        if kind == "text":
            return [node.value]
        if kind == "value":
            return [node.value] * len(current)
        if kind == "identifier":
            return self._identifier(node.value, current)
        if kind == "array":
            return self._array(node.value, current)
        if kind == "wildcard":
            return [item for value in current for item in _children(value)]
        if kind == "recursive":
            return [item for value in current for item in _descendants(value)]
        if kind == "union":
            return [item for branch in node.children for item in self._path(branch.children, current)]
        if kind == "filter":
            return self._filter(node.filter, current)
        return self._path(node.children, current)

    def _field(self, name: str, current: list[Any]) -> list[Any]:
        found = [value[name] for value in current if isinstance(value, dict) and name in value]
        if not found and not self._allow_missing and current:
            raise JsonPathError(f"{name} is not found")
        return found

    def _array(self, bounds: tuple[int | None, int | None, int | None, bool], current: list[Any]) -> list[Any]:
        start, end, step, single = bounds
        found: list[Any] = []
        for value in current:
            if value is None:
                continue
            if not isinstance(value, list):
                raise JsonPathError(f"{_go_type(value)} is not array or slice")
            length = len(value)
            first = 0 if start is None else start + length if start < 0 else start
            last = length if end is None else end + length if end < 0 else end
            if single:
                last = first + 1
            if first == last:
                # Where none is asked for, the stock client leaves out the arrays after it as well.
                return found
            if first < 0 or first >= length:
                raise JsonPathError(f"array index out of bounds: index {first}, length {length}")
            if not 0 <= last <= length:
                raise JsonPathError(f"array index out of bounds: index {last - 1}, length {length}")
            if first > last:
                raise JsonPathError(f"starting index {first} is greater than ending index {last}")
            if step is not None and step <= 0:
                raise JsonPathError("step must be > 0")
            found += value[first:last:step]
        return found

    def _filter(self, wanted: Filter | None, current: list[Any]) -> list[Any]:
        assert wanted is not None
        found: list[Any] = []
        for value in current:
            if not isinstance(value, list):
                raise JsonPathError(f"{plain_text(value)} is not array or slice and cannot be filtered")
            for item in value:
                if self._satisfies(item, wanted):
                    found.append(item)
        return found

    def _satisfies(self, item: Any, wanted: Filter) -> bool:
        inner = _Evaluation(True)
        left = inner._path(wanted.left, [item])
        if wanted.operator == "exists":
            return bool(left)
        if not left:
            return False
        if len(left) > 1:
            raise JsonPathError("can only compare one element at a time")
        right = inner._path(wanted.right, [item])
        if not right:
            return False
        if wanted.operator not in ("==", "!=", "<", "<=", ">", ">="):
            raise JsonPathError(f"unrecognized filter operator {wanted.operator}")
        return _compare(left[0], wanted.operator, right[0])


def _compare(left: Any, operator: str, right: Any) -> bool:
    if type(left) is not type(right) or isinstance(left, dict | list) or left is None:
        raise JsonPathError("incompatible types for comparison")
    if operator == "==":
        return bool(left == right)
    if operator == "!=":
        return bool(left != right)
    if operator == "<":
        return bool(left < right)
    if operator == "<=":
        return bool(left <= right)
    return bool(left > right) if operator == ">" else bool(left >= right)


def _children(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return list(value.encode())
    return [value[key] for key in sorted(value)] if isinstance(value, dict) else []


def _descendants(value: Any) -> list[Any]:
    """A value that has something in it, and all such values below."""
    children = _children(value)
    found = [value] if children else []
    if not isinstance(value, str):
        for child in children:
            found += _descendants(child)
    return found


def _go_type(value: Any) -> str:
    """What Go calls the type of a decoded value that is no list."""
    names = {"str": "string", "bool": "bool", "int": "int64", "float": "float64"}
    return names.get(type(value).__name__, "map[string]interface {}")
