"""Aligned columns: the quick way and the way for odd cells agree, and widths are remembered as a watch needs it."""

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.kubectl.output.table import Columns
from pybernetes.kubectl.output.tabwriter import aligned

CELL = st.text(st.characters(categories=("L", "N", "P", "Zs"), exclude_characters="\t\n\v\f\r"), max_size=8)


def table_of(width: int) -> st.SearchStrategy[list[list[str]]]:
    return st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=6)


@given(st.integers(1, 4).flatmap(table_of))
def test_plain_rows_are_aligned_as_any_text_is(rows: list[list[str]]) -> None:
    out: list[str] = []
    columns = Columns(out.append)
    for row in rows:
        columns.add(row)
    columns.flush()
    text = "\n".join("\t".join(row) for row in rows)
    assert "".join(out) == aligned(text, minimum=6, padding=3) + "\n"


@given(st.integers(1, 3).flatmap(lambda width: st.tuples(table_of(width), table_of(width))))
def test_later_rows_are_as_wide_as_those_before(parts: tuple[list[list[str]], list[list[str]]]) -> None:
    """Whether the quick way saw the earlier rows or the other one did."""
    remembered: list[int] = []
    expected = [
        aligned("\n".join("\t".join(row) for row in rows), minimum=6, padding=3, remembered=remembered) + "\n"
        for rows in parts
    ]
    out: list[str] = []
    columns = Columns(out.append)
    for rows in parts:
        for row in rows:
            columns.add(row)
        columns.flush()
    assert "".join(out) == "".join(expected)


def test_a_line_without_cells_ends_the_columns() -> None:
    assert aligned("a\tb\nlonger\tc\nx\nd\te") == "a       b\nlonger  c\nx\nd  e"


def test_a_form_feed_ends_all_columns() -> None:
    assert aligned("a\tb\flonger\tc") == "a  b\nlonger  c"


def test_tabs_and_line_ends_within_cells() -> None:
    out: list[str] = []
    columns = Columns(out.append)
    columns.add(["NAME", "TEXT", "END"])
    columns.add(["one", "a\tb", "c"])
    columns.add(["two", "x\ny", "z"])
    columns.flush()
    lines = ["NAME   TEXT   END", "one    a      b     c", "two    x", "y      z"]
    assert "".join(out) == "\n".join(lines) + "\n"
