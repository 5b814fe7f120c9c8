"""A body read for its document and its repeated keys at once says what reading it twice says."""

from typing import Any

import pytest

from pybernetes.apiserver.yaml_body import duplicates, load, load_checked

BODIES = [
    b'{"a":{"b":1}}',
    b'{"a": {"b": 1}, "c": ["x:y", null]}',
    b'{"a":1,"a":2}',
    b'{"a": {"b": 1, "b": {"c": ":"}}}',
    rb'{"\u0061":1,"a":2}',
    rb'{"a":"\u003a"}',
    b'{"a":18446744073709551616}',
    b"{a: 1, a: 2}",
    b"{? a, ? a}",
    b"a: 1\nb: {c: 2}\n",
    b"a: 1\na: 2\n",
    b"[1]",
    b"",
    b"{",
    b"a: *b",
    b"\xff",
]


@pytest.mark.parametrize("data", BODIES)
def test_at_once_as_one_after_the_other(data: bytes) -> None:
    def separately() -> tuple[Any, str]:
        return load(data), duplicates(data)

    def said(read: Any) -> object:
        try:
            return read()
        except ValueError as error:
            return str(error)

    assert said(lambda: load_checked(data)) == said(separately)
