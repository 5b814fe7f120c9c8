"""Writing Python line by line: blocks, names, constants, and the cost that is still to be charged.

Costs known beforehand are summed up and charged in one statement before a block opens or ends, so that each is counted
where it is paid.
"""

import keyword
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Writer:
    """The text of one function. `_globals` are the constants it uses."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._globals: dict[str, Any] = {}
        self._depth = 0
        self._blocks = 0
        self._count = 0
        self._pending = 0

    def _line(self, text: str) -> None:
        self._lines.append(" " * self._depth + text)

    @contextmanager
    def _indent(self) -> Iterator[None]:
        self._depth += 1
        yield
        self._depth -= 1

    @contextmanager
    def _block(self) -> Iterator[None]:
        """An indented block whose costs are charged inside it."""
        self._flush_check()
        self._depth += 1
        self._blocks += 1
        start = len(self._lines)
        yield
        self._flush()
        if len(self._lines) == start:
            self._line("pass")
        self._blocks -= 1
        self._depth -= 1

    def _flush_check(self) -> None:
        assert not self._pending, "costs must be charged before a block opens"

    def _flush(self) -> None:
        if self._pending:
            self._line(f"c += {self._pending}")
            self._pending = 0

    def _new(self, prefix: str = "t") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def _constant(self, value: Any) -> str:
        name = self._new("k")
        self._globals[name] = value
        return name

    def _atom(self, text: str) -> str:
        """The expression as something that may be written twice."""
        if (text.isidentifier() and not keyword.iskeyword(text)) or text in ("True", "False", "None"):
            return text
        name = self._new()
        self._line(f"{name} = {text}")
        return name

    def _cost(self, text: str) -> None:
        if text.isdecimal():
            self._pending += int(text)
        else:
            self._line(f"c += {text}")
