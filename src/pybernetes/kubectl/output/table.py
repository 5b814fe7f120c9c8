"""Columns aligned as Go's tabwriter aligns them (minimum 6, padding 3), and tables of the server.

`Columns` collects rows of cells and writes them; widths are remembered between writes, so that rows of a watch line up.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any


class Columns:
    """Rows that share their column widths; `flush` writes them."""

    def __init__(self, write: Callable[[str], object], *, minimum: int = 6, padding: int = 3) -> None:
        self._write = write
        self._rows: list[list[str]] = []
        self._widths: list[int] = []
        self._minimum = minimum
        self._padding = padding

    def add(self, cells: Iterable[str]) -> None:
        self._rows.append(list(cells))

    def forget(self) -> None:
        """The next rows have widths of their own."""
        self._widths = []

    def flush(self) -> None:
        """Write the rows collected so far."""
        rows, self._rows = self._rows, []
        if not _is_plain(rows):
            # A tab within a cell is a cell's end, and a line without cells ends the columns.
            from .tabwriter import aligned

            text = "\n".join(["\t".join(row) for row in rows])
            self._write(aligned(text, minimum=self._minimum, padding=self._padding, remembered=self._widths) + "\n")
            return
        widths = self._widths
        for row in rows:
            for position, cell in enumerate(row[:-1]):
                width = max(len(cell) + self._padding, self._minimum)
                if position == len(widths):
                    widths.append(width)
                elif width > widths[position]:
                    widths[position] = width
        for row in rows:
            text = "".join([cell.ljust(widths[position]) for position, cell in enumerate(row[:-1])])
            self._write(text + (row[-1] if row else "") + "\n")


def _is_plain(rows: list[list[str]]) -> bool:
    """Have all rows as many cells, and no cell a tab or a line end of its own?"""
    return len({len(row) for row in rows}) < 2 and all("".join(row).isprintable() for row in rows)


class Shape:
    """What a table of the server is shown with."""

    def __init__(
        self,
        *,
        wide: bool = False,
        namespace: bool = False,
        kind: str = "",
        label_columns: Sequence[str] = (),
        show_labels: bool = False,
        headers: bool = True,
    ) -> None:
        self.wide = wide
        self.namespace = namespace
        self.kind = kind
        self.label_columns = label_columns
        self.show_labels = show_labels
        self.headers = headers

    def header(self, columns: list[dict[str, Any]]) -> list[str]:
        """The names of the columns shown."""
        shown = ["NAMESPACE"] if self.namespace else []
        shown += [str(column["name"]).upper() for column in columns if self._is_shown(column)]
        shown += [name.rpartition("/")[2].upper() for name in self.label_columns]
        return [*shown, "LABELS"] if self.show_labels else shown

    def row(self, columns: list[dict[str, Any]], row: dict[str, Any]) -> list[str]:
        """The cells of one row."""
        metadata = (row.get("object") or {}).get("metadata") or {}
        cells = [str(metadata.get("namespace") or "")] if self.namespace else []
        kind = self.kind
        for column, value in zip(columns, row.get("cells") or (), strict=False):
            text = ""
            if kind and column.get("format") == "name" and column.get("type") == "string":
                text, kind = f"{kind}/", ""
            if self._is_shown(column):
                cells.append(text + cell_text(value))
        labels = metadata.get("labels") or {}
        cells += [str(labels.get(name, "")) for name in self.label_columns]
        if self.show_labels:
            cells.append(",".join(f"{key}={labels[key]}" for key in sorted(labels)) or "<none>")
        return cells

    def _is_shown(self, column: dict[str, Any]) -> bool:
        return self.wide or not column.get("priority")


def cell_text(value: Any) -> str:
    """A cell as text; of several lines only the first, and nothing for null."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return escaped(plain_text(value))
    if value.isprintable():
        return value
    for position, letter in enumerate(value):
        if letter in "\f\n\r":
            return escaped(value[:position]) + "..."
    return escaped(value)


def escaped(text: str) -> str:
    """Without what would steer a terminal: `^[` for an escape, `\\r` for a carriage return."""
    return text.replace("\x1b", "^[").replace("\r", "\\r")


def plain_text(value: Any) -> str:
    """How Go's fmt.Print shows a decoded value."""
    if value is None:
        return "<nil>"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{plain_text(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(plain_text(item) for item in value) + "]"
    return str(value)


def float_text(value: float) -> str:
    """Go's %v of a float64: six digits decide between the plain and the exponent form."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    if value == 0:
        return "0"
    shortest = repr(value)
    digits = shortest.lstrip("-").partition("e")[0].replace(".", "").strip("0") or "0"
    mantissa, _, exponent = f"{value:.{len(digits) - 1}e}".partition("e")
    power = int(exponent)
    if -4 <= power < 21:
        plain = shortest if "e" not in shortest else f"{value:.20f}".rstrip("0").rstrip(".")
        return plain.removesuffix(".0")
    sign = "-" if mantissa.startswith("-") else ""
    body = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{body}e{'-' if power < 0 else '+'}{abs(power):02d}"
