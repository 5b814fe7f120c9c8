"""The DNS codec: what is written can be read, and nothing that is received can break it."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybernetes.dns import message
from pybernetes.dns.message import Answer, MalformedMessage, Query

LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=6).map(lambda labels: ".".join(labels) + ".")


def query(name: str = "web.default.svc.cluster.local.", kind: int = message.A) -> Query:
    return message.decode_query(message.encode_query(7, name, kind))


@given(NAME, st.sampled_from([message.A, message.AAAA, message.SRV, message.PTR]), st.integers(0, 65535))
def test_a_query_is_read_as_it_was_written(name: str, kind: int, identifier: int) -> None:
    found = message.decode_query(message.encode_query(identifier, name, kind))
    assert (found.identifier, found.name, found.type, found.edns) == (identifier, name, kind, True)
    assert found.udp_size == 1232


@given(st.binary(max_size=200))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    try:
        message.decode_query(data)
    except MalformedMessage:
        pass
    message.answers_of(data)
    message.min_ttl(data)


@given(st.integers(0, 60), st.integers(0, 255))
def test_no_changed_byte_breaks_the_reader(position: int, value: int) -> None:
    data = bytearray(message.encode_query(1, "web.default.svc.cluster.local.", message.A))
    data[position % len(data)] = value
    try:
        message.decode_query(bytes(data))
    except MalformedMessage:
        pass


@given(st.lists(NAME, min_size=1, max_size=30))
def test_an_answer_is_read_as_it_was_written(names: list[str]) -> None:
    asked = query(names[0])
    records = [message.address(name, f"10.0.0.{number}", 5) for number, name in enumerate(names)]
    assert message.answers_of(message.encode_answer(asked, Answer(records=records))) == records


@pytest.mark.parametrize(
    ("data", "why", "identifier"),
    [
        (b"", "shorter than a header", None),
        (b"\0" * 11, "shorter than a header", None),
        (struct.pack("!6H", 9, 0x8000, 1, 0, 0, 0), "a response", None),
        (struct.pack("!6H", 9, 0x2000, 1, 0, 0, 0), "not a single standard query", 9),
        (struct.pack("!6H", 9, 0, 2, 0, 0, 0), "not a single standard query", 9),
        (struct.pack("!6H", 9, 0, 0, 0, 0, 0), "not a single standard query", 9),
        (struct.pack("!6H", 9, 0, 1, 0, 0, 0) + b"\3web\0", "question is cut short", 9),
        (struct.pack("!6H", 9, 0, 1, 0, 0, 0) + b"\3web", "name runs out of the message", None),
        (struct.pack("!6H", 9, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", "name runs out of the message", None),
        (struct.pack("!6H", 9, 0, 1, 0, 0, 0) + b"\x80web", "reserved label type", None),
    ],
    ids=["empty", "short", "response", "opcode", "two", "none", "cut", "name cut", "loop", "reserved"],
)
def test_what_is_no_query_is_told(data: bytes, why: str, identifier: int | None) -> None:
    with pytest.raises(MalformedMessage, match=why) as caught:
        message.decode_query(data)
    assert caught.value.identifier == identifier


def test_case_is_folded_for_the_look_up_and_echoed_as_sent() -> None:
    data = message.encode_query(1, "WeB.Default.svc.cluster.local.", message.A)
    asked = message.decode_query(data)
    assert asked.name == "web.default.svc.cluster.local."
    assert b"\x03WeB" in message.encode_answer(asked, Answer())


def test_without_edns_512_bytes_are_the_limit_and_the_rest_is_cut_with_a_mark() -> None:
    plain = Query(1, "web.", message.A, message.encode_name("web.") + struct.pack("!2H", message.A, 1))
    answer = Answer(records=[message.address("web.", f"10.0.{n // 250}.{n % 250}", 5) for n in range(200)])
    over_udp = message.encode_answer(plain, answer, udp=True)
    assert len(over_udp) <= 512
    assert over_udp[2] & 0x02
    assert 0 < len(message.answers_of(over_udp)) < 200
    over_tcp = message.encode_answer(plain, answer)
    assert not over_tcp[2] & 0x02
    assert len(message.answers_of(over_tcp)) == 200


def test_with_edns_more_fits_and_the_option_is_answered() -> None:
    answer = Answer(records=[message.address("web.", f"10.0.0.{n}", 5) for n in range(60)])
    data = message.encode_answer(query("web."), answer, udp=True)
    assert 512 < len(data) <= 1232
    assert data.endswith(b"\0" + struct.pack("!2HIH", message.OPT, 1232, 0, 0))
    assert not data[2] & 0x02


def test_additional_records_that_do_not_fit_are_left_out_without_a_mark() -> None:
    extra = [message.address(f"pod-{n}.web.", f"10.0.0.{n}", 5) for n in range(100)]
    data = message.encode_answer(query("web."), Answer(records=extra[:1], additional=extra), udp=True)
    assert len(data) <= 1232
    assert not data[2] & 0x02


def test_labels_are_limited() -> None:
    with pytest.raises(ValueError, match="too long"):
        message.encode_name("a" * 64 + ".example.")


def test_the_smallest_ttl_of_a_reply_counts() -> None:
    records = [message.address("web.", "10.0.0.1", 30), message.address("web.", "10.0.0.2", 4)]
    assert message.min_ttl(message.encode_answer(query("web."), Answer(records=records))) == 4
    assert message.min_ttl(b"\0" * 5) == 0
