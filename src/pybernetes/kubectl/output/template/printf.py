"""`printf` of templates, as Go's package fmt formats strings, numbers, truths, lists and maps."""

from __future__ import annotations

from ...errors import quoted
from ..go_syntax import go_syntax
from ..table import float_text, plain_text
from .values import MISSING, type_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BASES = {"d": "d", "b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}
_PREFIXES = {"b": "0b", "o": "0", "x": "0x", "X": "0X"}


class _Form:
    """One directive: its flags, width and precision."""

    __slots__ = ("flags", "precision", "verb", "width")

    def __init__(self) -> None:
        self.flags, self.width, self.precision, self.verb = "", 0, -1, ""

    def padded(self, text: str, *, zeros: bool = True) -> str:
        if "-" in self.flags:
            return text.ljust(self.width)
        if zeros and "0" in self.flags:
            sign = text[:1] if text[:1] in ("+", "-") and text[1:2].isdigit() else ""
            return sign + text[len(sign) :].rjust(self.width - len(sign), "0")
        return text.rjust(self.width)


def printf(form: str, *values: Any) -> str:
    """The text that a format makes of values; what does not fit stands in it as `%!d(string=a)`."""
    return _Formatting(form, values).text()


class _Formatting:
    def __init__(self, form: str, values: tuple[Any, ...]) -> None:
        self._form, self._values = form, values
        self._at = self._next = 0
        self._reordered = False
        self._good = True

    def text(self) -> str:
        parts: list[str] = []
        while self._at < len(self._form):
            percent = self._form.find("%", self._at)
            if percent < 0:
                parts.append(self._form[self._at :])
                break
            parts.append(self._form[self._at : percent])
            self._at = percent + 1
            parts.append(self._directive())
        rest = self._values[self._next :]
        if rest and not self._reordered:
            parts.append("%!(EXTRA " + ", ".join(_typed(value) for value in rest) + ")")
        return "".join(parts)

    def _directive(self) -> str:
        form = _Form()
        self._good, indexed = True, self._reordered
        self._reordered = False
        start = self._at
        while self._peek() and self._peek() in "+-# 0":
            self._at += 1
        form.flags = self._form[start : self._at]
        self._index()
        width = self._size()
        if width is not None:
            form.width = abs(width)
            form.flags += "-" if width < 0 else ""
        if self._peek() == ".":
            self._at += 1
            self._index()
            precision = self._size()
            form.precision = 0 if precision is None else precision
        self._index()
        self._reordered |= indexed
        form.verb = self._peek()
        self._at += 1
        if not form.verb:
            return "%!(NOVERB)"
        if form.verb == "%":
            return "%"
        if not self._good:
            return f"%!{form.verb}(BADINDEX)"
        if self._next >= len(self._values):
            return f"%!{form.verb}(MISSING)"
        self._next += 1
        return _formatted(form, self._values[self._next - 1])

    def _peek(self) -> str:
        return self._form[self._at : self._at + 1]

    def _index(self) -> None:
        """`[n]`: the next value is the nth."""
        if self._peek() != "[":
            return
        self._reordered = True
        end = self._form.find("]", self._at)
        number = self._form[self._at + 1 : end] if end > 0 else ""
        self._at = end + 1 if end > 0 else self._at + 1
        if number.isdigit() and 1 <= int(number) <= len(self._values):
            self._next = int(number) - 1
        else:
            self._good = False

    def _size(self) -> int | None:
        """A width or precision, here or, for `*`, as the next value."""
        if self._peek() == "*":
            self._at += 1
            value = self._values[self._next] if self._next < len(self._values) else None
            self._next += 1
            return value if isinstance(value, int) and not isinstance(value, bool) else None
        start = self._at
        while self._peek().isdigit():
            self._at += 1
        return int(self._form[start : self._at]) if self._at > start else None


def _typed(value: Any) -> str:
    return "<nil>" if value is None or value is MISSING else f"{type_name(value)}={plain_text(value)}"


def _formatted(form: _Form, value: Any) -> str:
    verb = form.verb
    if verb == "v":
        form.flags = form.flags.replace("+", "")
    if verb == "T":
        return form.padded("<nil>" if value is None or value is MISSING else type_name(value))
    if value is None or value is MISSING:
        return form.padded("<nil>", zeros=False) if verb == "v" else f"%!{verb}(<nil>)"
    if verb == "v" and "#" in form.flags:
        return form.padded(go_syntax(value))
    if isinstance(value, list):
        return "[" + " ".join(_formatted(form, item) for item in value) + "]"
    if isinstance(value, dict):
        key_form = _Form()
        key_form.flags, key_form.width, key_form.precision, key_form.verb = form.flags, form.width, form.precision, verb
        pairs = (f"{_formatted(key_form, key)}:{_formatted(form, value[key])}" for key in sorted(value))
        return "map[" + " ".join(pairs) + "]"
    if isinstance(value, bool):
        shown = ("true" if value else "false") if verb in "tv" else None
    elif isinstance(value, str):
        shown = _string(form, value)
    elif isinstance(value, int):
        shown = _integer(form, value)
    else:
        shown = _float(form, value)
    return f"%!{verb}({_typed(value)})" if shown is None else form.padded(shown)


def _string(form: _Form, value: str) -> str | None:
    text = value if form.precision < 0 else value[: form.precision]
    if form.verb in "sv":
        return text
    if form.verb == "q":
        return f"`{text}`" if "#" in form.flags and "`" not in text and text.isprintable() else quoted(text)
    if form.verb in "xX":
        pairs = (
            text.encode().hex(" " if " " in form.flags else "") if text and " " in form.flags else text.encode().hex()
        )
        shown = ("0x" if "#" in form.flags else "") + pairs
        return shown.upper() if form.verb == "X" else shown
    return None


def _integer(form: _Form, value: int) -> str | None:
    verb = "d" if form.verb == "v" else form.verb
    if verb == "c":
        return chr(value)
    if verb == "q":
        return f"'{quoted(chr(value))[1:-1]}'"
    if verb == "U":
        return f"U+{value:04X}" + (f" '{chr(value)}'" if "#" in form.flags else "")
    if verb not in _BASES:
        return None
    digits = format(abs(value), _BASES[verb])
    if form.precision >= 0:
        digits = "" if form.precision == 0 and value == 0 else digits.rjust(form.precision, "0")
    prefix = "0o" if verb == "O" else _PREFIXES.get(verb, "") if "#" in form.flags else ""
    sign = "-" if value < 0 else "+" if "+" in form.flags else " " if " " in form.flags else ""
    if "0" in form.flags and "-" not in form.flags and form.precision < 0:
        digits = digits.rjust(form.width - len(sign), "0")
    return sign + prefix + digits


def _float(form: _Form, value: float) -> str | None:
    verb = form.verb
    if verb not in "vgGeEfF":
        return None
    sign = "+" if "+" in form.flags and value >= 0 else " " if " " in form.flags and value >= 0 else ""
    if form.precision < 0 and verb in "vgG":
        text = float_text(value)
        return sign + (text.upper() if verb == "G" else text)
    precision = 6 if form.precision < 0 else form.precision
    return sign + f"%.{precision}{'g' if verb == 'v' else verb}" % value
