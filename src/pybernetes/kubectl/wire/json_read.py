"""Decode JSON without importing `json`: the interpreter's own scanner is built in, which saves 10 ms of every start."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class JsonError(ValueError):
    """The text is no JSON."""


def kind_of(value: Any) -> str:
    """What Go's decoder calls the kind of a decoded value."""
    kinds = {"str": "string", "list": "array", "dict": "object", "bool": "bool"}
    return kinds.get(type(value).__name__, "number")


class _Settings:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own


def _scanner() -> Callable[[str, int], tuple[Any, int]]:
    try:
        import _json
    except ImportError:
        from json.decoder import JSONDecoder

        return JSONDecoder().raw_decode
    settings: Any = _Settings()
    return _json.make_scanner(settings)


_scan = _scanner()
_SPACE = " \t\n\r"


def loads(data: str | bytes) -> Any:
    """One value and nothing after it. JsonError."""
    text = data.decode("utf-8", "replace") if isinstance(data, bytes) else data
    value, end = first(text, 0)
    if text[end:].strip(_SPACE):
        raise JsonError(f"invalid character {_letter(text[end:].lstrip(_SPACE)[0])!r} after top-level value")
    return value


def first(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at or after `start`, and where it ends. JsonError."""
    while start < len(text) and text[start] in _SPACE:
        start += 1
    try:
        return _scan(text, start)
    except StopIteration as stop:
        at = int(stop.value) if isinstance(stop.value, int) else start
        if at >= len(text):
            raise JsonError("unexpected end of JSON input") from None
        _check_literal(text, at)
        raise JsonError(f"invalid character {_letter(text[at])!r} looking for beginning of value") from None
    except SystemError:
        # The scanner takes its exception from a module that nobody has imported yet.
        import json.decoder  # noqa: F401

        return first(text, start)
    except ValueError as error:
        raise JsonError(_go_words(error, text)) from None


def _letter(letter: str) -> str:
    """As Go shows it, which looks at the first byte of it alone."""
    return letter if letter.isascii() else letter.encode("utf-8", "surrogatepass")[:1].decode("latin-1")


def _check_literal(text: str, at: int) -> None:
    """JsonError for what begins as `true`, `false` or `null` does and goes on otherwise."""
    for literal in ("true", "false", "null"):
        if text[at] == literal[0]:
            for letter, expected in zip(text[at:] + " ", literal, strict=False):
                if letter != expected:
                    raise JsonError(
                        f"invalid character {letter!r} in literal {literal} (expecting {expected!r})"
                    ) from None


def _go_words(error: ValueError, text: str) -> str:
    """A decoder's complaint as Go words it, as far as the causes correspond."""
    at = getattr(error, "pos", 0)
    message = str(getattr(error, "msg", error))
    if at >= len(text):
        return "unexpected end of JSON input"
    letter = text[at]
    if message.startswith("Expecting property name"):
        return f"invalid character {letter!r} looking for beginning of object key string"
    if message.startswith("Expecting ':'"):
        return f"invalid character {letter!r} after object key"
    if message.startswith("Expecting ','"):
        return f"invalid character {letter!r} after object key:value pair"
    return f"invalid character {letter!r} looking for beginning of value"
