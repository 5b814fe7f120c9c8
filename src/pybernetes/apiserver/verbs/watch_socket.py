"""A watch over a WebSocket, for browsers: `GET ...?watch=true` with `Upgrade: websocket`.

The body of the watch, as it would be pushed into an HTTP answer, is cut into its events: each is one message, text with
JSON and binary with protobuf. What the client sends is not looked at; when it leaves, the watch ends.
"""

import asyncio
from collections.abc import Iterator

from ...api import status
from ...base.http.message import PushBody, Request, Response
from ...base.http.websocket import HandshakeError, WebSocket, accept, requested_protocols
from ...client.in_process import Pipe
from ..streams.relay import finish_first


def over_websocket(request: Request, body: PushBody, *, text: bool) -> Response:
    """The 101 that carries the watch. StatusError 400 for a handshake that is none."""

    async def serve(socket: WebSocket) -> None:
        async with Pipe(body) as pipe:
            tasks = [
                asyncio.create_task(_send(pipe, socket, text=text), name="watch over WebSocket"),
                asyncio.create_task(_until_gone(socket), name="watch over WebSocket, the receiver"),
            ]
            await finish_first(tasks)

    try:
        return accept(request, requested_protocols(request)[:1] or [""], serve)
    except HandshakeError as error:
        body.stop()
        raise status.bad_request(str(error)) from None


async def _send(pipe: Pipe, socket: WebSocket, *, text: bool) -> None:
    async for data in pipe:
        if text:
            for line in data.splitlines(keepends=True):
                await socket.send_text(line.decode())
        else:
            for event in _delimited(data):
                await socket.send_binary(event)


def _delimited(data: bytes) -> Iterator[bytes]:
    """The events of a protobuf stream without their lengths."""
    at = 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : end]
        at = end


async def _until_gone(socket: WebSocket) -> None:
    while await socket.recv() is not None:
        pass
