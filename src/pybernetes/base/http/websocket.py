"""WebSocket (RFC 6455) on a connection that was handed over: the handshake, the frames, and a small message API.

Server:  `return accept(request, ("v5.channel.k8s.io", "v4.channel.k8s.io"), serve_channels)`
Client:  `socket = await open_websocket(transport, "/api/v1/…/exec", query, protocols=(…,))`

Bytes flow `ByteStream → FrameParser → WebSocket.recv`, which joins fragments, answers pings, and replies to a close.
A peer that breaks the protocol is told why with the close code, and `recv` returns None as at any other end. Messages
are bounded; a fragment is never kept beyond that bound.
"""

import asyncio
import base64
import hashlib
import os
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from pybernetes.base.http.message import App, ByteStream, Headers, Request, Response

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_MESSAGE = 16 * 1024 * 1024
_CLOSE_SECONDS = 2.0


class HandshakeError(Exception):
    """The handshake failed; on the client's side `response` is what the server answered instead."""

    def __init__(self, text: str, response: Response | None = None) -> None:
        super().__init__(text)
        self.response = response


class ProtocolError(Exception):
    """The peer sent something that RFC 6455 forbids; `code` is the close code that says so."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


# Frames.


def encode_frame(opcode: int, payload: bytes, *, final: bool = True, mask: bytes = b"") -> bytes:
    """One frame. A client must give a mask of four random bytes, a server none."""
    first = (0x80 if final else 0) | opcode
    length = len(payload)
    flag = 0x80 if mask else 0
    if length < 126:
        head = bytes((first, flag | length))
    elif length < 65536:
        head = bytes((first, flag | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, flag | 127)) + length.to_bytes(8, "big")
    return head + mask + masked(payload, mask) if mask else head + payload


def masked(data: bytes, mask: bytes) -> bytes:
    """The data XORed with the repeated mask; its own inverse."""
    size = len(data)
    stream = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


class FrameParser:
    """Cuts frames out of bytes. Pure: `feed` returns `(final, opcode, payload)` for each complete frame."""

    def __init__(self, *, expect_mask: bool, max_payload: int = _MAX_MESSAGE) -> None:
        self._buffer = bytearray()
        self._expect_mask = expect_mask
        self._max_payload = max_payload

    def feed(self, data: bytes) -> list[tuple[bool, int, bytes]]:
        """ProtocolError if the bytes cannot become a frame we accept."""
        self._buffer += data
        frames = []
        while (frame := self._next()) is not None:
            frames.append(frame)
        return frames

    def _next(self) -> tuple[bool, int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        final, opcode = bool(first & 0x80), first & 0x0F
        length = second & 0x7F
        if first & 0x70:
            raise ProtocolError(1002, "reserved bits are set")
        if opcode not in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise ProtocolError(1002, f"unknown opcode {opcode}")
        if bool(second & 0x80) != self._expect_mask:
            raise ProtocolError(1002, "wrong masking")
        if opcode >= CLOSE and (not final or length > 125):
            raise ProtocolError(1002, "control frame too large or fragmented")
        start = 2
        if length >= 126:
            start = 4 if length == 126 else 10
            if len(buffer) < start:
                return None
            length = int.from_bytes(buffer[2:start], "big")
        if length > self._max_payload:
            raise ProtocolError(1009, "message too large")
        mask = b""
        if self._expect_mask:
            mask = bytes(buffer[start : start + 4])
            start += 4
        if len(buffer) < start + length:
            return None
        payload = bytes(buffer[start : start + length])
        del buffer[: start + length]
        return final, opcode, masked(payload, mask) if mask else payload


# Messages.


class WebSocket:
    """One WebSocket connection. One task receives; any number may send."""

    def __init__(
        self, stream: ByteStream, *, server: bool, protocol: str = "", max_message_bytes: int = _MAX_MESSAGE
    ) -> None:
        self.protocol = protocol
        """The negotiated subprotocol, "" without one."""
        self.close_code: int | None = None
        """What the peer's close said (1005: nothing), 1006 after an end without close, our own code after a fault."""
        self.close_reason = ""
        self._stream = stream
        self._server = server
        self._parser = FrameParser(expect_mask=server, max_payload=max_message_bytes)
        self._max_message = max_message_bytes
        self._frames: deque[tuple[bool, int, bytes]] = deque()
        self._fragments: list[bytes] = []
        self._fragments_bytes = 0
        self._fragments_opcode = 0
        self._close_sent = False
        self._receiving = False
        self._ended = asyncio.Event()

    async def recv(self) -> tuple[int, bytes] | None:
        """The next message, `(TEXT or BINARY, payload)`; None once the connection is over."""
        self._receiving = True
        try:
            while not self._ended.is_set():
                while self._frames:
                    message = await self._take(*self._frames.popleft())
                    if message is not None:
                        return message
                    if self._ended.is_set():
                        return None
                data = await self._stream.read()
                if not data:
                    await self._end(1006)
                    return None
                self._frames.extend(self._parser.feed(data))
        except ProtocolError as error:
            await self._send_close(error.code, str(error))
            await self._end(error.code, str(error))
        except ConnectionError:
            await self._end(1006)
        finally:
            self._receiving = False
        return None

    async def send_binary(self, data: bytes) -> None:
        """Send one message; waits while the peer is slow. ConnectionError when it is gone."""
        await self._send(BINARY, data)

    async def send_text(self, text: str) -> None:
        """Send one text message; as `send_binary`."""
        await self._send(TEXT, text.encode())

    async def ping(self, data: bytes = b"") -> None:
        """Ask the peer for a pong, which keeps intermediaries from closing a silent connection."""
        await self._send(PING, data)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, wait a moment for the peer to do the same, and close the connection; idempotent."""
        await self._send_close(code, reason)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                if self._receiving:
                    await self._ended.wait()
                else:
                    while await self.recv() is not None:
                        pass
        except TimeoutError:
            pass
        finally:
            self._ended.set()
            self._stream.close()

    async def _send(self, opcode: int, payload: bytes) -> None:
        if self._close_sent or self._ended.is_set():
            raise ConnectionResetError("the WebSocket is closed")
        mask = b"" if self._server else os.urandom(4)
        await self._stream.write(encode_frame(opcode, payload, mask=mask))

    async def _send_close(self, code: int, reason: str) -> None:
        if not self._close_sent and not self._ended.is_set():
            payload = b"" if code == 1005 else code.to_bytes(2, "big") + reason.encode()[:123]
            try:
                await self._send(CLOSE, payload)
            except ConnectionError:
                pass
            self._close_sent = True

    async def _end(self, code: int, reason: str = "") -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason
        self._ended.set()
        self._stream.close()

    async def _take(self, final: bool, opcode: int, payload: bytes) -> tuple[int, bytes] | None:
        """Handle one frame; the message if it completes one."""
        if opcode == PING:
            if not self._close_sent:
                await self._send(PONG, payload)
            return None
        if opcode == PONG:
            return None
        if opcode == CLOSE:
            code, reason = _close_payload(payload)
            await self._send_close(code, "")
            await self._end(code, reason)
            return None
        if opcode == CONTINUATION:
            if not self._fragments_opcode:
                raise ProtocolError(1002, "continuation without a beginning")
            opcode = self._fragments_opcode
        elif self._fragments_opcode:
            raise ProtocolError(1002, "new message inside a fragmented one")
        if self._fragments or not final:
            self._fragments.append(payload)
            self._fragments_bytes += len(payload)
            self._fragments_opcode = opcode
            if self._fragments_bytes > self._max_message or len(self._fragments) > 65536:
                raise ProtocolError(1009, "message too large")
            if not final:
                return None
            payload = b"".join(self._fragments)
            self._fragments.clear()
            self._fragments_bytes = self._fragments_opcode = 0
        if opcode == TEXT:
            try:
                payload.decode()
            except UnicodeDecodeError:
                raise ProtocolError(1007, "text is not UTF-8") from None
        return opcode, payload


def _close_payload(payload: bytes) -> tuple[int, str]:
    if not payload:
        return 1005, ""
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or code < 1000 or code in (1004, 1005, 1006) or 1015 <= code < 3000 or code >= 5000:
        raise ProtocolError(1002, "malformed close")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise ProtocolError(1007, "close reason is not UTF-8") from None


class MessageStream:
    """A WebSocket as a `ByteStream`: the payloads of its binary messages, one after the other.

    This is how `SPDY/3.1+portforward.k8s.io` carries a whole SPDY connection (KEP-4006).
    """

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._closing: asyncio.Task[None] | None = None

    async def read(self) -> bytes:
        while (message := await self._socket.recv()) is not None:
            if message[1]:
                return message[1]
        return b""

    async def write(self, data: bytes) -> None:
        await self._socket.send_binary(data)

    def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._socket.close(), name="close WebSocket")


# Handshakes.


def is_upgrade(request: Request) -> bool:
    """Whether the request asks for a WebSocket."""
    upgrade = request.header("upgrade")
    return upgrade is not None and upgrade.lower() == "websocket"


def requested_protocols(request: Request) -> list[str]:
    """The subprotocols a client offers, most wanted first."""
    offered = ",".join(request.header_all("sec-websocket-protocol"))
    return [name.strip() for name in offered.split(",") if name.strip()]


def choose_protocol(offered: Iterable[str], supported: Sequence[str]) -> str | None:
    """The client's first choice that is supported; None if there is none."""
    return next((name for name in offered if name in supported), None)


