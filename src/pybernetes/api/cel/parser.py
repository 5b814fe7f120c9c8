"""From tokens to nodes: CEL's grammar by recursive descent, macros opened on the way.

Expr        = Or ["?" Or ":" Expr]          Relation = Addition {relop Addition}
Or          = And {"||" And}                Addition = Multiplication {("+"|"-") Multiplication}
And         = Relation {"&&" Relation}      Unary    = {"!"|"-"} Member
Member      = Primary {"." field [args] | ".?" field | "[" Expr "]" | "[?" Expr "]"}
"""

from .ast import Call, Ident, ListNode, Literal, Macro, MapNode, Node, Select, StructNode
from .errors import CompileError, Issue
from .lexer import RESERVED, Token, tokens
from .values import INT_MAX

DEPTH_LIMIT = 250
SIZE_LIMIT = 100_000
"""Code points."""

_BINARY = {
    "||": (0, "_||_"), "&&": (1, "_&&_"),
    "<": (2, "_<_"), "<=": (2, "_<=_"), ">": (2, "_>_"), ">=": (2, "_>=_"), "==": (2, "_==_"), "!=": (2, "_!=_"),
    "in": (2, "@in"), "+": (3, "_+_"), "-": (3, "_-_"), "*": (4, "_*_"), "/": (4, "_/_"), "%": (4, "_%_"),
}  # fmt: skip
"""How strongly operators bind, and the functions they are."""
_EXISTS_ONE = {"exists_one": "exists_one", "existsOne": "exists_one"}


def parse(source: str, *, bindings: bool = False) -> Node:
    """The expression's root; `bindings` knows `cel.bind(name, value, expression)`. CompileError with every syntax
    error found before parsing stopped."""
    if len(source) > SIZE_LIMIT:
        words = f"expression code point size exceeds limit: size: {len(source)}, limit {SIZE_LIMIT}"
        raise CompileError(source[:SIZE_LIMIT], [Issue(0, words)])
    try:
        return _Parser(source, bindings).whole()
    except RecursionError:
        raise too_deep(source) from None


def too_deep(source: str) -> CompileError:
    """The expression nests more than can be handled."""
    return CompileError(source, [Issue(0, f"expression recursion limit exceeded: {DEPTH_LIMIT}")])


