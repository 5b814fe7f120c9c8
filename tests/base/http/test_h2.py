"""HTTP/2 on the wire: windows, faults and their codes, floods, times, graceful stop."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hpack import Encoder
from tests.base.http.h2_client import H2Client

from pybernetes.base.http import h2_frames as frames
from pybernetes.base.http.h2 import Http2Connection
from pybernetes.base.http.h2_frames import ErrorCode
from pybernetes.base.http.header_blocks import BlockDecoder, BlockError, BlockTooLarge, encoded_header, encoded_status
from pybernetes.base.http.message import Request, Response, Sink
from pybernetes.base.http.server import HttpServer, Limits

GET = [(":method", "GET"), (":scheme", "https"), (":authority", "x"), (":path", "/")]


class Raw:
    """A connection that sends any frame and sees every frame."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.encoder = Encoder()

    def send(self, kind: int, flags: int = 0, stream_id: int = 0, payload: bytes = b"") -> None:
        self.writer.write(frames.frame(kind, flags, stream_id, payload))

    def request(self, stream_id: int, headers: list[tuple[str, str]] = GET, *, end: bool = True) -> None:
        block = self.encoder.encode(headers, huffman=stream_id % 4 == 1)
        self.send(frames.HEADERS, frames.END_HEADERS | (frames.END_STREAM if end else 0), stream_id, block)

    async def frame(self) -> tuple[int, int, int, bytes]:
        head = await self.reader.readexactly(9)
        length_and_kind, flags, stream_id = frames.HEADER.unpack(head)
        return length_and_kind & 0xFF, flags, stream_id, await self.reader.readexactly(length_and_kind >> 8)

    async def until(self, kind: int, stream_id: int | None = None) -> tuple[int, bytes]:
        while True:
            got, flags, number, payload = await self.frame()
            if got == kind and stream_id in (None, number):
                return flags, payload

    async def goaway(self) -> ErrorCode:
        _, payload = await self.until(frames.GOAWAY)
        return ErrorCode(int.from_bytes(payload[4:8], "big"))

    async def reset(self, stream_id: int) -> ErrorCode:
        _, payload = await self.until(frames.RST_STREAM, stream_id)
        return ErrorCode(int.from_bytes(payload, "big"))


@pytest.fixture
async def dial(certificates: Any) -> AsyncIterator[Any]:
    opened: list[Raw] = []

    async def begin(server: HttpServer, *, hello: bool = True) -> Raw:
        tls: ssl.SSLContext = certificates.client_context(identified=False)
        tls.set_alpn_protocols(["h2"])
        raw = Raw(*await asyncio.open_connection("127.0.0.1", server.port, ssl=tls, server_hostname="localhost"))
        opened.append(raw)
        if hello:
            raw.writer.write(frames.PREFACE + frames.settings({}))
            raw.encoder.header_table_size = 0
            raw.send(frames.SETTINGS, frames.ACK)
        return raw

    yield begin
    for raw in opened:
        raw.writer.close()


@pytest.fixture
def tls(certificates: Any) -> ssl.SSLContext:
    context: ssl.SSLContext = certificates.server_context()
    return context


async def echo(request: Request) -> Response:
    return Response(200, [], await request.body.read(10**8))


def window(size: int) -> bytes:
    return size.to_bytes(4, "big")


