"""Heads of messages: dates, framing, and what may not be in a header."""

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.base.http import heads


@given(st.integers(0, 4_000_000_000))
def test_dates_are_those_of_the_standard(seconds: int) -> None:
    assert heads.http_date(seconds) == formatdate(seconds, usegmt=True)


def test_a_response_head_has_our_framing_and_the_applications_headers() -> None:
    given_headers = [("content-type", "text/plain"), ("content-length", "9"), ("x", "é")]
    head = heads.response_head(200, given_headers, length=3, chunked=False, connection="close").decode()
    lines = head.split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert lines[1:5] == ["content-type: text/plain", "x: é", "content-length: 3", "connection: close"]
    assert lines[5].startswith("date: ")
    assert lines[6:] == ["", ""]


def test_a_status_without_a_phrase_is_still_a_status() -> None:
    assert heads.response_head(799, [], length=0, chunked=False).startswith(b"HTTP/1.1 799 ")


@pytest.mark.parametrize("header", [("a", "b\r\nc: d"), ("a", "b\n"), ("a\r\nb", "c"), ("a", "\r")])
def test_line_breaks_are_refused_everywhere(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="line break"):
        heads.response_head(200, [header], length=0, chunked=False)
    with pytest.raises(ValueError, match="line break"):
        heads.upgrade_head([header])
    with pytest.raises(ValueError, match="line break"):
        heads.request_head("GET", "/", [header])


@given(st.binary(max_size=40))
def test_foreign_bytes_survive_a_relay(raw: bytes) -> None:
    text = raw.replace(b"\r", b"").replace(b"\n", b"").decode("utf-8", "surrogateescape")
    assert text.encode("utf-8", "surrogateescape") in heads.request_head("GET", "/", [("x", text)])
