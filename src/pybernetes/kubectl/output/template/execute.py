"""Runs a template on an object, writing as it goes."""

from __future__ import annotations

from .functions import FUNCTIONS, shown, truth
from .parser import Command, Node, Operand, Pipeline, Template, TemplateError
from .values import MISSING, Constant, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MAX_DEPTH = 1000


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


def execute(template: Template, data: Any, write: Callable[[str], object], *, strict: bool = False) -> None:
    """`strict`: a missing key is an error. TemplateError, after what came before was written."""
    _Run(template, write, strict).nodes(template.main, data, [("$", data)], 0)


class _Run:
    def __init__(self, template: Template, write: Callable[[str], object], strict: bool) -> None:
        self._template = template
        self._write = write
        self._strict = strict
        self._node = Node("text")

    def nodes(self, nodes: list[Node], dot: Any, variables: list[tuple[str, Any]], depth: int) -> None:
        for node in nodes:
            self._node = node
            if node.kind == "text":
                self._write(node.text)
            elif node.kind == "action":
                assert node.pipeline is not None
                value = self._pipeline(node.pipeline, dot, variables)
                if not node.pipeline.names:
                    self._write(shown(value))
            elif node.kind in ("if", "with"):
                self._choice(node, dot, variables, depth)
            elif node.kind == "range":
                self._range(node, dot, variables, depth)
            elif node.kind == "template":
                self._call(node, dot, variables, depth)
            else:
                raise _Break if node.kind == "break" else _Continue

    def _choice(self, node: Node, dot: Any, variables: list[tuple[str, Any]], depth: int) -> None:
        assert node.pipeline is not None
        kept = len(variables)
        value = self._pipeline(node.pipeline, dot, variables)
        if truth(value):
            self.nodes(node.body, value if node.kind == "with" else dot, variables, depth)
        else:
            self.nodes(node.otherwise, dot, variables, depth)
        del variables[kept:]

    def _range(self, node: Node, dot: Any, variables: list[tuple[str, Any]], depth: int) -> None:
        pipeline = node.pipeline
        assert pipeline is not None
        kept = len(variables)
        value = self._pipeline(pipeline, dot, variables, declare=False)
        pairs: list[tuple[Any, Any]]
        if isinstance(value, list):
            pairs = [(Constant(place), item) for place, item in enumerate(value)]
        elif isinstance(value, dict):
            pairs = [(key, value[key]) for key in sorted(value)]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            pairs = [(number, number) for number in map(Constant, range(int(value)))]
        elif value is None or value is MISSING:
            pairs = []
        else:
            raise self._error(f"range can't iterate over {shown(value)}")
        for key, item in pairs:
            names = pipeline.names
            if len(names) == 1:
                variables.append((names[0], item))
            elif names:
                variables += [(names[0], key), (names[1], item)]
            try:
                self.nodes(node.body, item, variables, depth)
            except _Continue:
                pass
            except _Break:
                break
            finally:
                del variables[kept:]
        if not pairs:
            self.nodes(node.otherwise, dot, variables, depth)

    def _call(self, node: Node, dot: Any, variables: list[tuple[str, Any]], depth: int) -> None:
        body = self._template.defined.get(node.text)
        if body is None:
            call = f'{{{{template "{node.text}"{" " + node.pipeline.shown if node.pipeline else ""}}}}}'
            raise self._error(f'template "{node.text}" not defined', call, column=len("template "))
        if depth > _MAX_DEPTH:
            raise self._error(f"exceeded maximum template depth ({_MAX_DEPTH})")
        value = self._pipeline(node.pipeline, dot, variables) if node.pipeline else None
        self.nodes(body, value, [("$", value)], depth + 1)

    def _pipeline(self, pipeline: Pipeline, dot: Any, variables: list[tuple[str, Any]], *, declare: bool = True) -> Any:
        value: Any = None
        for position, command in enumerate(pipeline.commands):
            value = self._command(command, dot, variables, [value] if position else [])
        if declare:
            for name in pipeline.names:
                if pipeline.assigns:
                    place = max((place for place, (known, _) in enumerate(variables) if known == name), default=-1)
                    if place < 0:
                        raise self._error(f"undefined variable: {name}", pipeline.commands[-1].words[-1].shown)
                    variables[place] = (name, value)
                else:
                    variables.append((name, value))
        return value

    def _command(self, command: Command, dot: Any, variables: list[tuple[str, Any]], final: list[Any]) -> Any:
        first = command.words[0]
        token = first.token
        if token is not None and token.kind == "name":
            return self._function(token.text, first, command, dot, variables, final)
        if len(command.words) > 1 or final:
            if first.fields:
                raise self._error(f"{first.fields[-1]} is not a method but has arguments", first.shown)
            raise self._error(f"can't give argument to non-function {first.shown}", first.shown)
        if token is not None and token.kind == "nil":
            raise self._error("nil is not a command", "nil")
        return self._operand(first, dot, variables)

    def _function(
        self,
        name: str,
        first: Operand,
        command: Command,
        dot: Any,
        variables: list[tuple[str, Any]],
        final: list[Any],
    ) -> Any:
        wrong = _wrong_count(name, len(command.words) - 1 + len(final))
        if wrong:
            raise self._error(wrong, name)
        if name in ("and", "or"):
            value: Any = None
            for word in command.words[1:]:
                value = self._operand(word, dot, variables)
                if truth(value) == (name == "or"):
                    return value
            return final[0] if final else value
        arguments = [self._operand(word, dot, variables) for word in command.words[1:]] + final
        if name == "call":
            raise self._error(*_no_call(command, arguments))
        if name in _TAKING_TEXT and (wrong := _no_text(arguments[0], command.words[1:2])):
            raise self._error(wrong, command.words[1].shown if len(command.words) > 1 else name)
        try:
            value = FUNCTIONS[name](*arguments)
        except (ValueError, KeyError, OverflowError) as error:
            raise self._error(
                f"error calling {name}: {error}", " ".join(word.shown for word in command.words)
            ) from None
        return self._fields(value, first, first.fields)

    def _operand(self, operand: Operand, dot: Any, variables: list[tuple[str, Any]]) -> Any:
        token = operand.token
        if token is None:
            assert operand.pipeline is not None
            value = self._pipeline(operand.pipeline, dot, variables)
        elif token.kind in ("dot", "field"):
            value = dot
        elif token.kind == "variable":
            value = next(known for name, known in reversed(variables) if name == token.text)
        elif token.kind == "nil":
            return None
        elif token.kind == "name":
            return self._command(Command([operand]), dot, variables, [])
        else:
            return token.value
        return self._fields(value, operand, operand.fields)

    def _fields(self, value: Any, operand: Operand, fields: list[str]) -> Any:
        for name in fields:
            if isinstance(value, dict):
                if name not in value and self._strict:
                    raise self._error(f'map has no entry for key "{name}"', operand.shown)
                value = value.get(name, MISSING)
            elif value is MISSING:
                return MISSING
            elif value is None:
                raise self._error(f"nil pointer evaluating interface {{}}.{name}", operand.shown)
            else:
                raise self._error(f"can't evaluate field {name} in type interface {{}}", operand.shown)
        return value

    def _error(self, message: str, at: str = "", *, column: int = 0) -> TemplateError:
        shown_pipeline = self._node.pipeline.shown if self._node.pipeline else ""
        where = at or shown_pipeline
        column += self._node.column + max(shown_pipeline.find(at), 0)
        if where.count(".") > 1 and " " not in where:
            # A chain of fields is said to be where its second one is.
            column += where.index(".", 1)
        return TemplateError(f'{self._node.line}:{column}: executing "output" at <{where}>: {message}')


