"""All of YAML as kubectl's Go library reads it, over libyaml's events.

YAML 1.1 scalars (`yes`, `on`, octals), timestamps stay text, keys become texts, duplicate keys are refused with their
line, aliases may not blow a document up. Errors are ValueErrors with Go's words: `yaml: line 3: …`.
"""

from __future__ import annotations

from ..output.yaml_scalars import reads_as_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_ALIAS_FREE = 100_000
_MAX_DEPTH = 1000


class YamlError(ValueError):
    """The text is no YAML that can be used."""


def load_one(text: str) -> Any:
    """The first document; None when there is none."""
    return next(load_all(text), None)


def load_all(text: str, *, core: bool = False) -> Iterator[Any]:
    """Each document in turn; `core`: as kustomize reads, with `yes` and `n` and all keys texts. YamlError."""
    import yaml

    fast = getattr(yaml, "cyaml", None)
    parser: Any = fast.CParser(text) if fast is not None else yaml.SafeLoader(text)
    builder = _Builder(parser, yaml, core)
    try:
        while True:
            event = parser.get_event()
            if isinstance(event, yaml.StreamEndEvent):
                return
            if isinstance(event, yaml.DocumentStartEvent):
                yield builder.document()
    except yaml.YAMLError as error:
        raise YamlError(_words(error)) from None


def _words(error: Any) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    problem = _SAME.get(problem, problem)
    marks = (getattr(error, "problem_mark", None), getattr(error, "context_mark", None))
    line = next((mark.line for mark in marks if mark is not None and mark.line), 0)
    if line and type(error).__name__ == "ScannerError":
        line += 1
    return f"yaml: line {line}: {problem}" if line else f"yaml: {problem}"


_SAME = {
    "mapping values are not allowed here": "mapping values are not allowed in this context",
    "found character '\\t' that cannot start any token": "found character that cannot start any token",
    "expected the node content, but found '<stream end>'": "did not find expected node content",
}
"""Problems that Go's library words differently."""


class _Builder:
    """Builds values from events, counting what aliases add."""

    def __init__(self, parser: Any, yaml: Any, core: bool) -> None:
        self._get = parser.get_event
        self._yaml = yaml
        self._core = core
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._made = 0
        self._copied = 0

    def document(self) -> Any:
        self._anchors, self._made, self._copied = {}, 0, 0
        value = self._value(self._get(), 0)
        self._get()
        return value

    def _value(self, event: Any, depth: int) -> Any:
        yaml = self._yaml
        if depth > _MAX_DEPTH:
            raise YamlError("yaml: exceeded max depth of 10000")
        self._made += 1
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._made + self._copied
        if isinstance(event, yaml.ScalarEvent):
            value = _scalar(event, self._core)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = []
            while not isinstance(item := self._get(), yaml.SequenceEndEvent):
                value.append(self._value(item, depth + 1))
        else:
            value = self._mapping(depth)
        if event.anchor:
            self._anchors[event.anchor] = (value, self._made + self._copied - before + 1)
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise YamlError(f"yaml: unknown anchor '{event.anchor}' referenced")
        value, size = self._anchors[event.anchor]
        self._copied += size
        if self._copied > _ALIAS_FREE and self._copied > 0.1 * (self._made + self._copied):
            raise YamlError("yaml: document contains excessive aliasing")
        return value

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        merged: list[Any] = []
        while not isinstance(event := self._get(), self._yaml.MappingEndEvent):
            line = event.start_mark.line + 1
            is_merge = getattr(event, "value", None) == "<<" and event.implicit[0]
            scalar = self._core and isinstance(event, self._yaml.ScalarEvent) and not event.anchor
            raw = event.value if scalar else self._value(event, depth + 1)
            value = self._value(self._get(), depth + 1)
            if is_merge:
                merged += value if isinstance(value, list) else [value]
                continue
            key = _as_key(raw)
            if key in found:
                raise YamlError(f'yaml: unmarshal errors:\n  line {line}: key "{key}" already set in map')
            found[key] = value
        for other in merged:
            if not isinstance(other, dict):
                raise YamlError("yaml: map merge requires map or sequence of maps as the value")
            for key, value in other.items():
                found.setdefault(key, value)
        return found


def _as_key(raw: Any) -> str:
    if isinstance(raw, str):
        return raw
    if raw is True or raw is False:
        return "true" if raw else "false"
    if raw is None:
        return "null"
    if isinstance(raw, int | float):
        return str(raw)
    kind = "[]interface {}" if isinstance(raw, list) else "map[interface {}]interface {}"
    raise YamlError(f"yaml: invalid map key: {kind}{_go_value(raw)}")


def _go_value(value: Any) -> str:
    if isinstance(value, list):
        return "{" + ", ".join(_go_value(item) for item in value) + "}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_go_value(key)}:{_go_value(item)}" for key, item in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)


_TRUE = frozenset("y Y yes Yes YES true True TRUE on On ON".split())
_FALSE = frozenset("n N no No NO false False FALSE off Off OFF".split())
_NULL = frozenset(("", "~", "null", "Null", "NULL"))


def _scalar(event: Any, core: bool) -> Any:
    text: str = event.value
    tag = event.tag
    if tag and tag != "!":
        return _tagged(tag, text)
    return resolved(text, core=core) if event.implicit[0] and not tag else text


def resolved(text: str, *, core: bool = False) -> Any:
    """What a plain scalar stands for; `core` knows `true` and `false` only, and days are times."""
    if text in _NULL:
        return None
    if text in _TRUE and (not core or text.lower() == "true"):
        return True
    if text in _FALSE and (not core or text.lower() == "false"):
        return False
    if core and (text in _TRUE or text in _FALSE):
        return text
    if core and len(text) == 10 and text[4] == text[7] == "-" and text.replace("-", "").isdigit():
        return f"{text}T00:00:00Z"
    if reads_as_text(text):
        return text
    if len(text) > 4 and text[4:5] == "-" and text[:4].isdigit():
        return text
    return _number(text)


def _number(text: str) -> Any:
    bare = text.replace("_", "")
    sign = -1 if bare[:1] == "-" else 1
    digits = bare.lstrip("+-")
    lower = digits.lower()
    try:
        if lower[:2] in ("0x", "0b", "0o"):
            return sign * int(lower, 0)
        if len(digits) > 1 and digits[0] == "0" and digits.isdigit():
            return sign * int(digits, 8)
        return sign * int(digits)
    except ValueError:
        pass
    if ":" in bare:
        return text
    special = {".inf": float("inf"), ".nan": float("nan")}.get(lower)
    return sign * special if special is not None else float(bare)


def _tagged(tag: str, text: str) -> Any:
    name = tag.rpartition(":")[2]
    if name == "str":
        return text
    if name == "binary":
        from binascii import a2b_base64

        return a2b_base64(text).decode("utf-8", "replace")
    value = resolved(text)
    if name == "float" and isinstance(value, int):
        return float(value)
    return value