def accept(
    request: Request,
    supported: Sequence[str],
    serve: Callable[[WebSocket], Awaitable[None]],
    *,
    headers: Headers | None = None,
    max_message_bytes: int = _MAX_MESSAGE,
) -> Response:
    """The 101 response that gives a `WebSocket` to `serve`. HandshakeError if the request is not a proper one.

    The client's first choice among `supported` is taken; a client that offers nothing is accepted if "" is supported.
    """
    key = request.header("sec-websocket-key") or ""
    if request.method != "GET" or not is_upgrade(request):
        raise HandshakeError("not a WebSocket request")
    if request.header("sec-websocket-version") != "13":
        raise HandshakeError("unsupported WebSocket version")
    if len(_decoded(key)) != 16:
        raise HandshakeError("malformed Sec-WebSocket-Key")
    offered = requested_protocols(request)
    protocol = choose_protocol(offered or [""], supported)
    if protocol is None:
        raise HandshakeError(f"no supported subprotocol among {offered}")
    reply = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", _accept_key(key))]
    if protocol:
        reply.append(("sec-websocket-protocol", protocol))

    async def upgrade(stream: ByteStream) -> None:
        socket = WebSocket(stream, server=True, protocol=protocol, max_message_bytes=max_message_bytes)
        try:
            await serve(socket)
        finally:
            await socket.close()

    return Response(101, reply + (headers or []), upgrade=upgrade)