FAULTS = {
    "DATA on stream 0": ([(frames.DATA, 0, 0, b"x")], ErrorCode.PROTOCOL_ERROR),
    "DATA on an idle stream": ([(frames.DATA, 0, 1, b"x")], ErrorCode.PROTOCOL_ERROR),
    "HEADERS on stream 0": ([(frames.HEADERS, 4, 0, b"\x82")], ErrorCode.PROTOCOL_ERROR),
    "HEADERS on an even stream": ([(frames.HEADERS, 4, 2, b"\x82")], ErrorCode.PROTOCOL_ERROR),
    "malformed block": ([(frames.HEADERS, 4, 1, b"\xff\xff\xff\xff\xff")], ErrorCode.COMPRESSION_ERROR),
    "padding too long": ([(frames.HEADERS, 0x0C, 1, b"\x09\x82")], ErrorCode.PROTOCOL_ERROR),
    "interrupted block": (
        [(frames.HEADERS, 0, 1, b"\x82"), (frames.PING, 0, 0, bytes(8))],
        ErrorCode.PROTOCOL_ERROR,
    ),
    "CONTINUATION alone": ([(frames.CONTINUATION, 4, 1, b"")], ErrorCode.PROTOCOL_ERROR),
    "SETTINGS of odd size": ([(frames.SETTINGS, 0, 0, b"abc")], ErrorCode.FRAME_SIZE_ERROR),
    "SETTINGS on a stream": ([(frames.SETTINGS, 0, 1, b"")], ErrorCode.PROTOCOL_ERROR),
    "SETTINGS window too large": (
        [(frames.SETTINGS, 0, 0, b"\0\4" + window(2**31))],
        ErrorCode.FLOW_CONTROL_ERROR,
    ),
    "SETTINGS frame size too small": ([(frames.SETTINGS, 0, 0, b"\0\5" + window(1))], ErrorCode.PROTOCOL_ERROR),
    "PING of odd size": ([(frames.PING, 0, 0, b"x")], ErrorCode.FRAME_SIZE_ERROR),
    "PING on a stream": ([(frames.PING, 0, 1, bytes(8))], ErrorCode.PROTOCOL_ERROR),
    "window increment of 0": ([(frames.WINDOW_UPDATE, 0, 0, window(0))], ErrorCode.PROTOCOL_ERROR),
    "window overflow": ([(frames.WINDOW_UPDATE, 0, 0, window(2**31 - 1))], ErrorCode.FLOW_CONTROL_ERROR),
    "window of an idle stream": ([(frames.WINDOW_UPDATE, 0, 1, window(1))], ErrorCode.PROTOCOL_ERROR),
    "RST_STREAM of an idle stream": ([(frames.RST_STREAM, 0, 1, window(0))], ErrorCode.PROTOCOL_ERROR),
    "PUSH_PROMISE": ([(frames.PUSH_PROMISE, 4, 1, window(2))], ErrorCode.PROTOCOL_ERROR),
    "frame too large": ([(frames.DATA, 0, 1, bytes(16385))], ErrorCode.FRAME_SIZE_ERROR),
    "endless CONTINUATION": (
        [(frames.HEADERS, 0, 1, b""), *[(frames.CONTINUATION, 0, 1, b"")] * 100],
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "ping flood": ([(frames.PING, 0, 0, bytes(8))] * 1100, ErrorCode.ENHANCE_YOUR_CALM),
    "flood of empty DATA": (
        [
            (frames.HEADERS, frames.END_HEADERS, 1, b"\x20\x83\x87\x84\x41\x01x"),
            *[(frames.DATA, 0, 1, b"")] * 1100,
        ],
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "flood of priorities that go round": (
        [(frames.PRIORITY, 0, 1 + turn % 4 * 2, window(1 + (turn + 1) % 4 * 2) + b"\x10") for turn in range(2100)],
        ErrorCode.ENHANCE_YOUR_CALM,
    ),
    "settings flood": ([(frames.SETTINGS, 0, 0, b"")] * 300, ErrorCode.ENHANCE_YOUR_CALM),
}


@pytest.mark.parametrize("case", FAULTS)
async def test_a_broken_rule_ends_the_connection_with_its_code(start: Any, dial: Any, tls: Any, case: str) -> None:
    sent, code = FAULTS[case]
    raw = await dial(await start(echo, tls=tls))
    for frame in sent:
        raw.send(*frame)
    assert await raw.goaway() is code
    assert await raw.reader.read() == b""


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"])
async def test_a_wrong_preface_is_a_protocol_error(start: Any, dial: Any, tls: Any, data: bytes) -> None:
    raw = await dial(await start(echo, tls=tls), hello=False)
    raw.writer.write(data)
    assert await raw.goaway() is ErrorCode.PROTOCOL_ERROR


MALFORMED = {
    "no method": [(":scheme", "https"), (":path", "/")],
    "no path": [(":method", "GET"), (":scheme", "https")],
    "empty path": [(":method", "GET"), (":scheme", "https"), (":path", "")],
    "relative path": [(":method", "GET"), (":scheme", "https"), (":path", "a")],
    "no scheme": [(":method", "GET"), (":path", "/")],
    "twice": [*GET, (":path", "/b")],
    "unknown pseudo-header": [*GET, (":protocol", "websocket")],
    "pseudo-header late": [*GET[:3], ("a", "b"), GET[3]],
    "upper case": [*GET, ("Accept", "x")],
    "connection": [*GET, ("connection", "close")],
    "te": [*GET, ("te", "gzip")],
    "line break": [*GET, ("a", "b\r\nc")],
    "length of nothing": [*GET, ("content-length", "5")],
    "bad length": [*GET, ("content-length", "x")],
    "length of 5,000 digits": [*GET, ("content-length", "1" * 5000)],
    "two lengths": [*GET, ("content-length", "0"), ("content-length", "1")],
    "another host than the authority": [*GET, ("host", "y")],
    "two hosts": [*GET[:2], GET[3], ("host", "x"), ("host", "y")],
    "space in a name": [*GET, ("a b", "c")],
    "colon in a name": [*GET, ("a:b", "c")],
    "NUL": [*GET, ("a", "b\0c")],
}


@pytest.mark.parametrize("case", MALFORMED)
async def test_a_malformed_request_is_reset_and_the_connection_lives(
    start: Any, dial: Any, tls: Any, case: str
) -> None:
    raw = await dial(await start(echo, tls=tls))
    raw.request(1, MALFORMED[case])
    assert await raw.reset(1) is ErrorCode.PROTOCOL_ERROR
    raw.request(3)
    await raw.until(frames.HEADERS, 3)


async def test_a_body_must_have_its_announced_length(start: Any, dial: Any, tls: Any) -> None:
    raw = await dial(await start(echo, tls=tls))
    raw.request(1, [(":method", "POST"), *GET[1:], ("content-length", "3")], end=False)
    raw.send(frames.DATA, frames.END_STREAM, 1, b"ab")
    assert await raw.reset(1) is ErrorCode.PROTOCOL_ERROR
    raw.request(3, [(":method", "POST"), *GET[1:], ("content-length", "3")], end=False)
    raw.send(frames.DATA, 0, 3, b"abcd")
    assert await raw.reset(3) is ErrorCode.PROTOCOL_ERROR


async def test_padding_priority_continuation_and_trailers(start: Any, dial: Any, tls: Any) -> None:
    raw = await dial(await start(echo, tls=tls))
    block = raw.encoder.encode([(":method", "POST"), *GET[1:], ("a", "b" * 100)])
    flags = frames.PADDED | frames.PRIORITY_FLAG
    raw.send(frames.HEADERS, flags, 1, b"\x03" + bytes(4) + b"\x10" + block[:5] + bytes(3))
    raw.send(frames.CONTINUATION, 0, 1, block[5:50])
    raw.send(frames.CONTINUATION, frames.END_HEADERS, 1, block[50:])
    raw.send(frames.DATA, frames.PADDED, 1, b"\x05hello" + bytes(5))
    raw.request(1, [("trailer", "x")])
    assert (await raw.until(frames.DATA, 1))[1] == b"hello"


async def test_cookies_are_joined_and_authority_becomes_host(start: Any, dial: Any, tls: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [], repr(request.headers).encode())

    raw = await dial(await start(app, tls=tls))
    raw.request(1, [*GET, ("cookie", "a=1"), ("x", "y"), ("cookie", "b=2")])
    assert (await raw.until(frames.DATA, 1))[1] == b"[('host', 'x'), ('x', 'y'), ('cookie', 'a=1; b=2')]"


async def test_headers_beyond_the_limit_are_a_431(start: Any, dial: Any, tls: Any) -> None:
    raw = await dial(await start(echo, tls=tls))
    raw.request(1)
    await raw.until(frames.HEADERS, 1)
    encoder = raw.encoder
    block = encoder.encode([*GET, *[("a", "x" * 1000)] * 70], huffman=False)
    pieces = [block[i : i + 16000] for i in range(0, len(block), 16000)]
    raw.send(frames.HEADERS, frames.END_STREAM, 3, pieces[0])
    for piece in pieces[1:-1]:
        raw.send(frames.CONTINUATION, 0, 3, piece)
    raw.send(frames.CONTINUATION, frames.END_HEADERS, 3, pieces[-1])
    assert encoded_status(431) in (await raw.until(frames.HEADERS, 3))[1]


async def test_streams_beyond_the_limit_are_refused(start: Any, dial: Any, tls: Any) -> None:
    release = asyncio.Event()

    async def app(request: Request) -> Response:
        await release.wait()
        return Response(200)

    raw = await dial(await start(app, tls=tls, limits=Limits(max_streams=3)))
    for stream_id in (1, 3, 5, 7):
        raw.request(stream_id)
    assert await raw.reset(7) is ErrorCode.REFUSED_STREAM
    release.set()
    await raw.until(frames.HEADERS, 5)


async def test_rapid_resets_end_the_connection(start: Any, dial: Any, tls: Any) -> None:
    running = 0

    async def app(request: Request) -> Response:
        nonlocal running
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1
        return Response()

    raw = await dial(await start(app, tls=tls))
    for stream_id in range(1, 4000, 2):
        raw.request(stream_id)
        raw.send(frames.RST_STREAM, 0, stream_id, window(ErrorCode.CANCEL))
    assert await raw.goaway() is ErrorCode.ENHANCE_YOUR_CALM
    for _ in range(5):
        await asyncio.sleep(0)
    assert running == 0


async def test_resets_that_we_are_made_to_send_end_the_connection(start: Any, dial: Any, tls: Any) -> None:
    """Each request is spoilt by its own peer right after it began (CVE-2025-8671)."""
    begun = 0

    async def app(request: Request) -> Response:
        nonlocal begun
        begun += 1
        await asyncio.Event().wait()
        return Response()

    raw = await dial(await start(app, tls=tls))
    for stream_id in range(1, 8000, 2):
        raw.request(stream_id)
        raw.send(frames.WINDOW_UPDATE, 0, stream_id, window(0))
    assert await raw.goaway() is ErrorCode.ENHANCE_YOUR_CALM
    assert begun < 2000


async def test_trailers_are_no_headers(start: Any, dial: Any, tls: Any) -> None:
    async def app(request: Request) -> Response:
        body = await request.body.read(100)
        return Response(200, [], repr((request.headers, body)).encode())

    raw = await dial(await start(app, tls=tls))
    raw.request(1, [(":method", "POST"), *GET[1:]], end=False)
    raw.send(frames.DATA, 0, 1, b"abc")
    raw.request(1, [("impersonate-user", "root")])
    assert (await raw.until(frames.DATA, 1))[1] == b"([('host', 'x')], b'abc')"


async def test_facts_are_shared_by_requests_with_the_same_headers(start: Any, dial: Any, tls: Any) -> None:
    seen: list[Request] = []

    async def app(request: Request) -> Response:
        seen.append(request)
        return Response(200, [], await request.body.read(100))

    server = await start(app, tls=tls)
    raw = await dial(server)

    def ask(number: int, path: str, *more: tuple[str, str], body: bytes = b"") -> None:
        head = [(":method", "POST" if body else "GET"), *GET[1:3], (":path", path), *more]
        raw.request(number, head + ([("content-length", str(len(body)))] if body else []), end=not body)
        if body:
            raw.send(frames.DATA, frames.END_STREAM, number, body)

    token = ("authorization", "Bearer x")
    for number, (path, more, body) in enumerate(
        [
            ("/a", (token,), b""),
            ("/b", (token,), b""),
            ("/c", (), b""),
            ("/d", (token,), b"x"),
            ("/e", (token,), b"longer"),
            ("/f", (token,), b""),
        ]
    ):
        ask(2 * number + 1, path, *more, body=body)
        await raw.until(frames.HEADERS, 2 * number + 1)
    first, with_body = seen[0].facts, seen[3].facts
    assert [request.facts is first for request in seen] == [True, True, False, False, False, True]
    assert [request.facts is with_body for request in seen] == [False, False, False, True, True, False]
    other = await dial(server)
    other.request(1, [*GET, token])
    await other.until(frames.HEADERS, 1)
    assert seen[-1].facts is not first


async def test_data_waits_for_both_windows(start: Any, dial: Any, tls: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [], b"x" * 200_000)

    raw = await dial(await start(app, tls=tls))
    raw.send(frames.SETTINGS, 0, 0, b"\0\4" + window(100_000))
    raw.request(1)
    received = 0
    while received < 65_535:
        received += len((await raw.until(frames.DATA, 1))[1])
    assert received == 65_535  # the connection's window
    raw.send(frames.WINDOW_UPDATE, 0, 0, window(1_000_000))
    while received < 100_000:
        received += len((await raw.until(frames.DATA, 1))[1])
    assert received == 100_000  # the stream's window
    raw.send(frames.SETTINGS, 0, 0, b"\0\4" + window(150_000))
    while received < 150_000:
        received += len((await raw.until(frames.DATA, 1))[1])
    assert received == 150_000  # widened by a change of the setting
    raw.send(frames.WINDOW_UPDATE, 0, 1, window(1_000_000))
    flags = 0
    while not flags & frames.END_STREAM:
        flags, payload = await raw.until(frames.DATA, 1)
        received += len(payload)
    assert received == 200_000


async def test_one_large_response_does_not_starve_another(start: Any, dial: Any, tls: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(200, [], b"x" * 1_000_000)

    raw = await dial(await start(app, tls=tls))
    raw.send(frames.SETTINGS, 0, 0, b"\0\4" + window(10_000_000))
    raw.request(1)
    raw.request(3)
    received = {1: 0, 3: 0}
    while sum(received.values()) < 1_200_000:
        kind, _, stream_id, payload = await raw.frame()
        if kind == frames.DATA:
            received[stream_id] += len(payload)
            raw.send(frames.WINDOW_UPDATE, 0, 0, window(len(payload)))
    assert min(received.values()) > 200_000


async def test_an_upload_that_nobody_reads_stops_at_the_window(start: Any, dial: Any, tls: Any) -> None:
    read = asyncio.Event()

    async def app(request: Request) -> Response:
        await read.wait()
        return Response(200, [], str(len(await request.body.read(10**8))).encode())

    raw = await dial(await start(app, tls=tls))
    raw.request(1, [(":method", "POST"), *GET[1:]], end=False)
    for _ in range(16):
        raw.send(frames.DATA, 0, 1, bytes(16384))
    raw.send(frames.PING, 0, 0, b"12345678")
    await raw.until(frames.PING)
    read.set()
    assert int.from_bytes((await raw.until(frames.WINDOW_UPDATE, 1))[1], "big") == 256 * 1024
    raw.send(frames.DATA, frames.END_STREAM, 1, b"x")
    assert (await raw.until(frames.DATA, 1))[1] == str(256 * 1024 + 1).encode()


async def test_an_upload_beyond_the_window_is_an_error(start: Any, dial: Any, tls: Any) -> None:
    async def app(request: Request) -> Response:
        await asyncio.Event().wait()
        return Response()

    raw = await dial(await start(app, tls=tls))
    raw.request(1, [(":method", "POST"), *GET[1:]], end=False)
    for _ in range(17):
        raw.send(frames.DATA, 0, 1, bytes(16384))
    assert await raw.reset(1) is ErrorCode.FLOW_CONTROL_ERROR


async def test_continue_is_sent_when_the_body_is_wanted(start: Any, certificates: Any, tls: Any) -> None:
    server = await start(echo, tls=tls)
    client = await H2Client.connect(server.port, certificates.client_context())
    number, stream = client.open([(":method", "POST"), *GET[1:], ("expect", "100-continue")], end=False)
    assert await stream.informational.get() == [(":status", "100")]
    await client.send(number, b"abc")
    assert dict(await stream.head)[":status"] == "200"
    assert await stream.data.get() == b"abc"
    await client.close()


async def test_an_upgrade_needs_http_1(start: Any, dial: Any, tls: Any) -> None:
    async def app(request: Request) -> Response:
        return Response(101, [("upgrade", "x")])

    raw = await dial(await start(app, tls=tls))
    raw.request(1)
    assert await raw.reset(1) is ErrorCode.HTTP_1_1_REQUIRED


async def test_events_for_many_streams_leave_in_one_write(start: Any, dial: Any, tls: Any) -> None:
    sinks: list[Sink] = []

    class Watch:
        def start(self, sink: Sink) -> None:
            sinks.append(sink)

        def stop(self) -> None:
            pass

    async def app(request: Request) -> Response:
        return Response(200, [], Watch())

    server = await start(app, tls=tls)
    raw = await dial(server)
    for stream_id in range(1, 40, 2):
        raw.request(stream_id)
        await raw.until(frames.HEADERS, stream_id)
    (connection,) = server._connections
    writes = []
    write = connection._transport.write

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(connection_transport, name)

        def write(self, data: bytes) -> None:
            writes.append(len(data))
            write(data)

    connection_transport, connection._transport = connection._transport, Counting()
    for sink in sinks:
        sink.write(b"event")
    for stream_id in range(1, 40, 2):
        assert (await raw.until(frames.DATA, stream_id))[1] == b"event"
    assert writes == [20 * (9 + 5)]


async def test_stopping_says_goaway_ends_watches_and_finishes_requests(dial: Any, tls: Any) -> None:
    release = asyncio.Event()

    class Watch:
        def start(self, sink: Sink) -> None:
            sink.write(b"event")

        def stop(self) -> None:
            pass

    async def app(request: Request) -> Response:
        if request.path == "/watch":
            return Response(200, [], Watch())
        await release.wait()
        return Response(200, [], b"done")

    server = HttpServer(app, tls=tls)
    ready = asyncio.Event()
    serving = asyncio.create_task(server.serve(ready))
    await ready.wait()
    raw = await dial(server)
    raw.request(1, [*GET[:3], (":path", "/watch")])
    await raw.until(frames.DATA, 1)
    raw.request(3)
    raw.send(frames.PING, 0, 0, bytes(8))
    await raw.until(frames.PING)
    serving.cancel()
    assert await raw.goaway() is ErrorCode.NO_ERROR
    assert await raw.until(frames.DATA, 1) == (frames.END_STREAM, b"")
    raw.request(5)
    assert await raw.reset(5) is ErrorCode.REFUSED_STREAM
    release.set()
    assert await raw.until(frames.DATA, 3) == (frames.END_STREAM, b"done")
    assert await raw.reader.read() == b""
    with pytest.raises(asyncio.CancelledError):
        await serving


async def test_times_are_checked(start: Any, dial: Any, tls: Any) -> None:
    now = 1000.0

    def clock() -> float:
        return now

    server = await start(echo, tls=tls, clock=clock)
    silent = await dial(server, hello=False)
    idle = await dial(server)
    idle.request(1)
    await idle.until(frames.HEADERS, 1)
    now += 31
    server.sweep()
    assert (await silent.reader.read())[:9] is not None
    now += 60
    server.sweep()
    assert await idle.goaway() is ErrorCode.NO_ERROR


async def test_a_watch_whose_reader_gives_no_window_is_ended(start: Any, dial: Any, tls: Any) -> None:
    now = 1000.0
    stopped = asyncio.Event()

    class Watch:
        def start(self, sink: Sink) -> None:
            sink.write(b"x" * 100_000)

        def stop(self) -> None:
            stopped.set()

    async def app(request: Request) -> Response:
        return Response(200, [], Watch())

    server = await start(app, tls=tls, clock=lambda: now)
    raw = await dial(server)
    raw.request(1)
    received = 0
    while received < 65535:
        received += len((await raw.until(frames.DATA, 1))[1])
    server.sweep()
    now += 61
    server.sweep()
    assert await raw.reset(1) is ErrorCode.CANCEL
    await stopped.wait()


async def test_a_body_that_stalls_is_ended_while_others_arrive(start: Any, dial: Any, tls: Any) -> None:
    now = 1000.0
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def app(request: Request) -> Response:
        async for _ in request.body.chunks():
            arrived.put_nowait(request.path)
        return Response()

    server = await start(app, tls=tls, clock=lambda: now)
    raw = await dial(server)
    for stream_id, path in ((1, "/stalls"), (3, "/moves")):
        raw.request(stream_id, [(":method", "POST"), *GET[1:3], (":path", path)], end=False)
        raw.send(frames.DATA, 0, stream_id, b"first")
        assert await arrived.get() == path
    for _ in range(3):
        server.sweep()
        now += 30
        raw.send(frames.DATA, 0, 3, b"more")
        assert await arrived.get() == "/moves"
    server.sweep()
    assert await raw.reset(1) is ErrorCode.CANCEL
    raw.send(frames.DATA, frames.END_STREAM, 3, b"last")
    await raw.until(frames.HEADERS, 3)


class FullTransport(asyncio.Transport):
    """Its peer reads nothing: all that is written waits."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting = 0
        self.aborted = False

    def get_write_buffer_size(self) -> int:
        return self.waiting

    def write(self, data: Any) -> None:
        self.waiting += len(data)

    def abort(self) -> None:
        self.aborted = True


async def test_a_peer_that_asks_and_reads_nothing_is_cut_off(start: Any) -> None:
    """What is answered meanwhile (here to pings) does not hide that nothing is taken."""
    transport = FullTransport()
    connection = Http2Connection(await start(echo))
    connection.connection_made(transport)
    connection.pause_writing()
    connection.data_received(frames.PREFACE + frames.settings({}))
    for now in (0, 30, 60, 61):
        assert not transport.aborted
        before = transport.waiting
        connection.data_received(frames.frame(frames.PING, 0, 0, bytes(8)))
        assert transport.waiting > before
        connection.check_time(now)
    assert transport.aborted
    connection.connection_lost(None)


# Header blocks.


def decoder() -> BlockDecoder[list[tuple[str, str]]]:
    return BlockDecoder(4096, list)


def stateless() -> BlockDecoder[list[tuple[str, str]]]:
    result = decoder()
    result.table_size_acknowledged()
    assert result.decode(b"\x20\x82") == [(":method", "GET")]
    return result


def test_blocks_decode_the_same_with_and_without_state() -> None:
    headers = [*GET, ("authorization", "Bearer abc"), ("accept", "*/*"), ("x-long", "y" * 300), ("é", "ü")]
    for huffman in (False, True):
        encoder = Encoder()
        assert decoder().decode(encoder.encode(headers, huffman=huffman)) == headers
        encoder = Encoder()
        encoder.header_table_size = 0
        plain = stateless()
        block = encoder.encode(headers, huffman=huffman)
        assert plain.decode(block) == headers
        assert plain.decode(block) == headers


def test_the_dynamic_table_is_followed_until_the_peer_gives_it_up() -> None:
    encoder = Encoder()
    plain = decoder()
    for _ in range(2):
        assert plain.decode(encoder.encode([*GET, ("a", "b")])) == [*GET, ("a", "b")]
    plain.table_size_acknowledged()
    encoder.header_table_size = 0
    for _ in range(2):
        assert plain.decode(encoder.encode([*GET, ("a", "c")])) == [*GET, ("a", "c")]


def test_a_peer_that_does_not_know_the_setting_keeps_its_table() -> None:
    """Go's client up to 1.19 acknowledges every setting and goes on with a table of 4096 bytes."""
    encoder = Encoder()
    followed = decoder()
    for number in range(3):
        headers = [*GET, ("a", "b"), ("n", str(number))]
        block = encoder.encode(headers)
        assert followed.decode(block) == headers
        followed.table_size_acknowledged()
    assert len(block) < 20, "the table was in use"


def test_memos_are_bounded() -> None:
    plain = stateless()
    for number in range(1000):
        encoder = Encoder()
        encoder.header_table_size = 0
        plain.decode(encoder.encode([("a", f"value-{number}")]))
    assert len(plain._blocks) <= 64
    assert len(plain._strings) <= 128


BAD_BLOCKS = {
    "index 0": b"\x80",
    "index beyond the static table": b"\xbe",
    "name without value": b"\x40",
    "truncated string": b"\x00\x05ab",
    "bad Huffman": b"\x00\x81\xff\x00",
    "endless integer": b"\x7f\xff\xff\xff\xff\xff\x0f",
    "size update after a field": b"\x82\x20",
    "size update beyond 0": b"\x3f\xe1\x1f",
}


@pytest.mark.parametrize("case", BAD_BLOCKS)
def test_bad_blocks_are_refused(case: str) -> None:
    with pytest.raises(BlockError):
        stateless().decode(BAD_BLOCKS[case])


def test_large_lists_are_refused_in_both_modes() -> None:
    encoder = Encoder()
    block = encoder.encode([("a", "x" * 5000)], huffman=False)
    with pytest.raises(BlockTooLarge) as caught:
        decoder().decode(block)
    assert caught.value.fatal
    with pytest.raises(BlockTooLarge) as caught:
        stateless().decode(block.replace(b"\x40", b"\x00", 1))
    assert not caught.value.fatal


def test_encoded_responses_decode_again() -> None:
    from hpack import Decoder

    headers = [("content-type", "application/json"), ("x-own", "v" * 200), ("audit-id", "é")]
    block = encoded_status(200) + encoded_status(418) + b"".join(encoded_header(*header) for header in headers)
    assert Decoder().decode(block) == [(":status", "200"), (":status", "418"), *headers]


@pytest.mark.parametrize("header", [("a", "b\nc"), ("a b", "c"), ("A", "b"), ("", "x")])
def test_bad_response_headers_are_refused(header: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="header"):
        encoded_header(*header)
