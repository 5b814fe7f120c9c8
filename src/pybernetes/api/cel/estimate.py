"""The largest cost an expression can have, from the sizes its types allow (cel-go `checker/cost.go`).

Only upper bounds are kept: limits are about the worst case. Sizes come from `Type.limit`; a value nothing is known of
counts as large as a number can be.
"""

from .ast import Call, Ident, ListNode, Literal, Macro, MapNode, Node, Select, StructNode
from .costs import AUTHORIZATION_CHECK, LIST, MACROS, MAP, STRUCT
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
            return size_of(node.range) if node.kind not in ("all", "exists", "exists_one") else 1
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
        case "replace":
            return _replaced(args)
        case "join":
            list_, element = size_of(args[0]), _limit(args[0].type.params[0]) if args[0].type.params else UNKNOWN
            separator = size_of(args[1]) if len(args) > 1 else 0
            return min(list_ * (element + separator), UNKNOWN)
    return _limit(node.type)


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
    return min(_cost(node.range) + fixed.once + size_of(node.range) * step, UNKNOWN)


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
