"""JSON whose text is not quite right is read as Go reads it."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pybernetes.api.schema.loading import load, read
from pybernetes.api.schema.replaced import replaced

ODD = "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    ("data", "document"),
    [
        (b'{"a":"\xff"}', {"a": ODD}),
        (b'{"a":"x\xc3"}', {"a": f"x{ODD}"}),
        (rb'{"a":"\ud800"}', {"a": ODD}),
        (rb'{"a":"\udc00 x"}', {"a": f"{ODD} x"}),
        (rb'{"a":"\ud83d\ude00"}', {"a": "\N{GRINNING FACE}"}),
        (rb'{"a":"\ud83d\ud83d\ude00"}', {"a": f"{ODD}\N{GRINNING FACE}"}),
        (rb'{"a":"\\ud800"}', {"a": r"\ud800"}),
        (rb'{"a":"\\\ud800"}', {"a": f"\\{ODD}"}),
        (b'{"\xff":1}', {ODD: 1}),
    ],
)
def test_what_is_no_text_is_replaced(data: bytes, document: object) -> None:
    assert read(data) == document
    assert load(data)[0] == document


def test_keys_given_twice_are_told_in_spite_of_it() -> None:
    assert load(b'{"a":"\xff","a":1}')[1] == ['duplicate field "a"']


@pytest.mark.parametrize("data", [b"\xff", b'{"\xff', rb'{"a":"\uzz"}', rb'{"a":"\ud800', b'"\xff" x'])
def test_what_is_no_json_stays_an_error(data: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read(data)


@settings(max_examples=40, deadline=None)
@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)), st.booleans())
def test_what_is_right_is_left_alone(value: object, escaped: bool) -> None:
    data = json.dumps(value, ensure_ascii=escaped).encode()
    assert replaced(data) == data


@settings(max_examples=40, deadline=None)
@given(st.text(st.characters(exclude_categories=())).map(lambda text: json.dumps({"a": text}).encode()))
def test_every_string_can_be_written_again(data: bytes) -> None:
    msgspec.json.encode(load(data)[0])
