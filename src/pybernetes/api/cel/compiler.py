"""From a typed tree to one Python function that evaluates it and counts its cost.

    def run(a, limit):          a: variables by name
        c = 0                   cost so far, cel-go's run-time units
        v0 = a["self"]
        try:
            c += 7
            return v0["spec"]["replicas"] <= 5, None, c
        except FAILURES as x:
            return None, failure(x), c

Every node becomes a Python expression, after statements of its own where it needs them: `&&` and `||` hold back an
error until the other side is known, comprehensions are loops. Where the checker knows the types, operators are
Python's; elsewhere they are calls into `functions`. A missing key, a wrong type and a bad index are whatever Python
raises for them; `errors.failure` gives them CEL's words, and only when they happen.

Python allows twenty nested blocks, so deeper parts become inner functions.
"""

from collections.abc import Callable, Mapping
from typing import Any

from . import costs, errors, values
from .ast import Call, Ident, ListNode, Literal, Macro, MapNode, Node, Select, StructNode
from .comprehensions import Comprehensions, iterated, merge_entry, pairs
from .errors import NO_OVERLOAD, EvaluationError
from .functions import implementations
from .functions.list_extension import sort_by
from .functions.times import to_duration, to_timestamp
from .regex import compiled
from .types import Type

_BLOCK_LIMIT = 12
_NUMERIC = frozenset({"int", "uint", "double"})
_ORDERED = frozenset({"string", "bytes", "timestamp", "duration", "bool"})
_PLAIN = frozenset({"string", "int", "bool", "uint", "double", "bytes", "timestamp", "duration"})
_SYMBOLS = {"_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_==_": "==", "_!=_": "!="}
_LOADERS = {"double": "float", "timestamp": "to_timestamp", "duration": "to_duration", "bytes": "data_bytes"}
_STRING_METHODS = {"startsWith": "{0}.startswith({1})", "endsWith": "{0}.endswith({1})", "contains": "{1} in {0}"}

Run = Callable[[Mapping[str, Any], int], tuple[Any, errors.CelError | None, int]]


def compile_tree(root: Node) -> Run:
    """The function of a checked tree: (variables, cost limit) -> (value, error, cost)."""
    return _Compiler(root).function()


def _no_overload() -> EvaluationError:
    return EvaluationError(NO_OVERLOAD)


