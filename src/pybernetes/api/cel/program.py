"""`Environment`: the variables an expression may use. `Program`: an expression ready to run."""

from collections.abc import Iterable, Mapping
from typing import Any

from .ast import Ident, Node, children
from .checker import StructTypes, check
from .compiler import compile_tree
from .errors import CompileError, Issue
from .parser import parse, too_deep
from .types import Type

PER_CALL_LIMIT = 1_000_000
"""Cost units one evaluation may take."""


class Program:
    """A compiled expression. `run(variables, cost limit)` gives (value, error, cost); it raises nothing but
    `functions.authorization.Undecided`. `tree` is typed, for cost estimates."""

    __slots__ = ("run", "source", "tree")

    def __init__(self, source: str, tree: Node) -> None:
        self.source = source
        self.tree = tree
        try:
            self.run = compile_tree(tree)
        except RecursionError:
            raise too_deep(source) from None

    @property
    def type(self) -> Type:
        return self.tree.type

    def evaluate(self, variables: Mapping[str, Any], limit: int = PER_CALL_LIMIT) -> Any:
        """The value. EvaluationError, CostExceeded."""
        value, error, _ = self.run(variables, limit)
        if error is not None:
            raise error
        return value

    def names(self) -> set[str]:
        """The free names of the expression."""
        return set(_idents(self.tree))


def _idents(node: Node) -> Iterable[str]:
    if isinstance(node, Ident):
        yield node.name
    for child in children(node):
        yield from _idents(child)


class Environment:
    """Variables by name, and the object types that may be built (`Name{...}`). `bindings`: whether `cel.bind` is
    known."""

    def __init__(
        self, variables: Mapping[str, Type], struct_types: StructTypes | None = None, *, bindings: bool = False
    ) -> None:
        self._bindings = bindings
        self.variables = dict(variables)
        self._struct_types: StructTypes = struct_types or (lambda name: None)

    def extended(self, variables: Mapping[str, Type]) -> "Environment":
        return Environment({**self.variables, **variables}, self._struct_types, bindings=self._bindings)

    def checked(self, source: str) -> Node:
        """The typed tree. CompileError."""
        try:
            return check(source, parse(source, bindings=self._bindings), self.variables, self._struct_types)
        except RecursionError:
            raise too_deep(source) from None

    def compile(self, source: str, *, expect: Iterable[Type] = ()) -> Program:
        """An expression whose value is of one of these types (any, when there are none). CompileError."""
        tree = self.checked(source)
        wanted = tuple(expect)
        if wanted and tree.type.name != "dyn" and not any(tree.type == type for type in wanted):
            raise WrongResult(source, tree.type, wanted)
        return Program(source, tree)


class WrongResult(CompileError):
    """The expression is sound but gives another type than asked for."""

    def __init__(self, source: str, found: Type, wanted: tuple[Type, ...]) -> None:
        self.found = found
        self.wanted = wanted
        super().__init__(source, [Issue(0, f"must evaluate to {' or '.join(map(str, wanted))}")])
        self.args = (f"must evaluate to {' or '.join(map(str, wanted))}",)