async def open_websocket(
    transport: App,
    path: str,
    query: str = "",
    *,
    protocols: Sequence[str] = (),
    headers: Headers | None = None,
    max_message_bytes: int = _MAX_MESSAGE,
) -> WebSocket:
    """Connect as a client. HandshakeError with the server's response if it does not switch protocols."""
    key = base64.b64encode(os.urandom(16)).decode()
    request = Request(
        "GET",
        path,
        query,
        [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", key),
            *([("sec-websocket-protocol", ", ".join(protocols))] if protocols else []),
            *(headers or []),
        ],
    )
    response = await transport(request)
    if response.status != 101 or response.connection is None:
        raise HandshakeError(f"the server answered {response.status} instead of 101", response)
    protocol = response.header("sec-websocket-protocol") or ""
    if response.header("sec-websocket-accept") != _accept_key(key) or (protocol and protocol not in protocols):
        response.connection.close()
        raise HandshakeError("the server's handshake is wrong", response)
    return WebSocket(response.connection, server=False, protocol=protocol, max_message_bytes=max_message_bytes)


def _accept_key(key: str) -> str:
    return base64.b64encode(hashlib.sha1((key + _MAGIC).encode(), usedforsecurity=False).digest()).decode()


def _decoded(key: str) -> bytes:
    try:
        return base64.b64decode(key, validate=True)
    except ValueError:
        return b""
