"""A template's tree: texts, actions, `if`, `with`, `range`, `define`, `template`, `block`, `break`, `continue`."""

from __future__ import annotations

from ...errors import quoted
from .functions import FUNCTIONS
from .lexer import TemplateError, Token, tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["Command", "Node", "Pipeline", "Template", "TemplateError", "parse"]


class Command:
    """A function or value with its arguments; each is a Token with fields, or a Pipeline in parentheses."""

    __slots__ = ("words",)

    def __init__(self, words: list[Operand]) -> None:
        self.words = words


class Operand:
    """A token (or a pipeline in parentheses) followed by fields."""

    __slots__ = ("column", "fields", "pipeline", "shown", "token")

    def __init__(self, token: Token | None, pipeline: Pipeline | None, shown: str) -> None:
        self.token = token
        self.pipeline = pipeline
        self.fields: list[str] = []
        self.shown = shown


class Pipeline:
    """Commands joined by `|`, and the variables that take the result."""

    __slots__ = ("assigns", "commands", "names", "shown")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.assigns = False
        self.commands: list[Command] = []
        self.shown = ""


class Node:
    """One piece: text, action, if, with, range, template, break, continue."""

    __slots__ = ("body", "column", "kind", "line", "otherwise", "pipeline", "text")

    def __init__(self, kind: str, line: int = 1, column: int = 0) -> None:
        self.kind = kind
        self.line = line
        self.column = column
        self.text = ""
        self.pipeline: Pipeline | None = None
        self.body: list[Node] = []
        self.otherwise: list[Node] = []


class Template:
    """The main tree and those that were defined."""

    def __init__(self) -> None:
        self.main: list[Node] = []
        self.defined: dict[str, list[Node]] = {}


def parse(text: str) -> Template:
    """TemplateError with the line first."""
    return _Parser(text).whole()


