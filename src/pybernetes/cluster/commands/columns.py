"""Rows under headers, set as kubectl sets them: three spaces between the columns."""

from collections.abc import Iterator, Sequence


def lines(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; every row has as many cells as there are headers."""
    table = [headers, *rows]
    widths = [max(len(row[column]) for row in table) + 3 for column in range(len(headers))]
    for row in table:
        yield "".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
