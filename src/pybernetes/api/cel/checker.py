"""Types: every node gets its type, names are resolved, and what cannot be is reported as cel-go reports it."""

from collections.abc import Callable, Mapping

from .ast import Call, Ident, ListNode, Literal, Macro, MapNode, Node, Select, StructNode
from .errors import CompileError, EvaluationError, Issue
from .functions import Overload, overloads
from .functions.list_extension import SORT_BY
from .functions.times import to_duration, to_timestamp
from .parser import qualified
from .regex import PatternError, compiled
from .types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    ERROR,
    INT,
    NULL,
    STRING,
    TIMESTAMP,
    UINT,
    Bindings,
    Type,
    assignable,
    joined,
    list_of,
    map_of,
    optional_of,
    substitute,
    type_of,
)
from .values import TypeValue, UInt

_TYPE_NAMES: dict[str, Type] = {
    "bool": BOOL,
    "int": INT,
    "uint": UINT,
    "double": DOUBLE,
    "string": STRING,
    "bytes": BYTES,
    "null_type": NULL,
    "list": Type("list", (DYN,)),
    "map": Type("map", (DYN, DYN)),
    "type": Type("type"),
    "google.protobuf.Timestamp": TIMESTAMP,
    "google.protobuf.Duration": DURATION,
    "optional_type": Type("optional_type", (DYN,)),
}
_LITERALS: dict[type, Type] = {bool: BOOL, int: INT, UInt: UINT, float: DOUBLE, str: STRING, bytes: BYTES}

StructTypes = Callable[[str], Type | None]
"""The object type that `Name{...}` makes; None when there is none."""


def check(source: str, root: Node, variables: Mapping[str, Type], struct_types: StructTypes) -> Node:
    """The tree with types; calls of namespaced functions and dotted variables are resolved. CompileError."""
    checker = _Checker(variables, struct_types)
    found = checker.check(root)
    if checker.issues:
        raise CompileError(source, checker.issues)
    return found