class _Parser:
    def __init__(self, source: str, bindings: bool) -> None:
        self._source = source
        self._bindings = bindings
        self._tokens = tokens(source)
        self._at = 0
        self._depth = 0

    # -- tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _accept(self, *marks: str) -> Token | None:
        token = self._next
        if token.kind == "mark" and token.text in marks:
            self._at += 1
            return token
        return None

    def _expect(self, mark: str) -> Token:
        token = self._accept(mark)
        if token is None:
            raise self._unexpected(f"'{mark}'")
        return token

    def _unexpected(self, expected: str = "") -> CompileError:
        token = self._next
        if expected:
            return self._error(token.offset, f"Syntax error: mismatched input '{token.text}' expecting {expected}")
        words = (
            f"Syntax error: mismatched input '{token.text}' expecting {{'[', '{{', '(', '.', '-', '!', "
            "'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}"
        )
        return self._error(token.offset, words)

    def _error(self, offset: int, message: str) -> CompileError:
        return CompileError(self._source, [Issue(offset, message)])

    # -- grammar

    def whole(self) -> Node:
        found = self._expression()
        if self._next.kind != "end":
            token = self._next
            raise self._error(token.offset, f"Syntax error: extraneous input '{token.text}' expecting <EOF>")
        return found

    def _expression(self) -> Node:
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise too_deep(self._source)
        try:
            condition = self._operators()
            mark = self._accept("?")
            if mark is None:
                return condition
            first = self._operators()
            self._expect(":")
            return Call(mark.offset, "_?_:_", [condition, first, self._expression()])
        finally:
            self._depth -= 1

    def _operators(self, strength: int = 0) -> Node:
        """A chain of binary operators at least this strong (precedence climbing)."""
        found = self._unary()
        while True:
            token = self._next
            rule = _BINARY.get(token.text) if token.kind == "mark" else None
            if rule is None or rule[0] < strength:
                return found
            level, function = rule
            self._at += 1
            right = self._operators(level + 1)
            if level > 1:
                found = Call(token.offset, function, [found, right])
            else:
                found = self._logical(token, level, function, [found, right])

    def _logical(self, first: Token, level: int, function: str, terms: list[Node]) -> Node:
        """The rest of a chain of `&&` or `||`, as a balanced tree, so that depth stays small."""
        offsets = [first.offset]
        while (token := self._accept(first.text)) is not None:
            offsets.append(token.offset)
            terms.append(self._operators(level + 1))

        def tree(low: int, high: int) -> Node:
            if low == high:
                return terms[low]
            middle = (low + high) // 2
            return Call(offsets[middle], function, [tree(low, middle), tree(middle + 1, high)])

        return tree(0, len(terms) - 1)

    def _unary(self) -> Node:
        first = self._next
        marks: list[Token] = []
        while (token := self._accept("!", "-")) is not None:
            marks.append(token)
        if len({mark.text for mark in marks}) > 1:
            raise self._unexpected()
        negative = bool(marks) and marks[0].text == "-"
        literal = self._next
        number = literal.kind == "literal" and type(literal.value) in (int, float)
        if negative and number:
            self._take()
            marks.pop()
            value = -literal.value
            return self._signed(first, marks, self._postfix(Literal(literal.offset - 1, value)), "-_")
        inner = self._member()
        return self._signed(first, marks, inner, "-_" if negative else "!_")

    def _signed(self, first: Token, marks: list[Token], inner: Node, function: str) -> Node:
        return Call(first.offset, function, [inner]) if len(marks) % 2 else inner

    def _member(self) -> Node:
        return self._postfix(self._primary())

    def _postfix(self, found: Node) -> Node:
        while (mark := self._accept(".", ".?", "[", "[?")) is not None:
            if mark.text in ("[", "[?"):
                key = self._expression()
                self._expect("]")
                found = Call(mark.offset, "_[_]" if mark.text == "[" else "_[?_]", [found, key])
                continue
            name = self._take()
            if name.kind not in ("name", "quoted"):
                self._at -= 1
                words = f"Syntax error: no viable alternative at input '.{name.text}'"
                if name.kind == "end":
                    words = "Syntax error: no viable alternative at input '.'"
                raise self._error(name.offset, words)
            if mark.text == ".?":
                found = Select(mark.offset, found, name.text, optional=True)
            elif name.kind == "name" and self._accept("("):
                found = self._method(found, name, self._arguments(), self._tokens[self._at - 1])
            elif self._next.text == "{" and self._next.kind == "mark" and (full := _qualified(found)):
                self._take()
                found = self._struct(mark.offset, f"{full}.{name.text}")
            else:
                found = Select(mark.offset, found, name.text)
        return found

    def _arguments(self) -> list[Node]:
        found: list[Node] = []
        if self._accept(")"):
            return found
        while True:
            found.append(self._expression())
            if self._accept(")"):
                return found
            self._expect(",")

    def _primary(self) -> Node:
        token = self._take()
        if token.kind == "literal":
            value = token.value
            if type(value) is int and value > INT_MAX:
                raise self._error(token.offset, "invalid int literal")
            return Literal(token.offset, value)
        if token.kind == "mark":
            if token.text == "(":
                found = self._expression()
                self._expect(")")
                return found
            if token.text in ("[", "[?"):
                return self._list(token)
            if token.text == "{":
                return self._map(token)
            if token.text == "." and self._next.kind == "name":
                return self._named(self._take(), absolute=True)
        if token.kind == "name":
            return self._named(token)
        if token.kind != "end":
            self._at -= 1
        raise self._unexpected()

    def _named(self, token: Token, *, absolute: bool = False) -> Node:
        if self._next.kind == "mark" and self._next.text == "(":
            mark = self._take()
            return self._function(token, self._arguments(), mark)
        if self._next.kind == "mark" and self._next.text == "{" and not absolute:
            mark = self._take()
            return self._struct(mark.offset, token.text)
        if token.text in RESERVED:
            raise self._error(token.offset, f"reserved identifier: {token.text}")
        return Ident(token.offset, token.text)

    def _list(self, opening: Token) -> Node:
        elements: list[Node] = []
        optional: set[int] = set()
        asked = opening.text == "[?"
        while asked or not self._accept("]"):
            if asked or self._accept("?"):
                optional.add(len(elements))
            asked = False
            elements.append(self._expression())
            if not self._accept(","):
                self._expect("]")
                break
        return ListNode(opening.offset, elements, frozenset(optional))

    def _map(self, opening: Token) -> Node:
        entries: list[tuple[Node, Node, bool]] = []
        while not self._accept("}"):
            optional = self._accept("?") is not None
            key = self._expression()
            self._expect(":")
            entries.append((key, self._expression(), optional))
            if not self._accept(","):
                self._expect("}")
                break
        return MapNode(opening.offset, entries)

    def _struct(self, offset: int, name: str) -> Node:
        entries: list[tuple[str, Node, bool, int]] = []
        while not self._accept("}"):
            optional = self._accept("?") is not None
            key = self._take()
            if key.kind not in ("name", "quoted"):
                self._at -= 1
                raise self._unexpected("IDENTIFIER")
            colon = self._expect(":")
            entries.append((key.text, self._expression(), optional, colon.offset))
            if not self._accept(","):
                self._expect("}")
                break
        return StructNode(offset, name, entries)

    # -- macros

    def _function(self, name: Token, args: list[Node], mark: Token) -> Node:
        if name.text == "has" and len(args) == 1:
            inner = args[0]
            if not isinstance(inner, Select) or inner.test or inner.optional:
                raise self._error(inner.offset, "invalid argument to has() macro")
            return Select(mark.offset, inner.operand, inner.field, test=True)
        return Call(mark.offset, name.text, args)

    def _method(self, target: Node, name: Token, args: list[Node], _: Token) -> Node:
        offset = name.offset + len(name.text)
        kind = _EXISTS_ONE.get(name.text, name.text)
        count = len(args)
        if self._bindings and name.text == "bind" and isinstance(target, Ident) and target.name == "cel" and count == 3:
            return self._bind(offset, args)
        if kind in ("all", "exists", "exists_one", "filter", "map") and count == 2:
            return Macro(offset, kind, target, self._variable(args[0]), args[1])
        if kind == "map" and count == 3:
            return Macro(offset, kind, target, self._variable(args[0]), args[2], condition=args[1])
        if kind in ("all", "exists", "exists_one") and count == 3:
            first, second = self._pair(args)
            return Macro(offset, kind, target, first, args[2], second=second)
        if kind in ("transformList", "transformMap", "transformMapEntry") and count in (3, 4):
            first, second = self._pair(args)
            condition = args[2] if count == 4 else None
            return Macro(offset, kind, target, first, args[-1], second=second, condition=condition)
        if kind == "sortBy" and count == 2:
            if not isinstance(target, ListNode | Ident | Select | Macro | Call):
                words = "sortBy can only be applied to a list, identifier, comprehension, call or select expression"
                raise self._error(target.offset, words)
            return Macro(offset, kind, target, self._variable(args[0]), args[1])
        if kind in ("optMap", "optFlatMap") and count == 2:
            return Macro(offset, kind, target, self._variable(args[0]), args[1])
        return Call(offset, name.text, args, target)

    def _bind(self, offset: int, args: list[Node]) -> Node:
        """`cel.bind(name, value, expression)` is `[value].map(name, expression)[0]`."""
        if not isinstance(args[0], Ident):
            raise self._error(args[0].offset, "cel.bind() variable names must be simple identifiers")
        values = ListNode(args[1].offset, [args[1]], frozenset())
        made = Macro(offset, "map", values, self._variable(args[0]), args[2])
        return Call(offset, "_[_]", [made, Literal(offset, 0)])

    def _pair(self, args: list[Node]) -> tuple[str, str]:
        first, second = self._variable(args[0]), self._variable(args[1])
        if first == second:
            raise self._error(args[1].offset, f"duplicate variable name: {first}")
        return first, second

    def _variable(self, node: Node) -> str:
        if not isinstance(node, Ident):
            raise self._error(node.offset, "argument must be a simple name")
        if node.name == "__result__":
            raise self._error(node.offset, "iteration variable overwrites accumulator variable")
        return node.name


def _qualified(node: Node) -> str:
    """`a.b.c` as text, "" for anything but names and selections."""
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select) and not node.test and not node.optional:
        inner = _qualified(node.operand)
        return f"{inner}.{node.field}" if inner else ""
    return ""


qualified = _qualified

__all__ = ["DEPTH_LIMIT", "SIZE_LIMIT", "parse", "qualified"]
