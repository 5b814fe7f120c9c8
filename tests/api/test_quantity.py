"""Quantities against values observed upstream, and as numbers against fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api import quantity
from pybernetes.api.quantity import Format, Quantity, QuantityError, parse

CANONICAL = {
    "0": "0",
    "0.0": "0",
    "1000m": "1",
    "100m": "100m",
    "0.5": "500m",
    "1.5Gi": "1536Mi",
    "0.1Ki": "102400m",
    "1Ki": "1Ki",
    "2048Ki": "2Mi",
    "1024": "1024",
    "1e3": "1e3",
    "12E3": "12e3",
    "1E": "1E",
    "1000E": "1e21",
    "-1500m": "-1500m",
    "+1": "1",
    ".5": "500m",
    "1.": "1",
    "1.23456789012n": "2n",
    "100Ei": "9223372036854775807",
    "100Mi": "100Mi",
    "0.5Ki": "512",
}


@pytest.mark.parametrize(("text", "written"), CANONICAL.items())
def test_an_amount_has_one_way_to_be_written(text: str, written: str) -> None:
    assert quantity.canonical(text) == written


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", quantity.FORMAT_WRONG),
        ("x", quantity.FORMAT_WRONG),
        ("1x", quantity.FORMAT_WRONG),
        ("1 Gi", quantity.FORMAT_WRONG),
        ("1.1.1", quantity.FORMAT_WRONG),
        ("Ki", quantity.NUMERIC_WRONG),
        (".", quantity.NUMERIC_WRONG),
        ("1e", quantity.SUFFIX_WRONG),
        ("1KiKi", quantity.SUFFIX_WRONG),
        ("1Mki", quantity.SUFFIX_WRONG),
    ],
)
def test_broken_texts_are_refused_with_upstreams_words(text: str, message: str) -> None:
    with pytest.raises(QuantityError) as caught:
        parse(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "milli", "value"),
    [("250m", 250, 1), ("2", 2000, 2), ("1Ki", 1024000, 1024), ("100n", 1, 1), ("-1m", -1, -1)],
)
def test_whole_numbers_round_away_from_zero(text: str, milli: int, value: int) -> None:
    assert (quantity.milli(text), quantity.value(text)) == (milli, value)


def test_a_sum_keeps_the_format_of_its_first_non_zero_part() -> None:
    assert str(parse("0") + parse("1Gi")) == "1Gi"
    assert str(parse("1Gi") + parse("512Mi")) == "1536Mi"
    assert sum([parse("100m"), parse("150m")], Quantity.of(0)) == parse("250m")


amounts = st.builds(Quantity, st.integers(-(10**24), 10**24), st.sampled_from(Format))


@given(amounts)
def test_what_is_written_reads_as_the_same_amount(amount: Quantity) -> None:
    bounded = amount.format is not Format.BINARY_SI or abs(amount.nanos) < 2**63
    if bounded:
        assert parse(str(amount)) == amount
        assert quantity.canonical(str(amount)) == str(parse(str(amount)))


@given(amounts, amounts)
def test_arithmetic_is_exact(left: Quantity, right: Quantity) -> None:
    def exact(amount: Quantity) -> Fraction:
        return Fraction(amount.nanos, 10**9)

    assert exact(left + right) == exact(left) + exact(right)
    assert exact(left - right) == exact(left) - exact(right)
    assert (left < right) == (exact(left) < exact(right))
    assert 0 <= left.milli() * (1 if left.nanos >= 0 else -1) - abs(exact(left)) * 1000 < 1