class _Checker:
    def __init__(self, variables: Mapping[str, Type], struct_types: StructTypes) -> None:
        self.issues: list[Issue] = []
        self._scopes: list[dict[str, Type]] = []
        self._variables = variables
        self._struct_types = struct_types
        self._overloads = overloads()

    def _report(self, offset: int, message: str) -> Type:
        self.issues.append(Issue(offset, message))
        return ERROR

    def check(self, node: Node) -> Node:
        match node:
            case Literal():
                node.type = NULL if node.value is None else _LITERALS[type(node.value)]
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListNode():
                self._list(node)
            case MapNode():
                self._map(node)
            case StructNode():
                self._struct(node)
            case Macro():
                self._macro(node)
        return node

    # -- names

    def _lookup(self, name: str) -> Type | None:
        for scope in reversed(self._scopes):
            if name in scope:
                return scope[name]
        return self._variables.get(name)

    def _ident(self, node: Ident) -> Node:
        found = self._lookup(node.name)
        if found is not None:
            node.type = found
            return node
        if node.name in _TYPE_NAMES:
            return _type_literal(node.offset, node.name)
        node.type = self._report(node.offset, f"undeclared reference to '{node.name}' (in container '')")
        return node

    def _select(self, node: Select) -> Node:
        name = qualified(node)
        if (name and self._lookup(name.partition(".")[0]) is None) or name in self._variables:
            if name in self._variables:
                found = Ident(node.offset, name)
                found.type = self._variables[name]
                return found
            if name in _TYPE_NAMES:
                return _type_literal(node.offset, name)
        node.operand = self.check(node.operand)
        optional = node.optional
        inner = node.operand.type
        if inner.name == "optional_type":
            inner, optional = inner.params[0], True
        field = self._field(node, inner)
        node.type = BOOL if node.test else optional_of(field) if optional and field.name != "optional_type" else field
        return node

    def _field(self, node: Select, operand: Type) -> Type:
        if operand.fields is not None:
            found = operand.fields.get(node.field)
            if found is None:
                return self._report(node.offset, f"undefined field '{node.field}'")
            node.key = found.key
            return found.type
        if operand.name == "map":
            return operand.params[1]
        if operand.name in ("dyn", "!error!") or operand.is_param:
            return DYN
        return self._report(node.offset, f"type '{operand}' does not support field selection")

    # -- calls

    def _call(self, node: Call) -> Node:
        name = node.function
        if node.target is not None:
            prefix = qualified(node.target)
            if prefix and f"{prefix}.{name}" in self._overloads and self._lookup(prefix.partition(".")[0]) is None:
                node = Call(node.offset, f"{prefix}.{name}", node.args)
        if node.target is not None:
            node.target = self.check(node.target)
        node.args = [self.check(arg) for arg in node.args]
        found = self._overloads.get(node.function)
        if found is None:
            words = f"undeclared reference to '{node.function}' (in container '')"
            node.type = self._report(node.offset, words)
            return node
        node.type = self._resolve(node, found)
        self._literal_arguments(node)
        return node

    def _resolve(self, node: Call, candidates: tuple[Overload, ...]) -> Type:
        member = node.target is not None
        types = [*([node.target.type] if node.target is not None else ()), *(arg.type for arg in node.args)]
        result: Type | None = None
        for overload in candidates:
            if overload.member is not member or len(overload.params) != len(types):
                continue
            bound: Bindings = {}
            if all(assignable(param, given, bound) for param, given in zip(overload.params, types, strict=True)):
                made = substitute(overload.result, bound)
                result = made if result is None or result == made else DYN
        if result is not None:
            return result
        if any(given is ERROR for given in types):
            return ERROR
        shown = ", ".join(map(str, types[1:] if member else types))
        applied = f"{types[0]}.({shown})" if member else f"({shown})"
        return self._report(node.offset, f"found no matching overload for '{node.function}' applied to '{applied}'")

    def _literal_arguments(self, node: Call) -> None:
        """Constant durations, timestamps and patterns must be right."""
        checks: dict[str, Callable[[str], object]] = {
            "duration": to_duration,
            "timestamp": to_timestamp,
            "matches": compiled,
        }
        test = checks.get(node.function)
        argument = node.args[-1] if node.args else None
        if test is None or not isinstance(argument, Literal) or type(argument.value) is not str:
            return
        try:
            test(argument.value)
        except (EvaluationError, PatternError):
            self._report(argument.offset, f"invalid {node.function} argument")

    # -- aggregates

    def _list(self, node: ListNode) -> None:
        element: Type | None = None
        for at, inner in enumerate(node.elements):
            node.elements[at] = inner = self.check(inner)
            given = inner.type
            if at in node.optional:
                if given.name not in ("optional_type", "dyn"):
                    words = f"expected type 'optional_type({given})' but found '{given}'"
                    given = self._report(inner.offset, words)
                elif given.params:
                    given = given.params[0]
            element = self._same(inner, element, given)
        node.type = list_of(element or Type("dyn"), len(node.elements))

    def _same(self, node: Node, before: Type | None, given: Type) -> Type:
        """The common type of the members of a literal, which must be of one kind."""
        if before is None:
            return given
        if not assignable(before, given, {}):
            self._report(node.offset, f"expected type '{before}' but found '{given}'")
            return before
        return joined(before, given)

    def _map(self, node: MapNode) -> None:
        key: Type | None = None
        value: Type | None = None
        for at, (left, right, optional) in enumerate(node.entries):
            left, right = self.check(left), self.check(right)
            node.entries[at] = (left, right, optional)
            key = self._same(left, key, left.type)
            given = right.type
            if optional and given.name == "optional_type":
                given = given.params[0]
            value = self._same(right, value, given)
        node.type = map_of(key or Type("dyn"), value or Type("dyn"), len(node.entries))

    def _struct(self, node: StructNode) -> None:
        made = self._struct_types(node.name)
        if made is None or made.fields is None:
            node.type = self._report(node.offset, f"undeclared reference to '{node.name}' (in container '')")
            return
        for at, (name, value, optional, offset) in enumerate(node.entries):
            value = self.check(value)
            field = made.fields.get(name)
            given = value.type.params[0] if optional and value.type.name == "optional_type" else value.type
            if field is None:
                self._report(offset, f"undefined field '{name}'")
            elif not assignable(field.type, given, {}):
                words = f"expected type of field '{name}' is '{field.type}' but provided type is '{given}'"
                self._report(offset, words)
            node.entries[at] = (field.key if field is not None else name, value, optional, offset)
        node.type = made

    # -- comprehensions

    def _macro(self, node: Macro) -> None:
        node.range = self.check(node.range)
        range = node.range.type
        if node.kind in ("optMap", "optFlatMap"):
            self._optional_macro(node, range)
            return
        key, value = self._iterated(node, range)
        if node.second:
            scope = {node.variable: key, node.second: value}
        else:
            scope = {node.variable: value if range.name != "map" else key}
        self._scopes.append(scope)
        if node.condition is not None:
            node.condition = self.check(node.condition)
            self._boolean(node, node.condition, "_?_:_")
        node.body = self.check(node.body)
        self._scopes.pop()
        body = node.body.type
        match node.kind:
            case "all":
                self._boolean(node, node.body, "_&&_")
                node.type = BOOL
            case "exists":
                self._boolean(node, node.body, "_||_")
                node.type = BOOL
            case "exists_one":
                self._boolean(node, node.body, "_?_:_")
                node.type = BOOL
            case "filter":
                self._boolean(node, node.body, "_?_:_")
                node.type = list_of(scope[node.variable], range.limit)
            case "map" | "transformList":
                node.type = list_of(body, range.limit)
            case "transformMap":
                node.type = map_of(key, body, range.limit)
            case "sortBy":
                keys = ListNode(node.offset, [], frozenset())
                keys.type = list_of(body)
                node.type = self._resolve(Call(node.offset, SORT_BY, [keys], node.range), self._overloads[SORT_BY])
            case _:
                node.type = body if body.name == "map" else map_of(DYN, DYN)

    def _iterated(self, node: Macro, range: Type) -> tuple[Type, Type]:
        """Types of key (or index) and value."""
        if range.name == "list":
            return INT, range.params[0]
        if range.name == "map":
            return range.params[0], range.params[1]
        if range.name not in ("dyn", "!error!"):
            words = f"expression of type '{range}' cannot be range of a comprehension (must be list, map, or dynamic)"
            self._report(node.range.offset, words)
        return DYN, DYN

    def _boolean(self, node: Macro, predicate: Node, function: str) -> None:
        if not assignable(BOOL, predicate.type, {}):
            applied = f"(bool, {predicate.type})" if function != "_?_:_" else f"({predicate.type}, dyn, dyn)"
            words = f"found no matching overload for '{function}' applied to '{applied}'"
            self._report(node.offset, words)

    def _optional_macro(self, node: Macro, range: Type) -> None:
        inner = range.params[0] if range.name == "optional_type" else DYN
        if range.name not in ("optional_type", "dyn", "!error!"):
            words = f"found no matching overload for 'hasValue' applied to '{range}.()'"
            self._report(node.offset, words)
        self._scopes.append({node.variable: inner})
        node.body = self.check(node.body)
        self._scopes.pop()
        body = node.body.type
        node.type = optional_of(body) if node.kind == "optMap" else body


def _type_literal(offset: int, name: str) -> Literal:
    found = Literal(offset, TypeValue(name))
    found.type = type_of(_TYPE_NAMES[name])
    return found