_COUNTS = dict.fromkeys(("base64decode", "len", "not"), 1) | dict.fromkeys(("ge", "gt", "le", "lt", "ne"), 2)
_AT_LEAST_ONE = ("and", "eq", "exists", "index", "or", "printf", "slice")
_TAKING_TEXT = ("base64decode", "printf")


def _wrong_count(name: str, count: int) -> str:
    """What is wrong with so many arguments, if anything is."""
    wanted = f"want {_COUNTS[name]}" if count != _COUNTS.get(name, count) else ""
    if name in _AT_LEAST_ONE and not count:
        wanted = "want at least 1"
    return f"wrong number of args for {name}: {wanted} got {count}" if wanted else ""


def _no_text(value: Any, words: list[Operand]) -> str:
    """Why a value is no text, if it is none."""
    token = words[0].token if words else None
    if isinstance(value, str):
        return ""
    if token is not None and token.kind in ("bool", "number"):
        return f"expected string; found {token.text}"
    if token is not None and token.kind == "nil":
        return "cannot assign nil to string"
    if value is None or value is MISSING:
        return "invalid value; expected string"
    return f"wrong type for value; expected string; got {type_name(value)}"


def _no_call(command: Command, arguments: list[Any]) -> tuple[str, str]:
    """`call` has nothing to call in an object: what is wrong, and where."""
    where = " ".join(word.shown for word in command.words)
    if not arguments:
        return "wrong number of args for call: want at least 1 got 0", "call"
    value, name = arguments[0], command.words[1].shown if len(command.words) > 1 else ""
    if value is None or value is MISSING:
        return "error calling call: call of nil", where
    return f"error calling call: non-function {name} of type {type_name(value)}", where
