"""exec and attach over WebSocket v5.channel.k8s.io, translated to SPDY streams for the kubelet (KEP-4006).

Every message begins with its channel: 0 stdin, 1 stdout, 2 stderr, 3 error (the final Status), 4 resize; 255 is the v5
addition that says "channel N ends", which is how the end of standard input reaches the process. SPDY has one stream per
channel and a FIN per stream, so nothing is lost:

    client --[0 data]--> stdin stream --data-->      client --[255 0]--> stdin stream --FIN-->
    client <--[1 data]-- stdout stream <--data--     client <--[3 status]-- error stream <--data, FIN--

When all output streams have ended the WebSocket is closed.
"""

import asyncio
from typing import Any

import msgspec

from ...api.status import bad_request, internal_error
from ...base.http.message import Request, Response
from ...base.http.spdy import SpdyConnection, SpdyStream
from ...base.http.websocket import HandshakeError, WebSocket, accept
from .relay import Send, dial, spdy_request

PROTOCOL = "v5.channel.k8s.io"
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_SPDY_PROTOCOLS = ("v4.channel.k8s.io",)
_PIECE = 32 * 1024


class Channels(msgspec.Struct, frozen=True):
    """Which channels the command has."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


async def translate(request: Request, path: str, query: str, channels: Channels, send: Send) -> Response:
    """Open SPDY to the kubelet, then accept the client's WebSocket and translate between them.

    A kubelet that does not upgrade is passed through as it is. StatusError 400 for a bad WebSocket handshake.
    """
    answer = await dial(spdy_request(request, path, query, _SPDY_PROTOCOLS), send)
    if answer.status != 101 or answer.connection is None:
        return answer
    kubelet = answer.connection

    async def translated(socket: WebSocket) -> None:
        try:
            async with SpdyConnection(kubelet, server=False) as connection:
                await _run(socket, connection, channels)
        except ConnectionError as error:
            await _report(socket, error)

    try:
        return accept(request, [PROTOCOL], translated)
    except HandshakeError as error:
        kubelet.close()
        raise bad_request(str(error)) from None


async def _run(socket: WebSocket, connection: SpdyConnection, channels: Channels) -> None:
    """Open the streams in upstream's order, then copy until the output has ended or the client has left."""
    inputs: dict[int, SpdyStream] = {}
    outputs: dict[int, SpdyStream] = {ERROR: await connection.create_stream([("streamtype", "error")])}
    if channels.stdin:
        inputs[STDIN] = await connection.create_stream([("streamtype", "stdin")])
    if channels.stdout:
        outputs[STDOUT] = await connection.create_stream([("streamtype", "stdout")])
    if channels.stderr and not channels.tty:
        outputs[STDERR] = await connection.create_stream([("streamtype", "stderr")])
    if channels.tty:
        inputs[RESIZE] = await connection.create_stream([("streamtype", "resize")])
    # An empty message on the first output channel tells the client that everything is connected.
    await socket.send_binary(bytes([min(outputs)]))
    reading = asyncio.create_task(_from_client(socket, inputs), name="exec input")
    output = [
        asyncio.create_task(_to_client(socket, channel, stream), name="exec output")
        for channel, stream in outputs.items()
        if channel != ERROR
    ]
    status = asyncio.create_task(_status_to_client(socket, outputs[ERROR], output), name="exec status")
    writing = [status, *output]
    done = asyncio.gather(*writing)
    ends: list[asyncio.Future[Any]] = [reading, done]
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if done.done() and not done.result()[0]:
            raise ConnectionResetError("the kubelet closed the connection before the command's status arrived")
    finally:
        for task in (reading, *writing):
            task.cancel()
        await asyncio.gather(reading, done, return_exceptions=True)


async def _from_client(socket: WebSocket, inputs: dict[int, SpdyStream]) -> None:
    """Input until the client leaves. Channels nobody listens to are ignored, as upstream does."""
    while (received := await socket.recv()) is not None:
        message = received[1]
        if not message:
            continue
        channel, data = message[0], message[1:]
        try:
            if channel == CLOSE and len(data) == 1:
                ended = inputs.pop(data[0], None)
                if ended is not None:
                    await ended.close_write()
            elif data and channel in inputs:
                await inputs[channel].write(data)
        except ConnectionError:
            # The process no longer reads; its output goes on.
            inputs.pop(channel, None)


async def _to_client(socket: WebSocket, channel: int, stream: SpdyStream) -> bool:
    """Output until the stream ends; whether there was any. Runtimes end streams by resetting them."""
    prefix = bytes([channel])
    some = False
    while data := await _read(stream):
        some = True
        for start in range(0, len(data), _PIECE):
            await socket.send_binary(prefix + data[start : start + _PIECE])
    return some


async def _status_to_client(socket: WebSocket, stream: SpdyStream, output: list[asyncio.Task[bool]]) -> bool:
    """The command's status, behind all of its output; whether there was one."""
    pieces = []
    while data := await _read(stream):
        pieces.append(data)
    if output:
        await asyncio.wait(output)
    if pieces:
        await socket.send_binary(bytes([ERROR]) + b"".join(pieces))
    return bool(pieces)


async def _read(stream: SpdyStream) -> bytes:
    try:
        return await stream.read()
    except ConnectionError:
        return b""


async def _report(socket: WebSocket, error: ConnectionError) -> None:
    """Tell the client why it ended, unless it has left itself."""
    status = msgspec.json.encode(internal_error(str(error)).status())
    try:
        await socket.send_binary(bytes([ERROR]) + status)
    except ConnectionError:
        pass
