"""Frames, messages and the closing handshake; against our own client, the `websockets` package, and malformed bytes."""

import asyncio
import ssl
import time
from typing import Any

import pytest
import websockets
from hypothesis import given
from hypothesis import strategies as st
from tests.base.http.streams import MemoryStream, pair

from pybernetes.base.http import websocket as ws
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.websocket import WebSocket


def sockets() -> tuple[WebSocket, WebSocket]:
    """Client and server, connected."""
    one, two = pair()
    return WebSocket(one, server=False), WebSocket(two, server=True)


def raw(**options: Any) -> tuple[MemoryStream, WebSocket]:
    """A raw client's end, and a server."""
    one, two = pair()
    return one, WebSocket(two, server=True, **options)


def frame(opcode: int, payload: bytes = b"", *, final: bool = True) -> bytes:
    return ws.encode_frame(opcode, payload, final=final, mask=b"abcd")


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 1_000_000])
async def test_messages_of_any_size_arrive_whole(size: int) -> None:
    client, server = sockets()
    await client.send_binary(b"x" * size)
    assert await server.recv() == (ws.BINARY, b"x" * size)
    await server.send_binary(b"y" * size)
    assert await client.recv() == (ws.BINARY, b"y" * size)


async def test_text_is_told_from_binary() -> None:
    client, server = sockets()
    await client.send_text("tést")
    assert await server.recv() == (ws.TEXT, "tést".encode())


async def test_fragments_are_joined_and_pings_between_them_are_answered() -> None:
    peer, server = raw()
    await peer.write(frame(ws.BINARY, b"one ", final=False))
    await peer.write(frame(ws.PING, b"hello"))
    await peer.write(frame(ws.CONTINUATION, b"two ", final=False) + frame(ws.CONTINUATION, b"three"))
    assert await server.recv() == (ws.BINARY, b"one two three")
    assert await peer.read() == ws.encode_frame(ws.PONG, b"hello")


async def test_frames_may_arrive_byte_by_byte() -> None:
    peer, server = raw()
    receiving = asyncio.create_task(server.recv())
    for byte in frame(ws.BINARY, b"slow" * 100):
        await peer.write(bytes((byte,)))
    assert await receiving == (ws.BINARY, b"slow" * 100)


async def test_the_closing_handshake_reaches_both_sides() -> None:
    client, server = sockets()
    receiving = asyncio.create_task(server.recv())
    await client.close(1001, "going")
    assert await receiving is None
    assert (server.close_code, server.close_reason) == (1001, "going")
    assert client.close_code == 1001
    with pytest.raises(ConnectionError):
        await client.send_binary(b"late")


async def test_closing_while_another_task_receives() -> None:
    client, server = sockets()
    receiving = asyncio.create_task(client.recv())
    answering = asyncio.create_task(server.recv())
    await asyncio.sleep(0)
    await client.close()
    assert await receiving is None
    assert await answering is None
    assert client.close_code == 1000


async def test_an_end_without_close_is_1006() -> None:
    peer, server = raw()
    peer.close()
    assert await server.recv() is None
    assert server.close_code == 1006


FAULTS = {
    "not masked": (ws.encode_frame(ws.BINARY, b"x"), 1002),
    "reserved bits": (bytes((0xF2, 0x80)) + b"abcd", 1002),
    "unknown opcode": (frame(0x3), 1002),
    "fragmented ping": (frame(ws.PING, b"", final=False), 1002),
    "long ping": (frame(ws.PING, b"x" * 126), 1002),
    "continuation first": (frame(ws.CONTINUATION, b"x"), 1002),
    "message inside a message": (frame(ws.BINARY, b"x", final=False) + frame(ws.BINARY, b"y"), 1002),
    "close of one byte": (frame(ws.CLOSE, b"x"), 1002),
    "close with a reserved code": (frame(ws.CLOSE, (1005).to_bytes(2, "big")), 1002),
    "text not UTF-8": (frame(ws.TEXT, b"\xff"), 1007),
    "too large": (frame(ws.BINARY, b"x" * 1001), 1009),
    "too large in fragments": (frame(ws.BINARY, b"x" * 600, final=False) + frame(ws.CONTINUATION, b"x" * 600), 1009),
    "absurd length": (bytes((0x82, 0xFF)) + b"\xff" * 8, 1009),
}


@pytest.mark.parametrize("case", FAULTS)
async def test_a_fault_is_answered_with_its_code(case: str) -> None:
    data, code = FAULTS[case]
    peer, server = raw(max_message_bytes=1000)
    await peer.write(data)
    while await server.recv() is not None:
        pass
    assert server.close_code == code
    answer = await peer.read()
    assert answer[0] == 0x80 | ws.CLOSE
    assert int.from_bytes(answer[2:4], "big") == code


