"""Completion indexes and their text form."""

import pytest

from pybernetes.controllers.job.indexes import format_, missing, parse


@pytest.mark.parametrize(
    ("indexes", "text"),
    [(set(), ""), ({0}, "0"), ({3, 4}, "3,4"), ({1, 3, 4, 5, 7}, "1,3-5,7"), ({0, 1, 2, 3}, "0-3")],
)
def test_text_form(indexes: set[int], text: str) -> None:
    assert format_(indexes) == text
    assert parse(text) == indexes


def test_indexes_beyond_the_completions_are_dropped() -> None:
    assert parse("0-9", 4) == {0, 1, 2, 3}


@pytest.mark.parametrize("text", ["x", "1-", "-2", "a-b"])
def test_malformed_parts_are_dropped(text: str) -> None:
    assert parse(text) <= {1}


def test_missing_indexes_come_in_order() -> None:
    assert missing(6, {0, 2}, 3) == [1, 3, 4]
