"""Heads that repeat are read as the parser reads them, and only they share what was concluded from headers."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.base.http.known_head import known_head
from pybernetes.base.http.message import Request, Response

LINES = b"host: x\r\naccept: application/json\r\n"


def get(target: bytes, lines: bytes = LINES, body: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + lines + b"\r\n" + body


def known(message: bytes = get(b"/first"), limit: int = 65536) -> Any:
    return known_head(message, Request("GET", "/first", headers=[("host", "x")]), limit)


def test_only_the_target_may_differ() -> None:
    head = known()
    found = head.request(get(b"/api/v1/pods/a-b.c~d_e?limit=5&labelSelector=a%3Db,c:d"))
    assert (found.method, found.path, found.query) == (
        "GET",
        "/api/v1/pods/a-b.c~d_e",
        "limit=5&labelSelector=a%3Db,c:d",
    )
    assert found.headers == [("host", "x")]
    for other in (
        get(b"/first", LINES + b"a: b\r\n"),
        get(b"/first", b"a: b\r\n" + LINES),
        get(b"/first", body=b"more"),
        get(b"/first") + get(b"/first"),
        get(b"/first").replace(b"GET", b"PUT"),
        get(b"/first").replace(b"1.1", b"1.0"),
        get(b"/first")[:-1],
        LINES + b"\r\n",
        get(b"http://x/first"),
        get(b"/a b"),
        get(b"/a%20b"),
        get(b"/\xc3\xa9"),
        get(b"/a#b"),
        get(b"/a?b\x00"),
        b"\r\n" + get(b"/first"),
    ):
        assert head.request(other) is None, other


def test_nobody_changes_the_headers_of_another_request() -> None:
    head = known()
    head.request(get(b"/a")).headers.append(("x", "y"))
    assert head.request(get(b"/a")).headers == [("host", "x")]


def test_long_targets_and_odd_requests_are_left_to_the_parser() -> None:
    assert known(limit=100).request(get(b"/" + b"a" * 100)) is None
    assert known(get(b"/" + b"a" * 20_000)) is None
    assert known(get(b"/first").replace(b"GET", b"POST")) is None


async def test_facts_are_shared_while_the_headers_repeat(start: Any, dial: Any) -> None:
    seen: list[Request] = []

    async def app(request: Request) -> Response:
        seen.append(request)
        return Response(200, [], request.path.encode())

    server = await start(app)
    raw = await dial(server)
    for message in (
        get(b"/0"),
        get(b"/1?a=b"),
        get(b"/2"),
        get(b"/3", LINES + b"content-length: 2\r\n", b"xy"),
        get(b"/4", LINES + b"content-length: 2\r\n", b"xy"),
        get(b"/5"),
        get(b"/6", LINES + b"authorization: Bearer x\r\n"),
        get(b"/7"),
    ):
        assert (await raw.ask(message))[2].decode() == f"/{len(seen) - 1}"
    assert [request.query for request in seen] == ["", "a=b", *[""] * 6]
    first = seen[0].facts
    assert [request.facts is first for request in seen] == [True, True, True, False, False, True, False, False]
    assert [len(request.headers) for request in seen] == [2, 2, 2, 3, 3, 2, 3, 2]
    other = await dial(server)
    await other.ask(get(b"/0"))
    assert seen[-1].facts is not first


async def test_repeated_heads_may_be_pipelined_and_come_in_pieces(start: Any, dial: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [], request.path.encode())

    raw = await dial(await start(app))
    await raw.ask(get(b"/first"))
    raw.writer.write(get(b"/a") + get(b"/b") + get(b"/c")[:9])
    assert [(await raw.response())[2] for _ in range(2)] == [b"/a", b"/b"]
    raw.writer.write(get(b"/c")[9:])
    assert (await raw.response())[2] == b"/c"
    assert (await raw.ask(get(b"/d")))[2] == b"/d"


@given(st.binary(max_size=40))
def test_any_other_bytes_are_no_repetition_or_a_clean_target(noise: bytes) -> None:
    found = known().request(b"GET " + noise + b" HTTP/1.1\r\n" + LINES + b"\r\n")
    if found is not None:
        target = f"{found.path}?{found.query}" if b"?" in noise else found.path
        assert target.encode() == noise
        assert found.path.startswith("/")
        assert not set(noise) & set(b" \r\n\x00#")
