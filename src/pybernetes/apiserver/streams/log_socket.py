"""A log over a WebSocket, for browsers: `GET .../log` with `Upgrade: websocket`.

The text comes as it is read, a message for each piece: binary, or base64 in text for `base64.binary.k8s.io`. An empty
message comes first, so that a client knows that the log was opened. What the client sends is not looked at; when it
leaves, the log is closed, and at the log's end the connection.
"""

import asyncio
import base64
from collections.abc import AsyncIterator

from ...api import status
from ...base.http.message import Request, Response, ResponseBody
from ...base.http.websocket import HandshakeError, WebSocket, accept
from .relay import finish_first

BASE64 = "base64.binary.k8s.io"
PROTOCOLS = ("", "binary.k8s.io", BASE64)


async def log_over_websocket(request: Request, body: ResponseBody) -> Response:
    """The 101 that carries the log. StatusError 400 for a handshake that is none."""

    async def serve(socket: WebSocket) -> None:
        try:
            tasks = [
                asyncio.create_task(_send(body, socket), name="log over WebSocket"),
                asyncio.create_task(_until_gone(socket), name="log over WebSocket, the receiver"),
            ]
            await finish_first(tasks)
        finally:
            await _close(body)

    try:
        return accept(request, PROTOCOLS, serve)
    except HandshakeError as error:
        await _close(body)
        raise status.bad_request(str(error)) from None


async def _send(body: ResponseBody, socket: WebSocket) -> None:
    await _message(socket, b"")
    if isinstance(body, bytes):
        if body:
            await _message(socket, body)
        return
    assert isinstance(body, AsyncIterator)
    async for piece in body:
        if piece:
            await _message(socket, piece)


async def _message(socket: WebSocket, data: bytes) -> None:
    if socket.protocol == BASE64:
        await socket.send_text(base64.b64encode(data).decode())
    else:
        await socket.send_binary(data)


async def _until_gone(socket: WebSocket) -> None:
    while await socket.recv() is not None:
        pass


async def _close(body: ResponseBody) -> None:
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
