"""The WebSocket forms of kubectl >= 1.30, spoken by an independent client, against a kubelet that knows SPDY only."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.apiserver.streams.stage import Stage, stage
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from pybernetes.base.http.message import ByteStream, Request, Response
from pybernetes.base.http.spdy import SpdyConnection, SpdyStream
from pybernetes.base.http.websocket import MessageStream, open_websocket

EXEC = "/api/v1/namespaces/default/pods/web/exec"
FORWARD = "/api/v1/namespaces/default/pods/web/portforward"
V5 = "v5.channel.k8s.io"
TUNNEL = "SPDY/3.1+portforward.k8s.io"

Streams = dict[str, SpdyStream]
Process = Callable[[Streams], Awaitable[None]]


def kubelet(process: Process, count: int) -> Callable[[Request], Awaitable[Response]]:
    """Accepts `count` streams over SPDY, runs the process on them, ends the connection."""

    async def app(request: Request) -> Response:
        assert request.header("upgrade") == "SPDY/3.1"
        assert request.header("sec-websocket-protocol") is None

        async def serve(stream: ByteStream) -> None:
            async with SpdyConnection(stream, server=True) as connection:
                streams: Streams = {}
                for _ in range(count):
                    accepted = await connection.accept_stream()
                    assert accepted is not None
                    streams[accepted.header("streamtype")] = accepted
                await process(streams)

        version = request.header("x-stream-protocol-version") or ""
        headers = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", version)]
        return Response(101, headers, upgrade=serve)

    return app


async def finish(streams: Streams, status: dict[str, Any]) -> None:
    for name in ("stdout", "stderr"):
        if name in streams:
            await streams[name].close_write()
    await streams["error"].write(json.dumps(status).encode())
    await streams["error"].close_write()


def dial(s: Stage, path: str, query: str, protocol: str) -> connect:
    url = f"ws://127.0.0.1:{s.front_port}{path}?{query}"
    return connect(url, subprotocols=[Subprotocol(protocol)], compression=None, proxy=None)


async def messages(socket: ClientConnection) -> list[bytes]:
    found = []
    async for message in socket:
        assert isinstance(message, bytes)
        found.append(message)
    return found


async def test_output_and_exit_code() -> None:
    failure = {"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "5"}]}}

    async def process(streams: Streams) -> None:
        assert list(streams) == ["error", "stdout", "stderr"]
        await streams["stdout"].write(b"out")
        await streams["stderr"].write(b"err")
        await finish(streams, failure)

    async with stage(kubelet(process, 3)) as s:
        async with dial(s, EXEC, "command=sh&stdout=true&stderr=true", V5) as socket:
            assert socket.subprotocol == V5
            got = await messages(socket)
            assert socket.close_code == 1000
        assert got[0] == b"\x01"
        assert b"\x01out" in got
        assert b"\x02err" in got
        assert json.loads(got[-1][1:]) == failure
        assert got[-1][0] == 3
        assert s.seen[0].method == "POST"


async def test_end_of_standard_input_reaches_the_process() -> None:
    async def cat(streams: Streams) -> None:
        while data := await streams["stdin"].read():
            await streams["stdout"].write(data)
        await streams["stdout"].write(b"<end>")
        await finish(streams, {"status": "Success"})

    async with stage(kubelet(cat, 3)) as s, dial(s, EXEC, "command=cat&stdin=true&stdout=true", V5) as socket:
        await socket.send(b"\x00hello ")
        await socket.send(b"\x00world")
        await socket.send(b"\xff\x00")
        got = await messages(socket)
        output = b"".join(m[1:] for m in got if m[0] == 1)
        assert output == b"hello world<end>"


async def test_terminal_size_goes_to_the_resize_stream() -> None:
    async def process(streams: Streams) -> None:
        assert list(streams) == ["error", "stdin", "stdout", "resize"]
        await streams["stdout"].write(await streams["resize"].read())
        await finish(streams, {"status": "Success"})

    query = "command=sh&stdin=true&stdout=true&tty=true"
    async with stage(kubelet(process, 4)) as s, dial(s, EXEC, query, V5) as socket:
        size = b'{"Width":100,"Height":40}'
        await socket.send(b"\x04" + size)
        assert b"\x01" + size in await messages(socket)


async def test_much_output_arrives_whole() -> None:
    block = bytes(range(256)) * 4096

    async def process(streams: Streams) -> None:
        await streams["stdout"].write(block)
        await finish(streams, {"status": "Success"})

    async with stage(kubelet(process, 2)) as s, dial(s, EXEC, "command=cat&stdout=true", V5) as socket:
        assert b"".join(m[1:] for m in await messages(socket) if m[0] == 1) == block


async def test_client_that_leaves_ends_the_streams() -> None:
    ended = asyncio.Event()

    async def process(streams: Streams) -> None:
        try:
            await streams["stdin"].read()
        except ConnectionError:
            ended.set()

    async with stage(kubelet(process, 3)) as s:
        async with dial(s, EXEC, "command=cat&stdin=true&stdout=true", V5) as socket:
            await socket.recv()
        async with asyncio.timeout(60):
            await ended.wait()


async def test_lost_kubelet_is_reported_on_the_error_channel() -> None:
    async def process(streams: Streams) -> None:
        return

    async with stage(kubelet(process, 2)) as s, dial(s, EXEC, "command=cat&stdout=true", V5) as socket:
        last = (await messages(socket))[-1]
        assert last[0] == 3
        assert json.loads(last[1:])["reason"] == "InternalError"


async def test_refusal_comes_before_the_websocket() -> None:
    async def refusing(request: Request) -> Response:
        return Response(404, body=b"container not found")

    async with stage(refusing) as s:
        with pytest.raises(InvalidStatus) as caught:
            async with dial(s, EXEC, "command=cat&stdout=true", V5):
                pass
        assert caught.value.response.status_code == 404
        assert caught.value.response.body == b"container not found"


async def test_port_forward_through_the_tunnel() -> None:
    async def port(streams: Streams) -> None:
        data = streams["data"]
        assert data.header("port") == "8080"
        await data.write((await data.read()).upper())
        await data.close_write()
        await data.read()

    async with stage(kubelet(port, 2)) as s:
        socket = await open_websocket(s.client, FORWARD, protocols=[TUNNEL])
        assert socket.protocol == TUNNEL
        assert s.seen[0].header("x-stream-protocol-version") == "portforward.k8s.io"
        async with SpdyConnection(MessageStream(socket), server=False) as connection:
            common = [("port", "8080"), ("requestid", "0")]
            await connection.create_stream([("streamtype", "error"), *common])
            data = await connection.create_stream([("streamtype", "data"), *common])
            await data.write(b"ping")
            assert await data.read() == b"PING"
            assert await data.read() == b""
            await data.close_write()
        await socket.close()
