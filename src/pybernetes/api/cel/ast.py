"""The nodes of an expression. The parser makes them, the checker fills in `type`, the compiler reads both.

Macros stay nodes of their own (`Macro`): they become Python loops, and no chain of folds is built first.
"""

from typing import Any

from .types import DYN, Type


class Node:
    """Base; `offset` is where the node is shown in messages."""

    __slots__ = ("offset", "type")

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.type: Type = DYN


class Literal(Node):
    """A constant, as Python value (uint as UInt)."""

    __slots__ = ("value",)

    def __init__(self, offset: int, value: Any) -> None:
        super().__init__(offset)
        self.value = value


class Ident(Node):
    __slots__ = ("name",)

    def __init__(self, offset: int, name: str) -> None:
        super().__init__(offset)
        self.name = name


class Select(Node):
    """`operand.field`; `test` for `has(operand.field)`, `optional` for `operand.?field`."""

    __slots__ = ("field", "key", "operand", "optional", "test")

    def __init__(self, offset: int, operand: Node, field: str, *, test: bool = False, optional: bool = False) -> None:
        super().__init__(offset)
        self.operand = operand
        self.field = field
        self.key = field
        self.test = test
        self.optional = optional


class Call(Node):
    """A function with its receiver (or None) and arguments; operators are functions named `_+_` and the like."""

    __slots__ = ("args", "function", "target")

    def __init__(self, offset: int, function: str, args: list[Node], target: Node | None = None) -> None:
        super().__init__(offset)
        self.function = function
        self.target = target
        self.args = args


class ListNode(Node):
    """`optional` holds the positions of `[?e]` elements."""

    __slots__ = ("elements", "optional")

    def __init__(self, offset: int, elements: list[Node], optional: frozenset[int]) -> None:
        super().__init__(offset)
        self.elements = elements
        self.optional = optional


class MapNode(Node):
    """Entries are (key, value, optional)."""

    __slots__ = ("entries",)

    def __init__(self, offset: int, entries: list[tuple[Node, Node, bool]]) -> None:
        super().__init__(offset)
        self.entries = entries


class StructNode(Node):
    """`Name{field: value}`; entries are (field, value, optional, offset)."""

    __slots__ = ("entries", "name")

    def __init__(self, offset: int, name: str, entries: list[tuple[str, Node, bool, int]]) -> None:
        super().__init__(offset)
        self.name = name
        self.entries = entries


class Macro(Node):
    """A comprehension: `kind` over `range` with one or two variables.

    all, exists, exists_one: `body` is the predicate.  filter: likewise.  map: `body` makes the element, `condition`
    (or None) selects.  transformList, transformMap, transformMapEntry: as map.  sortBy: `body` makes the
    key.  optMap, optFlatMap: `range` is the optional.
    """

    __slots__ = ("body", "condition", "kind", "range", "second", "variable")

    def __init__(
        self,
        offset: int,
        kind: str,
        range: Node,
        variable: str,
        body: Node,
        *,
        second: str = "",
        condition: Node | None = None,
    ) -> None:
        super().__init__(offset)
        self.kind = kind
        self.range = range
        self.variable = variable
        self.second = second
        self.body = body
        self.condition = condition


def children(node: Node) -> list[Node]:
    """The nodes directly below one."""
    match node:
        case Select():
            return [node.operand]
        case Call():
            return [*([node.target] if node.target is not None else ()), *node.args]
        case ListNode():
            return node.elements
        case MapNode():
            return [part for key, value, _ in node.entries for part in (key, value)]
        case StructNode():
            return [value for _, value, _, _ in node.entries]
        case Macro():
            return [node.range, *([node.condition] if node.condition is not None else ()), node.body]
    return []