class _Parser:
    def __init__(self, text: str) -> None:
        self.template = Template()
        self.pieces: list[tuple[str, str, int, int]] = list(_pieces(text))
        self.at = 0
        self.variables: list[str] = ["$"]
        self.ranges = 0
        """How many ranges enclose what is read."""

    def whole(self) -> Template:
        body, ended = self._nodes()
        if ended:
            raise TemplateError(f"{ended[1]}: unexpected {{{{{ended[0]}}}}}")
        self.template.main = body
        return self.template

    def _nodes(self) -> tuple[list[Node], tuple[str, int, str] | None]:
        """Nodes up to an `end` or `else`: the word, its line, and what follows it."""
        found: list[Node] = []
        while self.at < len(self.pieces):
            kind, text, line, column = self.pieces[self.at]
            self.at += 1
            if kind == "text":
                node = Node("text", line)
                node.text = text
                found.append(node)
                continue
            word, _, rest = text.partition(" ") if text[:1] != '"' else ("", "", text)
            word = word.strip()
            if word in ("end", "else"):
                return found, (word, line, rest.strip())
            if word in ("if", "with", "range"):
                found.append(self._control(word, rest, line, column))
            elif word in ("define", "block"):
                self._define(word, rest, line, column, found)
            elif word == "template":
                found.append(self._call(rest, line, column))
            elif word in ("break", "continue"):
                if not self.ranges:
                    raise TemplateError(f"{line}: {{{{{word}}}}} outside {{{{range}}}}")
                found.append(Node(word, line))
            else:
                node = Node("action", line, column)
                node.pipeline = self._pipeline(text, line)
                found.append(node)
        return found, None

    def _control(self, kind: str, rest: str, line: int, column: int) -> Node:
        node = Node(kind, line, column + len(kind) + 1)
        kept = len(self.variables)
        node.pipeline = self._pipeline(rest, line, ranging=kind == "range", context=kind)
        self.ranges += kind == "range"
        node.body, ended = self._nodes()
        self.ranges -= kind == "range"
        if ended is None:
            raise TemplateError(f"{line}: unexpected EOF")
        if ended[0] == "else":
            word, _, more = ended[2].partition(" ")
            if word in ("if", "with"):
                node.otherwise = [self._control(word, more, ended[1], column)]
                del self.variables[kept:]
                return node
            node.otherwise, ended = self._nodes()
            if ended is None:
                raise TemplateError(f"{line}: unexpected EOF")
            if ended[0] == "else":
                raise TemplateError(f"{ended[1]}: expected end; found {{{{else}}}}")
        del self.variables[kept:]
        return node

    def _define(self, kind: str, rest: str, line: int, column: int, found: list[Node]) -> None:
        name, argument = _name_and_rest(rest, line, f"{kind} clause")
        kept, self.variables = self.variables, ["$"]
        body, ended = self._nodes()
        self.variables = kept
        if ended is None:
            raise TemplateError(f"{line}: unexpected EOF")
        if not (_is_empty(body) or _is_empty(self.template.defined.get(name, []))):
            raise TemplateError(f"{ended[1]}: template: multiple definition of template {quoted(name)}")
        if name not in self.template.defined or not _is_empty(body):
            self.template.defined[name] = body
        if kind == "block":
            node = Node("template", line, column)
            node.text = name
            node.pipeline = self._pipeline(argument, line, context="block clause")
            found.append(node)

    def _call(self, rest: str, line: int, column: int) -> Node:
        node = Node("template", line, column)
        node.text, argument = _name_and_rest(rest, line, "template clause")
        node.pipeline = self._pipeline(argument, line, context="template clause") if argument else None
        return node

    def _pipeline(self, text: str, line: int, *, ranging: bool = False, context: str = "command") -> Pipeline:
        stream = tokens(text.strip(), line)
        pipeline, _ = self._commands(stream, line, ranging, context)
        pipeline.shown = text.strip()
        return pipeline

    def _commands(self, stream: list[Token], line: int, ranging: bool, context: str) -> tuple[Pipeline, list[Token]]:
        pipeline = Pipeline()
        stream = self._declaration(pipeline, stream, line, ranging, context)
        inner = context == "parenthesized pipeline"
        while (stream := _unspaced(stream)) and stream[0].text != ")":
            if not _begins_term(stream[0]):
                raise _unexpected(stream[0], line, context)
            command, stream = self._one(stream, line)
            pipeline.commands.append(command)
        if bool(stream) != inner:
            raise TemplateError(f"{line}: {'unclosed left' if inner else 'unexpected right'} paren")
        if not pipeline.commands:
            raise TemplateError(f"{line}: missing value for {context}")
        for number, command in enumerate(pipeline.commands[1:], 2):
            token = command.words[0].token
            if token is not None and token.kind in _VALUES:
                raise TemplateError(f"{line}: non executable command in pipeline stage {number}")
        self.variables += pipeline.names
        return pipeline, stream

    def _one(self, stream: list[Token], line: int) -> tuple[Command, list[Token]]:
        """A command and what follows its `|`, or the `)` or the end behind it."""
        words: list[Operand] = []
        while True:
            stream = _unspaced(stream)
            if stream and _begins_term(stream[0]):
                operand, stream = self._operand(stream, line)
                words.append(operand)
            if not stream or stream[0].text == ")":
                return Command(words), stream
            if stream[0].text == "|" and stream[0].kind == "op":
                return Command(words), stream[1:]
            if stream[0].kind != "space":
                raise _unexpected(stream[0], line, "operand")

    def _declaration(
        self, pipeline: Pipeline, stream: list[Token], line: int, ranging: bool, context: str
    ) -> list[Token]:
        plain = [token for token in stream if token.kind != "space"]
        if len(plain) > 1 and plain[0].kind == "variable" and plain[1].text in (":=", "="):
            pipeline.names, count = [plain[0].text], 2
        elif (
            ranging
            and len(plain) > 3
            and plain[0].kind == plain[2].kind == "variable"
            and plain[1].text == ","
            and plain[3].text in (":=", "=")
        ):
            pipeline.names, count = [plain[0].text, plain[2].text], 4
        elif len(plain) > 1 and plain[0].kind == "variable" and plain[1].text == ",":
            if ranging and (len(plain) < 3 or plain[2].kind != "variable"):
                raise TemplateError(f"{line}: range can only initialize variables")
            raise TemplateError(f"{line}: too many declarations in {context}")
        else:
            return stream
        pipeline.assigns = plain[count - 1].text == "="
        position = 0
        while count:
            count -= stream[position].kind != "space"
            position += 1
        return stream[position:]

    def _operand(self, stream: list[Token], line: int) -> tuple[Operand, list[Token]]:
        token, stream = stream[0], stream[1:]
        if token.text == "(" and token.kind == "op":
            pipeline, stream = self._commands(stream, line, False, "parenthesized pipeline")
            operand, stream = Operand(None, pipeline, "(...)"), stream[1:]
        else:
            if token.kind == "name" and token.text not in (*FUNCTIONS, "call"):
                raise TemplateError(f'{line}: function "{token.text}" not defined')
            if token.kind == "variable" and token.text not in self.variables:
                raise TemplateError(f'{line}: undefined variable "{token.text}"')
            operand = Operand(token, None, token.text)
            if token.kind == "field":
                operand.fields.append(token.text[1:])
        if token.kind in _VALUES and stream and stream[0].kind == "field":
            raise TemplateError(f"{line}: unexpected . after term {quoted(token.text)}")
        while stream and stream[0].kind == "field":
            operand.fields.append(stream[0].text[1:])
            operand.shown += stream[0].text
            stream = stream[1:]
        return operand, stream


