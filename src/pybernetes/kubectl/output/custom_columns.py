"""`-o custom-columns=NAME:.metadata.name,…` and the same from a file."""

from __future__ import annotations

from ..errors import CommandError
from . import jsonpath
from .table import Columns, plain_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class CustomColumns:
    """Prints objects as rows; the header comes once."""

    def __init__(self, spec: str, *, headers: bool = True) -> None:
        self.names: list[str] = []
        self.paths: list[list[Any]] = []
        self._headers = headers
        if not spec:
            raise CommandError("custom-columns format specified but no custom columns given")
        for part in _split(spec):
            name, colon, path = part.partition(":")
            if not colon:
                raise CommandError(f"unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>")
            self._add(name, path)

    @staticmethod
    def from_file(path: str, *, headers: bool = True) -> CustomColumns:
        """Two lines: the names, and below each its path."""
        try:
            with open(path, encoding="utf-8") as file:
                lines = [line.rstrip("\n") for line in file if line.strip()]
        except OSError as error:
            from ..errors import os_text

            raise CommandError(f"error reading template {path}, {os_text(error)}") from None
        if len(lines) < 2:
            raise CommandError("invalid template, expected exactly one header line and one spec line")
        names, paths = lines[0].split(), lines[1].split()
        if len(names) != len(paths):
            raise CommandError(f"number of headers ({len(names)}) and field specifications ({len(paths)}) don't match")
        return CustomColumns(
            ",".join(f"{name}:{where}" for name, where in zip(names, paths, strict=True)), headers=headers
        )

    def _add(self, name: str, path: str) -> None:
        try:
            self.paths.append(jsonpath.parse(jsonpath.relaxed(path)))
        except jsonpath.JsonPathError as error:
            raise CommandError(str(error)) from None
        self.names.append(name)

    def write(self, objects: list[dict[str, Any]], write: Callable[[str], object]) -> None:
        columns = Columns(write)
        if self._headers:
            columns.add(self.names)
            self._headers = False
        for obj in objects:
            columns.add([self._cell(path, obj) for path in self.paths])
        columns.flush()

    def _cell(self, path: list[Any], obj: dict[str, Any]) -> str:
        try:
            found = jsonpath.find(path, obj, allow_missing=True)
        except jsonpath.JsonPathError as error:
            if "out of bounds" in str(error):
                return "<none>"
            raise CommandError(str(error)) from None
        values = [value for results in found for value in results]
        return ",".join(plain_text(value) for value in values) or "<none>"


def _split(spec: str) -> list[str]:
    """At commas that are in no bracket."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(spec):
        depth += letter in "[("
        depth -= letter in "])"
        if letter == "," and not depth:
            parts.append(spec[start:position])
            start = position + 1
    return [*parts, spec[start:]]
