"""Heads that repeat are read as the parser reads them, and only they share what was concluded from headers."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pybernetes.base.http.known_head import KnownHeads
from pybernetes.base.http.message import Request, Response

LINES = b"host: x\r\naccept: application/json\r\n"


def get(target: bytes, lines: bytes = LINES, body: bytes = b"") -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + lines + b"\r\n" + body


def post(target: bytes, body: bytes, method: bytes = b"POST", length: bytes = b"") -> bytes:
    line = b"Content-Length: " + (length or b"%d" % len(body)) + b"\r\n"
    return method + b" " + target + b" HTTP/1.1\r\nhost: x\r\n" + line + b"accept: */*\r\n\r\n" + body


def known(message: bytes = get(b"/first"), limit: int = 65536) -> KnownHeads:
    heads = KnownHeads(limit)
    heads.learn(message, Request("GET", "/first", headers=[("host", "x")]))
    return heads


def laden(message: bytes = post(b"/first", b"{}"), limit: int = 65536) -> KnownHeads:
    heads = KnownHeads(limit)
    heads.learn(message, Request("POST", "/first", headers=[("host", "x"), ("content-length", "2"), ("accept", "*/*")]))
    return heads


def test_only_the_target_may_differ() -> None:
    head = known()
    found = head.request(get(b"/api/v1/pods/a-b.c~d_e?limit=5&labelSelector=a%3Db,c:d"))
    assert found is not None
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


def test_a_delete_without_a_body_has_the_head_of_a_get() -> None:
    found = known().request(get(b"/a").replace(b"GET", b"DELETE"))
    assert found is not None
    assert (found.method, found.path, found.headers) == ("DELETE", "/a", [("host", "x")])


async def test_with_a_body_its_length_may_differ_too() -> None:
    head = laden()
    for method in (b"POST", b"PUT", b"PATCH", b"DELETE"):
        found = head.request(post(b"/a/b?dryRun=All", b"longer body", method))
        assert found is not None
        assert (found.method.encode(), found.path, found.query) == (method, "/a/b", "dryRun=All")
        assert found.headers == [("host", "x"), ("content-length", "11"), ("accept", "*/*")]
        assert await found.body.read(100) == b"longer body"
    whole = post(b"/a", b"body")
    for other in (
        whole[:-1],
        whole + b"x",
        whole + get(b"/next"),
        post(b"/a", b""),
        post(b"/a", b"body", b"GET"),
        post(b"/a", b"body", length=b"04"),
        post(b"/a", b"body", length=b"+4"),
        post(b"/a", b"body", length=b"4 "),
        post(b"/a", b"body", length=b"3"),
        post(b"/a", b"body", length=b"5"),
        post(b"/a", b"body", length=b"4, 4"),
        whole.replace(b"Content-Length", b"content-length"),
        whole.replace(b"accept", b"content-length: 4\r\naccept"),
        whole.replace(b"accept", b"transfer-encoding: chunked\r\naccept"),
        whole.replace(b"/a ", b"/a b "),
        get(b"/first"),
    ):
        assert head.request(other) is None, other


def test_nobody_changes_the_headers_of_another_request() -> None:
    for heads, message in ((known(), get(b"/a")), (laden(), post(b"/a", b"body"))):
        first = heads.request(message)
        assert first is not None
        first.headers.append(("x", "y"))
        second = heads.request(message)
        assert second is not None
        assert second.headers == first.headers[:-1]


def test_long_targets_and_odd_requests_are_left_to_the_parser() -> None:
    assert known(limit=100).request(get(b"/" + b"a" * 100)) is None
    assert laden(limit=100).request(post(b"/" + b"a" * 100, b"{}")) is None
    for message in (
        get(b"/" + b"a" * 20_000),
        get(b"/first").replace(b"GET", b"POST"),
        get(b"/first").replace(b"GET", b"HEAD"),
        get(b"/first", LINES + b"content-length: 2\r\n", b"xy"),
    ):
        assert known(message).request(message) is None
    for message in (
        post(b"/a", b"xy").replace(b"accept", b"content-length: 2\r\naccept"),
        post(b"/a", b"xy", length=b"02"),
        post(b"/" + b"a" * 20_000, b"xy"),
    ):
        assert laden(message).request(message) is None


async def test_facts_are_shared_while_the_headers_repeat(start: Any, dial: Any) -> None:
    seen: list[Request] = []

    async def app(request: Request) -> Response:
        seen.append(request)
        return Response(200, [], request.path.encode() + await request.body.read(100))

    server = await start(app)
    raw = await dial(server)
    for message, body in (
        (get(b"/0"), b""),
        (get(b"/1?a=b"), b""),
        (get(b"/2"), b""),
        (post(b"/3", b"xy"), b"xy"),
        (post(b"/4?a=b", b"longer"), b"longer"),
        (get(b"/5"), b""),
        (get(b"/6", LINES + b"authorization: Bearer x\r\n"), b""),
        (get(b"/7"), b""),
        (post(b"/8", b"z", b"PUT"), b"z"),
    ):
        assert (await raw.ask(message))[2] == b"/%d" % (len(seen) - 1) + body
    assert [request.query for request in seen] == ["", "a=b", "", "", "a=b", *[""] * 4]
    first, with_body = seen[0].facts, seen[3].facts
    assert [request.facts is first for request in seen] == [True, True, True, False, False, True, False, False, False]
    assert [request.facts is with_body for request in seen] == [False, False, False, True, True, *[False] * 3, True]
    assert [len(request.headers) for request in seen] == [2, 2, 2, 3, 3, 2, 3, 2, 3]
    assert [request.header("content-length") for request in seen if request.body.data] == ["2", "6", "1"]  # type: ignore[attr-defined]
    other = await dial(server)
    await other.ask(get(b"/0"))
    assert seen[-1].facts is not first


async def test_repeated_heads_may_be_pipelined_and_come_in_pieces(start: Any, dial: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [], request.path.encode() + await request.body.read(100))

    raw = await dial(await start(app))
    await raw.ask(get(b"/first"))
    await raw.ask(post(b"/first", b"x"))
    raw.writer.write(get(b"/a") + get(b"/b") + post(b"/c", b"body") + get(b"/d")[:9])
    assert [(await raw.response())[2] for _ in range(3)] == [b"/a", b"/b", b"/cbody"]
    raw.writer.write(get(b"/d")[9:])
    assert (await raw.response())[2] == b"/d"
    half = post(b"/e", b"in pieces")
    raw.writer.write(half[:-3])
    await raw.writer.drain()
    raw.writer.write(half[-3:])
    assert (await raw.response())[2] == b"/ein pieces"
    assert (await raw.ask(post(b"/f", b"g")))[2] == b"/fg"


@given(st.binary(max_size=40))
def test_any_other_bytes_are_no_repetition_or_a_clean_target(noise: bytes) -> None:
    for heads, message in (
        (known(), b"GET " + noise + b" HTTP/1.1\r\n" + LINES + b"\r\n"),
        (laden(), post(noise, b"body")),
    ):
        found = heads.request(message)
        if found is not None:
            target = f"{found.path}?{found.query}" if b"?" in noise else found.path
            assert target.encode() == noise
            assert found.path.startswith("/")
            assert not set(noise) & set(b" \r\n\x00#")


@given(st.binary(max_size=80))
def test_any_other_head_is_no_repetition(noise: bytes) -> None:
    message = b"POST /a HTTP/1.1\r\nhost: x\r\n" + noise + b"\r\naccept: */*\r\n\r\nbody"
    found = laden().request(message)
    assert found is None or noise.lower() == b"content-length: 4"
