"""Elastic tab stops, as Go's text/tabwriter has them: a column is as wide as its widest cell among neighbouring
lines.
"""

from __future__ import annotations


def aligned(text: str, *, minimum: int = 0, padding: int = 2) -> str:
    """Tabs replaced by spaces. A cell ends at a tab; what follows a line's last tab takes part in no column."""
    lines = [line.split("\t") for line in text.split("\n")]
    widths: list[list[int]] = [[] for _ in lines]
    _format(lines, widths, 0, len(lines), 0, minimum, padding)
    out = []
    for cells, known in zip(lines, widths, strict=True):
        shown = "".join(cell.ljust(known[position]) for position, cell in enumerate(cells[:-1]))
        out.append(shown + cells[-1])
    return "\n".join(out)


def _format(
    lines: list[list[str]], widths: list[list[int]], start: int, end: int, column: int, minimum: int, padding: int
) -> None:
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
        if width == padding and all(not lines[number][column] for number in range(first, line)):
            width = minimum + padding if minimum else padding
        for number in range(first, line):
            widths[number].append(width)
        _format(lines, widths, first, line, column + 1, minimum, padding)
