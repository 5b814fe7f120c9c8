"""Whatever bytes arrive, in whatever pieces: no crash, no hang, no growth, and good requests are answered."""

import asyncio
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pybernetes.base.http import h2_frames as frames
from pybernetes.base.http.h1 import Http1Connection
from pybernetes.base.http.h2 import Http2Connection
from pybernetes.base.http.header_blocks import BlockDecoder, BlockError, BlockTooLarge
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.http.workers import Workers


class MemoryTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol
        self.written = bytearray()
        self.closing = False

    def write(self, data: Any) -> None:
        if not self.closing:
            self.written += data

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self.protocol.connection_lost(None)

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol


async def app(request: Request) -> Response:
    body = await request.body.read(1_000_000)
    return Response(200, [("x-path", "p")], body or b"fine")


async def feed(kind: type[Http1Connection] | type[Http2Connection], data: bytes, step: int) -> bytes:
    """What a connection answers to bytes that arrive in steps; checks that nothing is left behind."""
    server = HttpServer(app)
    server.workers = Workers("fuzz")
    connection = kind(server)
    transport = MemoryTransport(connection)
    connection.connection_made(transport)
    for start in range(0, len(data), step):
        if not transport.closing:
            transport.protocol.data_received(data[start : start + step])
    for _ in range(3):
        await asyncio.sleep(0)
    transport.close()
    await server.workers.close()
    assert not server._connections
    if server._sweeper is not None:
        server._sweeper.cancel()
    return bytes(transport.written)


def run(kind: type[Http1Connection] | type[Http2Connection], data: bytes, step: int) -> bytes:
    return asyncio.run(feed(kind, data, step))


GOOD = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET http://x/a?b HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nhost: x\r\nempty:\r\n\r\n",
        b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello",
        b"POST /a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\nhello",
        b"PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"PUT / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nt: x\r\n\r\n",
    ]
)
LINES = st.sampled_from(
    [
        b"GET / HTTP/1.1\r\n",
        b"host: x\r\n",
        b"content-length: 5\r\n",
        b"content-length: 99999999999999999999\r\n",
        b"transfer-encoding: chunked\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"\r\n",
        b"hello",
        b"5\r\nhello\r\n",
        b"\x00\xff",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
)
BYTES = st.lists(GOOD | GOOD | LINES | st.binary(max_size=20), max_size=12)
MANY = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(BYTES, st.integers(1, 200))
def test_http_1_survives_anything(pieces: list[bytes], step: int) -> None:
    written = run(Http1Connection, b"".join(pieces), step)
    assert written == b"" or written.startswith(b"HTTP/1.1 ")
    assert b" 500 " not in written


@MANY
@given(BYTES, st.integers(1, 200))
def test_http_1_answers_do_not_depend_on_the_pieces(pieces: list[bytes], step: int) -> None:
    data = b"".join(pieces)

    def statuses(written: bytes) -> list[bytes]:
        lines = written.split(b"HTTP/1.1 ")[1:]
        return [line[:3] for line in lines if line[:3] != b"100"]

    assert statuses(run(Http1Connection, data, step)) == statuses(run(Http1Connection, data, len(data) or 1))


@MANY
@given(st.binary(max_size=200), st.integers(1, 50))
def test_http_1_survives_random_bytes(data: bytes, step: int) -> None:
    run(Http1Connection, data, step)


FRAMES = st.builds(
    frames.frame,
    st.integers(0, 11),
    st.integers(0, 255),
    st.sampled_from([0, 1, 2, 3, 5, 2**31 - 1]),
    st.sampled_from(
        [
            b"",
            b"\x82\x87\x84\x41\x01x",  # GET https / x
            b"\x83\x87\x84\x41\x01x",  # POST https / x
            b"\x20\x82\x87\x84\x41\x01x",
            b"\x00\x00\x00\x01",
            b"\x7f\xff\xff\xff",
            bytes(8),
            b"\x00\x04\x00\x00\x00\x00",
            b"\x00\x01\x00\x00\x10\x00",
        ]
    )
    | st.binary(max_size=30),
)


GET, POST = b"\x82\x87\x84", b"\x83\x87\x84"


@st.composite
def conversations(draw: st.DrawFn) -> bytes:
    """Proper requests on growing streams, with an arbitrary frame here and there."""
    sent = [frames.PREFACE, frames.settings({}), frames.frame(frames.SETTINGS, frames.ACK, 0)]
    for stream_id in range(1, 2 * draw(st.integers(0, 8)), 2):
        if stream_id == 1:
            sent.append(frames.headers(1, b"\x20" + GET, end_stream=True))
        elif draw(st.booleans()):
            sent.append(frames.headers(stream_id, POST, end_stream=False))
            sent.append(frames.frame(frames.DATA, draw(st.sampled_from([0, 1, 8, 9])), stream_id, b"\x02hello"))
        else:
            sent.append(frames.headers(stream_id, GET, end_stream=True))
        if draw(st.integers(0, 3)) == 0:
            sent.append(draw(FRAMES))
    return b"".join(sent)


@MANY
@given(conversations(), st.integers(1, 100))
def test_http_2_survives_any_frames(sent: bytes, step: int) -> None:
    written = run(Http2Connection, sent, step)
    position = 0
    while position < len(written):
        length_and_kind, _, _ = frames.HEADER.unpack_from(written, position)
        assert length_and_kind & 0xFF <= 9
        position += 9 + (length_and_kind >> 8)
    assert position == len(written)


@MANY
@given(st.binary(max_size=200), st.integers(1, 50))
def test_http_2_survives_random_bytes(data: bytes, step: int) -> None:
    run(Http2Connection, data, step)
    run(Http2Connection, frames.PREFACE + data, step)


@given(st.binary(max_size=100))
def test_random_header_blocks_are_decoded_or_refused(block: bytes) -> None:
    decoder: BlockDecoder[list[tuple[str, str]]] = BlockDecoder(4096, list)
    for _ in range(2):
        try:
            decoder.decode(block)
        except (BlockError, BlockTooLarge):
            pass
        decoder.table_size_acknowledged()
        try:
            decoder.decode(b"\x20")
        except BlockError:
            return


@pytest.fixture(autouse=True)
def no_errors_are_logged(caplog: pytest.LogCaptureFixture) -> Any:
    yield
    said = [record for record in caplog.get_records("call") if record.name.startswith("pybernetes")]
    assert [record for record in said if record.levelno >= logging.ERROR] == []