async def test_a_flood_of_empty_frames_costs_no_more_than_its_length() -> None:
    peer, server = raw(max_message_bytes=1000)
    began = time.process_time()
    await peer.write(frame(ws.PONG) * 300_000 + frame(ws.BINARY, b"x"))
    assert await server.recv() == (ws.BINARY, b"x")
    assert time.process_time() - began < 10  # with a cost for each pair of frames it is minutes


async def test_fragments_of_nothing_have_an_end() -> None:
    peer, server = raw(max_message_bytes=1000)
    await peer.write(frame(ws.BINARY, b"", final=False) + frame(ws.CONTINUATION, b"", final=False) * 70_000)
    assert await server.recv() is None
    assert server.close_code == 1009


@given(st.binary(max_size=400), st.integers(1, 50))
def test_random_bytes_neither_crash_nor_grow_the_parser(data: bytes, step: int) -> None:
    parser = ws.FrameParser(expect_mask=True, max_payload=100)
    try:
        for start in range(0, len(data), step):
            for _, _, payload in parser.feed(data[start : start + step]):
                assert len(payload) <= 100
    except ws.ProtocolError as error:
        assert error.code in (1002, 1009)


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masking_is_its_own_inverse(data: bytes, mask: bytes) -> None:
    assert ws.masked(ws.masked(data, mask), mask) == data


async def echo(socket: WebSocket) -> None:
    while (message := await socket.recv()) is not None:
        await socket.send_binary(socket.protocol.encode() + b":" + message[1])


async def app(request: Request) -> Response:
    try:
        return ws.accept(request, ("v5.channel.k8s.io", "v4.channel.k8s.io"), echo)
    except ws.HandshakeError as error:
        return Response(400, [], str(error).encode())


async def test_the_first_offered_protocol_that_is_supported_is_chosen(start: Any) -> None:
    server = await start(app)
    transport = HttpTransport(f"http://127.0.0.1:{server.port}")
    socket = await ws.open_websocket(transport, "/", protocols=("v9", "v4.channel.k8s.io", "v5.channel.k8s.io"))
    await socket.send_binary(b"hello")
    assert await socket.recv() == (ws.BINARY, b"v4.channel.k8s.io:hello")
    await socket.close()
    await transport.close()


@pytest.mark.parametrize("protocols", [(), ("v9",)])
async def test_no_common_protocol_is_refused_with_the_servers_answer(start: Any, protocols: tuple[str, ...]) -> None:
    server = await start(app)
    transport = HttpTransport(f"http://127.0.0.1:{server.port}")
    with pytest.raises(ws.HandshakeError, match="400") as caught:
        await ws.open_websocket(transport, "/", protocols=protocols)
    assert caught.value.response is not None
    await transport.close()


BAD_HANDSHAKES = {
    "method": ("POST", {}),
    "version": ("GET", {"sec-websocket-version": "8"}),
    "key": ("GET", {"sec-websocket-key": "short"}),
    "upgrade": ("GET", {"upgrade": "spdy/3.1"}),
}


@pytest.mark.parametrize("case", BAD_HANDSHAKES)
async def test_a_malformed_handshake_is_refused(case: str) -> None:
    method, changes = BAD_HANDSHAKES[case]
    headers = {
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "sec-websocket-protocol": "v4.channel.k8s.io",
    }
    request = Request(method, "/", "", list((headers | changes).items()))
    assert (await app(request)).status == 400


async def test_the_websockets_package_can_talk_to_us(start: Any, certificates: Any) -> None:
    server = await start(app, tls=certificates.server_context())
    tls: ssl.SSLContext = certificates.client_context()
    url = f"wss://127.0.0.1:{server.port}/"
    async with websockets.connect(
        url, ssl=tls, subprotocols=[websockets.Subprotocol("v5.channel.k8s.io")], compression=None, proxy=None
    ) as socket:
        for size in (0, 10, 1000, 100_000):
            await socket.send(b"z" * size)
            assert await socket.recv() == b"v5.channel.k8s.io:" + b"z" * size
        await (await socket.ping())
    assert socket.close_code == 1000


async def test_a_message_stream_is_a_byte_stream_over_messages() -> None:
    client, server = sockets()
    stream = ws.MessageStream(server)
    await client.send_binary(b"")
    await client.send_binary(b"one")
    assert await stream.read() == b"one"
    await stream.write(b"two")
    assert await client.recv() == (ws.BINARY, b"two")
    stream.close()
    assert await client.recv() is None
    assert await stream.read() == b""
