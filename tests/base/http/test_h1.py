"""HTTP/1.1 on the wire: what is refused, how connections live and end, limits and times."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from pybernetes.base.http.message import ByteStream, Request, Response, Sink
from pybernetes.base.http.server import HttpServer, Limits


async def echo(request: Request) -> Response:
    line = f"{request.method} {request.path}?{request.query}|"
    return Response(200, [], line.encode() + await request.body.read(10**8))


BRIEF = Limits(linger_seconds=0.001)

REFUSED = {
    "no HTTP": (b"nonsense\r\n\r\n", 400),
    "TLS on a plain port": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "no Host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "long target": (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", 414),
    "long header": (b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"b" * 70_000 + b"\r\n\r\n", 431),
    "many headers": (b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 40_000 + b"\r\n", 431),
    "endless header": (b"GET / HTTP/1.1\r\nhost: x\r\na: " + b"b" * 300_000, 431),
    "both lengths": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\nabc", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabc", 400),
    "bad length": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n", 400),
    "bad chunk": (b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
    "folded header": (b"GET / HTTP/1.1\r\nhost: x\r\na: b\r\n c\r\n\r\n", 400),
    "space before colon": (b"GET / HTTP/1.1\r\nhost : x\r\n\r\n", 400),
    "unknown expectation": (b"POST / HTTP/1.1\r\nhost: x\r\nexpect: magic\r\ncontent-length: 1\r\n\r\n", 417),
    "upgrade with a body": (
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\ncontent-length: 1\r\n\r\na",
        400,
    ),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_makes_no_sense_is_refused_and_the_connection_closed(start: Any, dial: Any, case: str) -> None:
    data, status = REFUSED[case]
    # What still comes after the close would take the answer away.
    raw = await dial(await start(echo, limits=BRIEF if len(data) < 100_000 else Limits()))
    got, headers, _ = await raw.ask(data)
    assert got == status
    assert headers["connection"] == "close"
    assert await raw.closed()


async def test_pipelined_requests_are_answered_in_order(start: Any, dial: Any) -> None:
    gates = {"/1": asyncio.Event(), "/2": asyncio.Event()}

    async def app(request: Request) -> Response:
        gates["/2"].set()
        if request.path == "/1":
            await asyncio.sleep(0)
        return Response(200, [], request.path.encode())

    raw = await dial(await start(app))
    raw.writer.write(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(1, 20)))
    assert [(await raw.response())[2] for _ in range(1, 20)] == [b"/%d" % n for n in range(1, 20)]


async def test_a_malformed_request_behind_good_ones_is_refused_after_them(start: Any, dial: Any) -> None:
    raw = await dial(await start(echo, limits=BRIEF))
    raw.writer.write(b"GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\nhost: x\r\n\r\nnonsense\r\n\r\n")
    assert [(await raw.response())[0] for _ in range(3)] == [200, 200, 400]
    assert await raw.closed()


async def test_too_many_pipelined_requests_are_refused(start: Any, dial: Any) -> None:
    raw = await dial(await start(echo, limits=BRIEF))
    raw.writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 1000)
    statuses = []
    while 400 not in statuses:
        statuses.append((await raw.response())[0])
    assert await raw.closed()


@pytest.mark.parametrize("pieces", [1, 3, 1000])
async def test_a_request_may_arrive_in_any_pieces(start: Any, dial: Any, pieces: int) -> None:
    raw = await dial(await start(echo))
    data = b"POST /a?b HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    step = max(1, len(data) // pieces)
    for start_at in range(0, len(data), step):
        raw.writer.write(data[start_at : start_at + step])
        await asyncio.sleep(0)
    assert (await raw.response())[2] == b"POST /a?b|abcdefg"


async def test_continue_is_sent_when_the_body_is_wanted(start: Any, dial: Any) -> None:
    raw = await dial(await start(echo))
    assert (await raw.ask(b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"))[0] == 100
    assert (await raw.ask(b"abc"))[2] == b"POST /?|abc"
    assert (await raw.ask(b"GET /again HTTP/1.1\r\nhost: x\r\n\r\n"))[0] == 200


async def test_continue_is_not_sent_when_the_body_is_not_wanted(start: Any, dial: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(403, [], b"no")

    raw = await dial(await start(app, limits=BRIEF))
    head = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n"
    status, headers, _ = await raw.ask(head)
    assert (status, headers["connection"]) == (403, "close")
    assert await raw.closed()


TARGETS = {
    b"/a/b?c=d": b"GET /a/b?c=d|",
    b"http://other:80/a?b": b"GET /a?b|",
    b"http://other": b"GET /?|",
    b"*": b"GET *?|",
    b"//x": b"GET //x?|",
}


@pytest.mark.parametrize("target", TARGETS)
async def test_request_targets(start: Any, dial: Any, target: bytes) -> None:
    raw = await dial(await start(echo))
    assert (await raw.ask(b"GET " + target + b" HTTP/1.1\r\nhost: x\r\n\r\n"))[2] == TARGETS[target]


async def test_http_1_0_gets_no_chunks_and_keeps_alive_only_on_request(start: Any, dial: Any) -> None:
    async def app(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"one"
            yield b"two"

        return Response(200, [], pieces() if request.path == "/stream" else b"whole")

    server = await start(app)
    raw = await dial(server)
    _, headers, _ = await raw.ask(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert headers["connection"] == "keep-alive"
    _, headers, body = await raw.ask(b"GET /stream HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert (headers.get("transfer-encoding"), headers["connection"], body) == (None, "close", b"onetwo")


async def test_connection_close_is_honoured(start: Any, dial: Any) -> None:
    raw = await dial(await start(echo))
    _, headers, _ = await raw.ask(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert headers["connection"] == "close"
    assert await raw.closed()


async def test_framing_headers_of_the_application_are_ours(start: Any, dial: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [("transfer-encoding", "chunked"), ("content-length", "99"), ("connection", "x")], b"abc")

    raw = await dial(await start(app))
    _, headers, body = await raw.ask(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (headers["content-length"], body) == ("3", b"abc")
    assert "transfer-encoding" not in headers
    assert "connection" not in headers


async def test_an_iterator_with_a_known_length_is_not_chunked(start: Any, dial: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [("content-length", "6")], request.body.chunks())

    raw = await dial(await start(app))
    _, headers, body = await raw.ask(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabcdef")
    assert (headers.get("transfer-encoding"), body) == (None, b"abcdef")


async def test_an_upgrade_hands_over_the_connection_with_early_bytes(start: Any, dial: Any) -> None:
    async def shout(stream: ByteStream) -> None:
        while data := await stream.read():
            await stream.write(data.upper())

    async def app(request: Request) -> Response:
        return Response(101, [("connection", "Upgrade"), ("upgrade", "shout")], upgrade=shout)

    raw = await dial(await start(app))
    head = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\n"
    status, headers, _ = await raw.ask(head + b"early")
    assert (status, headers["upgrade"]) == (101, "shout")
    assert await raw.reader.readexactly(5) == b"EARLY"
    raw.writer.write(b"later")
    assert await raw.reader.readexactly(5) == b"LATER"
    raw.writer.write_eof()
    assert await raw.closed()


async def test_an_upgrade_that_is_declined_closes_the_connection(start: Any, dial: Any) -> None:
    raw = await dial(await start(echo))
    head = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"
    status, headers, _ = await raw.ask(head + b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n")
    assert (status, headers["connection"]) == (200, "close")
    assert await raw.closed()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


TIMES = {
    "slow head": (b"GET / HTTP/1.1\r\nho", 31),
    "silent connection": (b"", 91),
    "stalled body": (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc", 61),
}


@pytest.mark.parametrize("case", TIMES)
async def test_who_takes_too_long_is_cut_off(start: Any, dial: Any, case: str) -> None:
    data, seconds = TIMES[case]
    arrived = asyncio.Event()

    async def app(request: Request) -> Response:
        arrived.set()
        return await echo(request)

    clock = Clock()
    server = await start(app, clock=clock)
    raw = await dial(server)
    raw.writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await raw.response()
    arrived.clear()
    raw.writer.write(data)
    if case == "stalled body":
        await arrived.wait()
    if case == "slow head":
        (connection,) = server._connections
        while not connection._reader.in_head:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    clock.now += seconds - 2
    server.sweep()
    await asyncio.sleep(0.001)
    assert not raw.reader.at_eof()
    clock.now += 2
    server.sweep()
    assert await raw.closed()


async def test_stopping_finishes_running_requests_and_ends_pushed_bodies(dial: Any) -> None:
    release = asyncio.Event()
    started = asyncio.Event()
    stopped = asyncio.Event()

    class Watch:
        def start(self, sink: Sink) -> None:
            sink.write(b"event")

        def stop(self) -> None:
            stopped.set()

    async def app(request: Request) -> Response:
        if request.path == "/watch":
            return Response(200, [], Watch())
        started.set()
        await release.wait()
        return Response(200, [], b"done")

    server = HttpServer(app)
    ready = asyncio.Event()
    serving = asyncio.create_task(server.serve(ready))
    await ready.wait()
    idle, watching, running = [await dial(server) for _ in range(3)]
    watching.writer.write(b"GET /watch HTTP/1.1\r\nhost: x\r\n\r\n")
    await watching.reader.readuntil(b"event")
    running.writer.write(b"GET /run HTTP/1.1\r\nhost: x\r\n\r\n")
    await started.wait()
    serving.cancel()
    await stopped.wait()
    assert await idle.closed()
    assert await watching.reader.read() == b"\r\n0\r\n\r\n"
    with pytest.raises(ConnectionError):
        await dial(server)
    release.set()
    status, headers, body = await running.response()
    assert (status, headers["connection"], body) == (200, "close", b"done")
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_stopping_cuts_what_does_not_end_in_time(dial: Any) -> None:
    cancelled = asyncio.Event()
    started = asyncio.Event()

    async def app(request: Request) -> Response:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return Response()

    server = HttpServer(app, limits=Limits(grace_seconds=0.01))
    ready = asyncio.Event()
    serving = asyncio.create_task(server.serve(ready))
    await ready.wait()
    raw = await dial(server)
    raw.writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await started.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert cancelled.is_set()
    assert await raw.closed()


async def test_a_port_in_use_is_said_in_one_line(start: Any) -> None:
    server = await start(echo)
    other = HttpServer(echo, port=server.port)
    with pytest.raises(OSError, match=rf"listen tcp 127.0.0.1:{server.port}: bind: address already in use"):
        await other.serve(asyncio.Event())


async def test_an_ipv6_address_can_be_served(start: Any) -> None:
    if not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("no IPv6 here")
    server = await start(echo, host="::1")
    reader, writer = await asyncio.open_connection("::1", server.port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    assert (await reader.read()).endswith(b"GET /?|")
    writer.close()
