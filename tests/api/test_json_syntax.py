"""Texts that are no JSON, and what Go's encoding/json says of them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.api.schema.syntax import syntax_error

END = "unexpected end of JSON input"
CASES = {
    b"": END,
    b"{": END,
    b'{"a"': END,
    b'{"a":': END,
    b'{"a":1': END,
    b'{"a":1,': END,
    b"[1": END,
    b'"abc': END,
    b"tru": END,
    b"-": END,
    b"1.": END,
    b"1e": END,
    b"}": "invalid character '}' looking for beginning of value",
    b"hello": "invalid character 'h' looking for beginning of value",
    b"{a}": "invalid character 'a' looking for beginning of object key string",
    b'{"a":1,}': "invalid character '}' looking for beginning of object key string",
    b'{"a" 1}': "invalid character '1' after object key",
    b'{"a":1 "b"}': "invalid character '\"' after object key:value pair",
    b"[1 2]": "invalid character '2' after array element",
    b"[1,]": "invalid character ']' looking for beginning of value",
    b"{} x": "invalid character 'x' after top-level value",
    b"trux": "invalid character 'x' in literal true (expecting 'e')",
    b"nul!": "invalid character '!' in literal null (expecting 'l')",
    b'"a\nb"': "invalid character '\\n' in string literal",
    b'"\\x"': "invalid character 'x' in string escape code",
    b'"\\u12g4"': "invalid character 'g' in \\u hexadecimal character escape",
    b"-a": "invalid character 'a' in numeric literal",
    b"1.a": "invalid character 'a' after decimal point in numeric literal",
    b"1ea": "invalid character 'a' in exponent of numeric literal",
    b"01": "invalid character '1' after top-level value",
    b"'": "invalid character '\\'' looking for beginning of value",
    b"\x00": "invalid character '\\x00' looking for beginning of value",
    b"\xe9": "invalid character '\u00e9' looking for beginning of value",
    b"[" * 10_001: "exceeded max depth",
}


@pytest.mark.parametrize("text", CASES, ids=lambda text: repr(text[:20]))
def test_what_is_wrong(text: bytes) -> None:
    assert syntax_error(text) == CASES[text]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values, st.sampled_from([None, 2]))
def test_json_has_no_fault(value: object, indent: int | None) -> None:
    assert syntax_error(json.dumps(value, indent=indent).encode()) == ""


@given(st.binary(max_size=40) | values.map(lambda value: json.dumps(value).encode()), st.data())
def test_a_text_has_a_fault_if_and_only_if_it_cannot_be_read(text: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    changed = text[:at] + data.draw(st.sampled_from([b"", b"}", b",", b'"', b"1", b"x"])) + text[at + 1 :]
    try:
        json.loads(changed.decode("latin-1"), parse_constant=lambda name: int(name))
        is_json = True
    except ValueError:
        is_json = False
    assert (syntax_error(changed) == "") is is_json
