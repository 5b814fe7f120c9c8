"""Elastic tab stops, as Go's text/tabwriter has them: a column is as wide as its widest cell among neighbouring
lines.
"""

from __future__ import annotations


def aligned(text: str, *, minimum: int = 0, padding: int = 2, remembered: list[int] | None = None) -> str:
    """Tabs replaced by spaces. A cell ends at a tab; what follows a line's last tab takes part in no column.

    A form feed is a line end at which every column ends. `remembered` are widths of columns that no block is narrower
    than; they grow with this text.
    """
    parts = [_aligned(part, minimum, padding, remembered) for part in text.replace("\v", "\t").split("\f")]
    return "\n".join(parts)


def _aligned(text: str, minimum: int, padding: int, remembered: list[int] | None) -> str:
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[] for _ in lines]

    def measure(start: int, end: int, column: int) -> None:
        """Find the blocks of lines that have a cell in this column, and within each those of the next."""
        line = start
        while line < end:
            if column >= len(lines[line]) - 1:
                line += 1
                continue
            first, width = line, minimum
            while line < end and column < len(lines[line]) - 1:
                width = max(width, len(lines[line][column]) + padding)
                line += 1
            if remembered is not None:
                remembered.extend([0] * (column + 1 - len(remembered)))
                width = remembered[column] = max(width, remembered[column])
            for number in range(first, line):
                widths[number].append(width)
            measure(first, line, column + 1)

    measure(0, len(lines), 0)
    shown = []
    for cells, known in zip(lines, widths, strict=True):
        padded = "".join(cell.ljust(known[position]) for position, cell in enumerate(cells[:-1]))
        shown.append(padded + cells[-1])
    return "\n".join(shown)