def _is_empty(body: list[Node]) -> bool:
    """Is there nothing but blanks?"""
    return all(node.kind == "text" and not node.text.strip() for node in body)


_VALUES = ("bool", "dot", "nil", "number", "string")


def _unspaced(stream: list[Token]) -> list[Token]:
    return stream[1:] if stream and stream[0].kind == "space" else stream


def _begins_term(token: Token) -> bool:
    return token.kind not in ("error", "keyword", "op", "space") or (token.kind, token.text) == ("op", "(")


def _unexpected(token: Token, line: int, context: str) -> TemplateError:
    text = token.text
    if token.kind == "error":
        return TemplateError(text)
    if token.kind in ("dot", "keyword", "nil"):
        shown = f"<{text}>"
    else:
        shown = f"{quoted(text[:10])}..." if len(text) > 10 else quoted(text)
    return TemplateError(f"{line}: unexpected {shown} in {context}")


def _name_and_rest(text: str, line: int, context: str) -> tuple[str, str]:
    stream = tokens(text.strip(), line)
    if not stream or stream[0].kind != "string":
        raise _unexpected(stream[0] if stream else Token("op", "}}"), line, context)
    return str(stream[0].value), text.strip()[len(stream[0].text) :].strip()


def _pieces(text: str) -> Any:
    """Texts and actions with their lines and columns; `{{-` and `-}}` trim, comments vanish."""
    position, line = 0, 1
    trim_next = False
    while position < len(text):
        start = text.find("{{", position)
        plain = text[position:] if start < 0 else text[position:start]
        shown = plain.lstrip(" \t\r\n") if trim_next else plain
        trims = start >= 0 and text[start + 2 : start + 3] == "-" and text[start + 3 : start + 4].isspace()
        if trims:
            shown = shown.rstrip(" \t\r\n")
        if shown:
            yield "text", shown, line, 0
        line += plain.count("\n")
        if start < 0:
            return
        begin = start + (3 if trims else 2)
        is_comment = text.startswith("/*", begin + trims)
        end = _comment_end(text, begin, line) if is_comment else _action_end(text, begin, line)
        inner = text[begin:end]
        trim_next = inner.endswith("-") and inner[-2:-1].isspace()
        bare = (inner[:-1] if trim_next else inner).strip()
        column = start - (text.rfind("\n", 0, start) + 1) + 2
        if not is_comment:
            yield "action", bare, line, column
        line += inner.count("\n")
        position = end + 2


def _action_end(text: str, begin: int, line: int) -> int:
    """Where `}}` closes an action that begins there; quotes may hold braces."""
    position, quote = begin, ""
    while position < len(text):
        letter = text[position]
        if quote:
            if letter == "\\" and quote == '"':
                position += 1
            elif letter == quote:
                quote = ""
        elif letter in '"`':
            quote = letter
        elif text.startswith("}}", position):
            return position
        position += 1
    read = tokens(text[begin:], line)
    raise (
        _unexpected(read[-1], line, "")
        if read and read[-1].kind == "error"
        else TemplateError(f"{line}: unclosed action")
    )


def _comment_end(text: str, begin: int, line: int) -> int:
    """Where `}}` closes a comment that begins there."""
    end = text.find("*/", begin)
    if end < 0:
        raise TemplateError(f"{line}: unclosed comment")
    if not text.startswith(("}}", " -}}", "\n-}}", "\t-}}"), end + 2):
        raise TemplateError(f"{line}: comment ends before closing delimiter")
    return text.index("}}", end)
