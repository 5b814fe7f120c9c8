"""`-o custom-columns=NAME:.metadata.name,…` and the same from a file."""

from __future__ import annotations

from ..errors import CommandError
from . import jsonpath
from .table import Columns, escaped, plain_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class CustomColumns:
    """Prints objects as rows; the header comes once, and before what is wrong with a path."""

    def __init__(self, spec: str, *, headers: bool = True) -> None:
        self.names: list[str] = []
        self.paths: list[str] = []
        self._headers = headers
        if not spec:
            raise CommandError("custom-columns format specified but no custom columns given")
        for part in spec.split(","):
            name, colon, path = part.partition(":")
            if not colon:
                raise CommandError(f"unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>")
            self._add(name, path)

    @staticmethod
    def from_file(path: str, *, headers: bool = True) -> CustomColumns:
        """Two lines: the names, and below each its path."""
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().splitlines()
        except OSError as error:
            from ..errors import os_text

            raise CommandError(f"error reading template {path}, {os_text(error)}") from None
        if len(lines) < 2:
            raise CommandError(
                f"invalid template, missing {'spec' if lines else 'header'} line. Expected format is one line of space "
                "separated headers, one line of space separated column specs."
            )
        names, paths = lines[0].split(), lines[1].split()
        if len(names) != len(paths):
            raise CommandError(f"number of headers ({len(names)}) and field specifications ({len(paths)}) don't match")
        return CustomColumns(
            ",".join(f"{name}:{where}" for name, where in zip(names, paths, strict=True)), headers=headers
        )

    def _add(self, name: str, path: str) -> None:
        try:
            self.paths.append(jsonpath.relaxed(path))
        except jsonpath.JsonPathError as error:
            raise CommandError(str(error)) from None
        self.names.append(name)

    def write(self, objects: list[dict[str, Any]], write: Callable[[str], object]) -> None:
        columns = Columns(write)
        if self._headers:
            columns.add(self.names)
            self._headers = False
        try:
            paths = [jsonpath.parse(path) for path in self.paths]
            for obj in objects:
                columns.add([self._cell(path, obj) for path in paths])
        except jsonpath.JsonPathError as error:
            raise CommandError(str(error)) from None
        finally:
            columns.flush()

    def _cell(self, path: list[Any], obj: dict[str, Any]) -> str:
        found = jsonpath.find(path, obj, allow_missing=True)
        values = [value for results in found for value in results]
        return escaped(",".join(plain_text(value) for value in values)) if values else "<none>"
