"""The largest cost an expression can have, from the sizes its types allow (cel-go `checker/cost.go`).

Only upper bounds are kept: limits are about the worst case. Sizes come from `Type.limit`; a value nothing is known of
counts as large as a number can be.
"""

from .ast import Call, Ident, ListNode, Literal, Macro, MapNode, Node, Select, StructNode
from .costs import AUTHORIZATION_CHECK, LIST, MACROS, MAP, NEW_LIST, STRUCT
from .types import Type

UNKNOWN = 2**64 - 1


def estimate(node: Node) -> int:
    """Cost units at most."""
    return min(_cost(node), UNKNOWN)


def _tenth(size: int) -> int:
    return -(-size // 10)


def size_of(node: Node) -> int:
    """The largest size of a node's value."""
    match node:
        case Literal():
            return len(node.value) if isinstance(node.value, str | bytes) else 1
        case ListNode():
            return len(node.elements)
        case MapNode():
            return len(node.entries)
        case Call():
            return _call_size(node)
        case Macro():
            size = size_of(node.range)
            if node.kind == "sortBy":
                return min(size**2, UNKNOWN)
            return size if node.kind not in ("all", "exists", "exists_one") else 1
    return _limit(node.type)


def _limit(type: Type) -> int:
    if type.limit is not None:
        return type.limit
    if type.name in ("string", "bytes", "list", "map", "dyn"):
        return UNKNOWN
    if type.name == "optional_type":
        return _limit(type.params[0])
    return 1


def _call_size(node: Call) -> int:
    args = [*([node.target] if node.target is not None else ()), *node.args]
    match node.function:
        case "_+_":
            return min(size_of(args[0]) + size_of(args[1]), UNKNOWN)
        case "_?_:_":
            return max(size_of(args[1]), size_of(args[2]))
        case "orValue" | "or":
            return max(size_of(args[0]), size_of(args[1]))
        case "lowerAscii" | "upperAscii" | "substring" | "trim" | "split" | "find" | "findAll" | "dyn" | "charAt":
            return size_of(args[0])
        case "string" | "bytes":
            return size_of(args[0]) if args[0].type.name in ("string", "bytes") else 64
        case "slice" | "lists.range" | "flatten" | "reverse":
            return _list_size(node.function, args)
        case "sort" | "distinct":
            return min(size_of(args[0]) ** 2, UNKNOWN)  # cel-go takes the comparisons for the size
        case "replace":
            return _replaced(args)
        case "join":
            list_, element = size_of(args[0]), _limit(args[0].type.params[0]) if args[0].type.params else UNKNOWN
            separator = size_of(args[1]) if len(args) > 1 else 0
            return min(list_ * (element + separator), UNKNOWN)
    return _limit(node.type)


def _list_size(name: str, args: list[Node]) -> int:
    """The largest size of a list that one of cel-go's list functions gives."""
    match name:
        case "lists.range":
            return _number(args[0], UNKNOWN)
        case "slice":
            return max(_number(args[2], size_of(args[0])) - _number(args[1], 0), 0)
    return size_of(args[0])


def _number(node: Node, otherwise: int) -> int:
    """A constant, when the node is one that counts something."""
    if isinstance(node, Literal) and type(node.value) is int and node.value >= 0:
        return node.value
    return otherwise


def _self_compare(size: int, texts: bool) -> int:
    """Every element with every other one."""
    return -(-(size**2) * (21 if texts else 20) // 10) + NEW_LIST


def _replaced(args: list[Node]) -> int:
    text, old, new = size_of(args[0]), args[1], size_of(args[2])
    shortest = len(old.value) if isinstance(old, Literal) and isinstance(old.value, str) else 0
    if shortest == 0:
        return min((text + 1) * new + text, UNKNOWN)
    return text if new <= shortest else min(-(-text // shortest) * new, UNKNOWN)


def _cost(node: Node) -> int:
    match node:
        case Ident():
            return 1
        case Select():
            return _cost(node.operand) + (0 if node.test else 1)
        case ListNode():
            return LIST + sum(map(_cost, node.elements))
        case MapNode():
            return MAP + sum(_cost(key) + _cost(value) for key, value, _ in node.entries)
        case StructNode():
            return STRUCT + sum(_cost(value) for _, value, _, _ in node.entries)
        case Call():
            return _call(node)
        case Macro():
            return _macro(node)
    return 0


def _macro(node: Macro) -> int:
    if node.kind in ("optMap", "optFlatMap"):
        return _cost(node.range) + 1 + _cost(node.body)
    fixed = MACROS[node.kind]
    step = fixed.each + fixed.kept + _cost(node.body)
    if node.condition is not None:
        step += _cost(node.condition)
    found = _cost(node.range) + fixed.once + size_of(node.range) * step
    if node.kind == "sortBy":
        found += _self_compare(size_of(node.range), node.body.type.name in ("string", "bytes", "dyn"))
    return min(found, UNKNOWN)


def _call(node: Call) -> int:
    args = [*([node.target] if node.target is not None else ()), *node.args]
    inner = sum(map(_cost, args))
    match node.function:
        case "_&&_" | "_||_":
            return inner
        case "_?_:_":
            return _cost(args[0]) + max(_cost(args[1]), _cost(args[2]))
    return min(inner + _own(node, args), UNKNOWN)


_WALKED = frozenset(
    {"startsWith", "endsWith", "url", "lowerAscii", "upperAscii", "substring", "trim", "quantity", "isQuantity", "ip",
     "cidr", "isIP", "isCIDR", "isURL", "semver", "isSemver", "image", "isImage"}
)  # fmt: skip
_COMPARED = frozenset({"_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_"})
_SIZED = frozenset({"string", "bytes", "list", "map", "dyn"})


def _own(node: Call, args: list[Node]) -> int:
    """The cost of the call itself."""
    name = node.function
    if name in _COMPARED:
        sizes = [size_of(arg) for arg in args if arg.type.name in _SIZED]
        return max(_tenth(min(sizes)), 1) if len(sizes) == 2 else 1
    if name in _WALKED:
        return _tenth(size_of(args[0]))
    match name:
        case "_+_":
            if node.type.name in ("string", "bytes"):
                return _tenth(size_of(args[0]) + size_of(args[1]))
            return 1
        case "@in":
            return size_of(args[1]) if args[1].type.name == "list" else 1
        case "contains":
            return _tenth(size_of(args[0])) * _tenth(size_of(args[1]))
        case "matches" | "find" | "findAll":
            return _tenth(1 + size_of(args[0])) * -(-size_of(args[1]) // 4)
        case "replace" | "split" | "ip.isCanonical":
            return -(-size_of(args[0]) // 5)
        case "join":
            return _tenth(_call_size(node))
        case "string" | "bytes":
            return _tenth(size_of(args[0])) if args[0].type.name in ("string", "bytes") else 1
        case "isSorted" | "sum" | "min" | "max" | "indexOf" | "lastIndexOf":
            return _traversal(args[0])
        case "slice" | "lists.range" | "reverse":
            return _list_size(name, args) + NEW_LIST
        case "flatten":
            return size_of(args[0]) * (_number(args[1], UNKNOWN) if len(args) > 1 else 1) + NEW_LIST
        case "sort" | "distinct":
            kinds = ("string", "bytes", "dyn") if name == "sort" else ("string", "bytes")
            element = args[0].type.params[0].name if args[0].type.params else "dyn"
            return _self_compare(size_of(args[0]), element in kinds)
        case "sets.contains" | "sets.intersects":
            return size_of(args[0]) * size_of(args[1])
        case "sets.equivalent":
            return 2 * size_of(args[0]) * size_of(args[1])
        case "check":
            return AUTHORIZATION_CHECK
        case "containsIP" | "containsCIDR":
            extra = _tenth(size_of(args[1])) if args[1].type.name == "string" else 0
            return (4 if name == "containsIP" else 7) + extra
    return 1


def _traversal(node: Node) -> int:
    if node.type.name != "list":
        return _tenth(size_of(node))
    element = node.type.params[0]
    each = 1 + (_tenth(_limit(element)) if element.name in ("string", "bytes") else 0)
    return size_of(node) * each