class _Compiler(Comprehensions):
    def __init__(self, root: Node) -> None:
        super().__init__()
        self._root = root
        self._variables: dict[str, str] = {}
        self._globals = {
            "FAILURES": errors.FAILURES,
            "failure": errors.failure,
            "CostExceeded": errors.CostExceeded,
            "no_overload": _no_overload,
            "to_timestamp": to_timestamp,
            "to_duration": to_duration,
            "data_bytes": values.data_bytes,
            "checked_int": values.checked_int,
            "equal": values.equal,
            "has_field": values.has_field,
            "optional_index": values.optional_index,
            "element": values.element,
            "some": values.some,
            "NONE": values.NONE,
            "Record": values.Record,
            "iterated": iterated,
            "pairs": pairs,
            "merge_entry": merge_entry,
            "sort_by": sort_by,
            **costs.RUNTIME,
        }

    # -- the text

    def function(self) -> Run:
        self._line("def run(a, limit):")
        with self._indent():
            self._line("c = 0")
            loads = len(self._lines)
            self._line("try:")
            with self._block():
                value = self._expr(self._root)
                self._flush()
                self._line(f"value = {value}")
            self._line("except CostExceeded as x:")
            self._line(" return None, x, c")
            self._line("except FAILURES as x:")
            self._line(" return None, failure(x), c")
            self._line("if c > limit:")
            self._line(" return None, CostExceeded(), c")
            self._line("return value, None, c")
            self._lines[loads:loads] = [f" {local} = a[{name!r}]" for name, local in self._variables.items()]
        text = "\n".join(self._lines)
        try:
            code = compile(text, "<cel>", "exec")
        except (SyntaxError, MemoryError):  # Python's own limits on nesting
            raise RecursionError from None
        exec(code, self._globals)
        made: Run = self._globals["run"]
        return made

    # -- nodes

    def _expr(self, node: Node) -> str:
        if self._blocks >= _BLOCK_LIMIT and not isinstance(node, Literal | Ident):
            return self._inner_function(node)
        match node:
            case Literal():
                return self._literal(node)
            case Ident():
                return self._ident(node)
            case Select():
                return self._select(node)
            case Call():
                return self._call(node)
            case ListNode():
                return self._list(node)
            case MapNode():
                return self._map(node)
            case StructNode():
                return self._struct(node)
            case Macro():
                return self._macro(node)
        raise AssertionError(node)

    def _inner_function(self, node: Node) -> str:
        self._flush()
        name = self._new("f")
        self._line(f"def {name}():")
        blocks, self._blocks = self._blocks, 0
        with self._indent():
            self._line("nonlocal c")
            value = self._expr(node)
            self._flush()
            self._line(f"return {value}")
        self._blocks = blocks
        return self._atom(f"{name}()")

    def _literal(self, node: Literal) -> str:
        value = node.value
        if type(value) in (int, float, str, bytes, bool) or value is None:
            return f"({value!r})" if type(value) in (int, float) else repr(value)
        return self._constant(value)

    def _ident(self, node: Ident) -> str:
        self._pending += 1
        for scope in reversed(self._names):
            if node.name in scope:
                return scope[node.name]
        local = self._variables.get(node.name)
        if local is None:
            local = self._variables[node.name] = self._new("v")
        return self._loaded(node.type, local)

    def _loaded(self, type: Type, text: str) -> str:
        """Values whose form on the wire is not their value are converted where they are read."""
        loader = _LOADERS.get(type.name)
        return f"{loader}({text})" if loader else text

    def _select(self, node: Select) -> str:
        operand = self._expr(node.operand)
        kind = node.operand.type
        known = kind.fields is not None or kind.name == "map"
        if node.test:
            return f"({node.key!r} in {operand})" if known else f"has_field({operand}, {node.key!r})"
        self._pending += 1
        if node.optional or kind.name == "optional_type":
            return f"optional_index({operand}, {node.key!r})"
        return self._loaded(node.type, f"{operand}[{node.key!r}]")

    # -- calls

    def _call(self, node: Call) -> str:
        match node.function:
            case "_&&_":
                return self._logical(node, stop="False")
            case "_||_":
                return self._logical(node, stop="True")
            case "_?_:_":
                return self._conditional(node)
            case "or" | "orValue":
                return self._fallback(node)
        given = [*([node.target] if node.target is not None else ()), *node.args]
        args = [self._expr(arg) for arg in given]
        kinds = [arg.type for arg in given]
        text = _text_operand(node)
        if text is not None:
            # Equal to a constant text: other types simply are not; the text bounds the cost.
            self._pending += max(-(-len(text) // 10), 1)
            return f"({args[0]} {_SYMBOLS[node.function]} {args[1]})"
        if node.function == "!_" and kinds[0].name == "bool":
            self._pending += 1
            return f"(not {args[0]})"
        if node.function in ("sort", "distinct"):
            args[0] = self._loaded_elements(kinds[0], args[0])
        cost = costs.call_cost(node.function, kinds)
        if "{" in cost:
            args = [self._atom(arg) for arg in args]
        if "{r}" in cost:
            result = self._atom(self._called(node, args, kinds))
            self._cost(cost.format(*args, r=result))
            return result
        self._cost(cost.format(*args))
        if node.function in costs.CHECKED_FIRST:
            self._flush()
            self._line("if c > limit: raise CostExceeded()")
        return self._called(node, args, kinds)

    def _called(self, node: Call, args: list[str], kinds: list[Type]) -> str:
        name = node.function
        if name in _SYMBOLS:
            return self._comparison(name, args, kinds)
        names = [kind.name for kind in kinds]
        if name == "_+_":
            return self._sum(args, kinds)
        if name in ("_-_", "_*_") and names == ["int", "int"]:
            return f"checked_int({args[0]} {name[1]} {args[1]})"
        if name in ("_-_", "_*_") and names == ["double", "double"]:
            return f"({args[0]} {name[1]} {args[1]})"
        if name == "size" and names[0] in ("string", "list", "map", "bytes"):
            return f"len({args[0]})"
        if name in _STRING_METHODS and names == ["string", "string"]:
            return f"({_STRING_METHODS[name].format(*args)})"
        if name == "_[_]":
            return self._index(node, args, kinds)
        if name == "@in" and names[1] == "map" and names[0] == "string":
            return f"({args[0]} in {args[1]})"
        if name == "@in" and names[1] == "list" and names[0] in ("string", "int") and kinds[1].params[0] == kinds[0]:
            return f"({args[0]} in {args[1]})"
        pattern = node.args[-1] if node.args else None
        if name == "matches" and names == ["string", "string"] and isinstance(pattern, Literal):
            search = self._constant(compiled(pattern.value).search)
            return f"({search}({args[0]}) is not None)"
        function = self._constant(implementations()[name])
        return f"{function}({', '.join(args)})"

    def _comparison(self, name: str, args: list[str], kinds: list[Type]) -> str:
        left, right = kinds
        symbol = _SYMBOLS[name]
        same = left.name == right.name
        if (same and left.name in _ORDERED) or (left.name in _NUMERIC and right.name in _NUMERIC):
            return f"({args[0]} {symbol} {args[1]})"
        if name in ("_==_", "_!=_"):
            negation = "not " if name == "_!=_" else ""
            if left.name == "null_type" or right.name == "null_type":
                other = args[1] if left.name == "null_type" else args[0]
                return f"({negation}{other} is None)"
            return f"({negation}{self._equality(left, right)}({args[0]}, {args[1]}))"
        function = self._constant(implementations()[name])
        return f"{function}({args[0]}, {args[1]})"

    def _equality(self, left: Type, right: Type) -> str:
        for kind in (left, right):
            if kind.list_type == "set":
                return self._constant(values.equal_sets)
            if kind.list_type == "map":
                return self._constant(values.equal_maps(kind.map_keys))
        return "equal"

    def _sum(self, args: list[str], kinds: list[Type]) -> str:
        names = [kind.name for kind in kinds]
        if names == ["int", "int"]:
            return f"checked_int({args[0]} + {args[1]})"
        if names[0] == names[1] and names[0] in ("string", "double", "bytes"):
            return f"({args[0]} + {args[1]})"
        if kinds[0].list_type == "set":
            return f"{self._constant(values.union_sets)}({args[0]}, {args[1]})"
        if kinds[0].list_type == "map":
            return f"{self._constant(values.union_maps(kinds[0].map_keys))}({args[0]}, {args[1]})"
        return f"{self._constant(implementations()['_+_'])}({args[0]}, {args[1]})"

    def _index(self, node: Call, args: list[str], kinds: list[Type]) -> str:
        if kinds[0].name == "map" and kinds[1].name == "string":
            return self._loaded(node.type, f"{args[0]}[{args[1]}]")
        return self._loaded(node.type, f"element({args[0]}, {args[1]})")

    # -- branches

    def _boolean(self, node: Node, name: str) -> None:
        """Refuse a value that is no boolean, unless the checker has done so."""
        if node.type.name != "bool":
            self._line(f"if {name} is not True and {name} is not False: raise no_overload()")

    def _logical(self, node: Call, stop: str) -> str:
        """`&&` (stop False) and `||` (stop True): the stopping value wins over an error on either side."""
        left, right = node.args
        result, held = self._new(), self._new("e")
        go = "True" if stop == "False" else "False"
        self._flush()
        self._line(f"{held} = None")
        self._line("try:")
        with self._block():
            value = self._expr(left)
            self._line(f"{result} = {value}")
            self._boolean(left, result)
        self._line("except FAILURES as x:")
        self._line(f" {held} = x; {result} = {go}")
        self._line(f"if {result} is {go}:")
        with self._block():
            self._line("try:")
            with self._block():
                value = self._expr(right)
                self._line(f"{result} = {value}")
                self._boolean(right, result)
            self._line("except FAILURES as x:")
            self._line(f" raise {held} if {held} is not None else x")
            self._line(f"if {held} is not None and {result} is {go}: raise {held}")
        return result

    def _conditional(self, node: Call) -> str:
        condition, first, second = node.args
        test = self._atom(self._expr(condition))
        self._boolean(condition, test)
        self._flush()
        result = self._new()
        for head, branch in ((f"if {test}:", first), ("else:", second)):
            self._line(head)
            with self._block():
                self._line(f"{result} = {self._expr(branch)}")
        return result

    def _fallback(self, node: Call) -> str:
        """`or` and `orValue`: the argument is evaluated only when the optional is empty."""
        assert node.target is not None
        found = self._atom(self._expr(node.target))
        self._pending += 1
        self._flush()
        result = self._new()
        self._line(f"if {found}.present:")
        self._line(f" {result} = {found}" + (".value" if node.function == "orValue" else ""))
        self._line("else:")
        with self._block():
            self._line(f"{result} = {self._expr(node.args[0])}")
        return result

    # -- aggregates

    def _list(self, node: ListNode) -> str:
        self._pending += costs.LIST
        if not node.optional:
            return f"[{', '.join([self._expr(inner) for inner in node.elements])}]"
        result = self._atom("[]")
        for at, inner in enumerate(node.elements):
            value = self._expr(inner)
            if at in node.optional:
                value = self._atom(value)
                self._line(f"if {value}.present: {result}.append({value}.value)")
            else:
                self._line(f"{result}.append({value})")
        return result

    def _map(self, node: MapNode) -> str:
        self._pending += costs.MAP
        entries = [(self._expr(key), value, optional) for key, value, optional in node.entries]
        return self._entries(entries)

    def _entries(self, entries: list[tuple[str, Node, bool]]) -> str:
        if not any(optional for _, _, optional in entries):
            return "{" + ", ".join([f"{key}: {self._expr(value)}" for key, value, _ in entries]) + "}"
        result = self._atom("{}")
        for key, value, optional in entries:
            text = self._expr(value)
            if optional:
                text = self._atom(text)
                self._line(f"if {text}.present: {result}[{key}] = {text}.value")
            else:
                self._line(f"{result}[{key}] = {text}")
        return result

    def _struct(self, node: StructNode) -> str:
        self._pending += costs.STRUCT
        entries = [(repr(name), value, optional) for name, value, optional, _ in node.entries]
        return f"Record({node.name!r}, {self._entries(entries)})"


def _text_operand(node: Call) -> str | None:
    """The constant text that an equality compares with."""
    if node.function in ("_==_", "_!=_"):
        for arg in node.args:
            if isinstance(arg, Literal) and type(arg.value) is str:
                return arg.value
    return None
