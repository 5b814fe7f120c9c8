"""Comprehensions (`all`, `map`, `optMap` ...) as Python loops.

A macro's `kind` says what the loop collects; `all` and `exists` end with the deciding value and hold errors back until
it is known that none comes.
"""

from typing import Any

from . import costs, values
from .ast import Macro, Node
from .errors import NO_OVERLOAD, EvaluationError
from .types import Type
from .writer import Writer


class Comprehensions(Writer):
    """The part of the compiler that writes loops. `_names` are the loop variables in scope."""

    def __init__(self) -> None:
        super().__init__()
        self._names: list[dict[str, str]] = [{}]

    def _expr(self, node: Node) -> str:
        raise NotImplementedError

    def _boolean(self, node: Node, name: str) -> None:
        raise NotImplementedError

    def _loaded(self, type: Type, text: str) -> str:
        raise NotImplementedError

    def _macro(self, node: Macro) -> str:
        if node.kind in ("optMap", "optFlatMap"):
            return self._optional_macro(node)
        source = self._expr(node.range)
        if node.kind == "sortBy":
            source = self._atom(self._loaded_elements(node.range.type, source))
        fixed = costs.MACROS[node.kind]
        self._pending += fixed.once
        self._flush()
        result = self._new()
        self._line(f"{result} = {_STARTS[node.kind]}")
        held = self._new("e")
        if node.kind in ("all", "exists"):
            self._line(f"{held} = None")
        first, second = self._new("i"), self._new("i") if node.second else ""
        scope = self._loop_variables(node, first, second)
        known = node.range.type.name in ("list", "map")
        if node.second:
            self._line(f"for {first}, {second} in pairs({source}):")
        else:
            self._line(f"for {first} in {source if known else f'iterated({source})'}:")
        self._names.append(scope)
        with self._block():
            self._line(f"c += {fixed.each}")
            self._line("if c > limit: raise CostExceeded()")
            self._convert_loop_variables(node, first, second)
            self._loop_body(node, result, held, first)
        self._names.pop()
        if node.kind in ("all", "exists"):
            self._line(f"if {held} is not None and {result} is {_STARTS[node.kind]}: raise {held}")
        if node.kind == "sortBy":
            self._line(f"c += self_compare_({result})")
            self._line("if c > limit: raise CostExceeded()")
            return self._atom(f"sort_by({source}, {result})")
        return f"({result} == 1)" if node.kind == "exists_one" else result

    def _loaded_elements(self, kind: Type, text: str) -> str:
        """A list whose elements are converted as `_loaded` does."""
        loaded = self._loaded(kind.params[0], "x") if kind.params else "x"
        return text if loaded == "x" else f"[{loaded} for x in {text}]"

    def _loop_variables(self, node: Macro, first: str, second: str) -> dict[str, str]:
        return {node.variable: first, node.second: second} if node.second else {node.variable: first}

    def _convert_loop_variables(self, node: Macro, first: str, second: str) -> None:
        range = node.range.type
        if not range.params:
            return
        value = second or (first if range.name == "list" else "")
        loaded = self._loaded(range.params[-1], value)
        if value and loaded != value:
            self._line(f"{value} = {loaded}")

    def _loop_body(self, node: Macro, result: str, held: str, first: str) -> None:
        if node.kind in ("all", "exists"):
            self._quantified(node, result, held)
            return
        condition = node.condition if node.condition is not None else node.body
        if node.kind in ("exists_one", "filter") or node.condition is not None:
            test = self._atom(self._expr(condition))
            self._boolean(condition, test)
            self._flush()
            self._line(f"if {test}:")
            with self._block():
                self._pending += costs.MACROS[node.kind].kept
                self._collect(node, result, first)
        else:
            self._pending += costs.MACROS[node.kind].kept
            self._collect(node, result, first)

    def _collect(self, node: Macro, result: str, first: str) -> None:
        match node.kind:
            case "exists_one":
                self._line(f"{result} += 1")
            case "filter":
                self._line(f"{result}.append({first})")
            case "map" | "transformList" | "sortBy":
                self._line(f"{result}.append({self._expr(node.body)})")
            case "transformMap":
                self._line(f"{result}[{first}] = {self._expr(node.body)}")
            case _:
                self._line(f"merge_entry({result}, {self._expr(node.body)})")

    def _quantified(self, node: Macro, result: str, held: str) -> None:
        """One step of `all` or `exists`: the deciding value ends the loop, an error waits for one."""
        deciding = "False" if node.kind == "all" else "True"
        self._line("try:")
        with self._block():
            value = self._expr(node.body)
            test = self._atom(value)
            self._boolean(node.body, test)
            self._flush()
            self._line(f"if {test} is {deciding}:")
            self._line(f" {result} = {deciding}; break")
        self._line("except FAILURES as x:")
        self._line(f" {held} = x")

    def _optional_macro(self, node: Macro) -> str:
        found = self._atom(self._expr(node.range))
        self._pending += 1
        self._flush()
        result, inner = self._new(), self._new("i")
        self._line(f"if {found}.present:")
        with self._block():
            self._line(f"{inner} = {found}.value")
            self._names.append({node.variable: inner})
            value = self._expr(node.body)
            self._names.pop()
            self._line(f"{result} = some({value})" if node.kind == "optMap" else f"{result} = {value}")
        self._line("else:")
        self._line(f" {result} = NONE")
        return result


_STARTS = {
    "all": "True",
    "exists": "False",
    "exists_one": "0",
    "filter": "[]",
    "map": "[]",
    "sortBy": "[]",
    "transformList": "[]",
    "transformMap": "{}",
    "transformMapEntry": "{}",
}


def iterated(value: Any) -> Any:
    if isinstance(value, list | dict):
        return value
    raise EvaluationError(f"got '{values.type_name(value)}', expected iterable type")


def pairs(value: Any) -> Any:
    if isinstance(value, list):
        return enumerate(value)
    if isinstance(value, dict):
        return value.items()
    raise EvaluationError(f"got '{values.type_name(value)}', expected iterable type")


def merge_entry(into: dict[Any, Any], entry: Any) -> None:
    """`transformMapEntry` steps give maps whose keys must be new."""
    if not isinstance(entry, dict):
        raise EvaluationError(NO_OVERLOAD)
    for key, value in entry.items():
        if key in into:
            raise EvaluationError(f"insert failed: key {key} already exists")
        into[key] = value
