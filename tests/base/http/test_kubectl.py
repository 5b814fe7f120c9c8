"""The stock kubectl against the upgraded connections of a server that pretends to have one pod.

What kubectl does with WebSocket and SPDY is the contract of exec and port-forward; the environment variables choose.
"""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from pybernetes.base.http import websocket
from pybernetes.base.http.message import ByteStream, Request, Response
from pybernetes.base.http.spdy import SpdyConnection, SpdyStream
from pybernetes.base.http.websocket import WebSocket

pytestmark = pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"containers": [{"name": "c", "image": "i"}]},
    "status": {"phase": "Running"},
}
PAGES: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.2"},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [{"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get"]}],
    },
    "/api/v1/namespaces/default/pods/web": POD,
}
EXIT_7 = json.dumps(
    {
        "status": "Failure",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": "7"}]},
    }
).encode()


async def exec_websocket(socket: WebSocket) -> None:
    """Count standard input, as `wc -c` would, and exit with 7."""
    size = 0
    while (message := await socket.recv()) is not None:
        channel, data = message[1][0], message[1][1:]
        if channel == 255:  # the end of a channel, v5
            break
        size += len(data)
    await socket.send_binary(b"\x01%d via %s\n" % (size, socket.protocol.encode()))
    await socket.send_binary(b"\x03" + EXIT_7)


async def exec_spdy(stream: ByteStream) -> None:
    async with SpdyConnection(stream, server=True) as connection:
        streams: dict[str, SpdyStream] = {}
        while len(streams) < 4:
            accepted = await connection.accept_stream()
            assert accepted is not None
            streams[accepted.header("streamtype")] = accepted
        size = 0
        while data := await streams["stdin"].read():
            size += len(data)
        await streams["stdout"].write(b"%d via SPDY\n" % size)
        await streams["error"].write(EXIT_7)
        for one in streams.values():
            await one.close_write()


async def forward(stream: ByteStream) -> None:
    """A server on every port that answers in capitals."""

    async def serve(accepted: SpdyStream) -> None:
        if accepted.header("streamtype") == "data":
            while data := await accepted.read():
                await accepted.write(data.upper())
        await accepted.close_write()

    async with SpdyConnection(stream, server=True) as connection, asyncio.TaskGroup() as group:
        while (accepted := await connection.accept_stream()) is not None:
            group.create_task(serve(accepted))


async def forward_websocket(socket: WebSocket) -> None:
    await forward(websocket.MessageStream(socket))


async def app(request: Request) -> Response:
    page = PAGES.get(request.path)
    if page is not None:
        return Response(200, [("content-type", "application/json")], json.dumps(page).encode())
    exec_wanted = request.path.endswith("/exec")
    if websocket.is_upgrade(request):
        if exec_wanted:
            return websocket.accept(request, ("v5.channel.k8s.io",), exec_websocket)
        return websocket.accept(request, ("SPDY/3.1+portforward.k8s.io",), forward_websocket)
    protocol = "v4.channel.k8s.io" if exec_wanted else "portforward.k8s.io"
    headers = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", protocol)]
    return Response(101, headers, upgrade=exec_spdy if exec_wanted else forward)


@pytest.fixture
async def kubectl(start: Any, certificates: Any, tmp_path: Path) -> Any:
    """`process = await kubectl(arguments, websockets=…)`."""
    server = await start(app, tls=certificates.server_context())
    (tmp_path / "ca.crt").write_bytes(certificates.ca.certificate_pem)

    async def run(*arguments: str, websockets: bool) -> asyncio.subprocess.Process:
        choice = "true" if websockets else "false"
        return await asyncio.create_subprocess_exec(
            "kubectl",
            f"--server=https://127.0.0.1:{server.port}",
            f"--certificate-authority={tmp_path}/ca.crt",
            f"--cache-dir={tmp_path}",
            "--token=x",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "KUBECONFIG": f"{tmp_path}/none",
                "KUBECTL_REMOTE_COMMAND_WEBSOCKETS": choice,
                "KUBECTL_PORT_FORWARD_WEBSOCKETS": choice,
            },
        )

    return run


@pytest.mark.parametrize(("websockets", "via"), [(True, b"v5.channel.k8s.io"), (False, b"SPDY")])
async def test_exec_passes_standard_input_and_the_exit_code(kubectl: Any, websockets: bool, via: bytes) -> None:
    process = await kubectl("exec", "-i", "web", "--", "wc", "-c", websockets=websockets)
    output, errors = await process.communicate(b"x" * 1_000_000)
    assert output == b"1000000 via " + via + b"\n", errors
    assert process.returncode == 7


@pytest.mark.parametrize("websockets", [True, False])
async def test_port_forward_carries_many_connections(kubectl: Any, websockets: bool) -> None:
    process = await kubectl("port-forward", "pod/web", ":80", websockets=websockets)
    line = (await process.stdout.readline()).decode()
    port = int(re.search(r"127\.0\.0\.1:(\d+)", line)[1])  # type: ignore[index]

    async def talk(data: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        writer.write_eof()
        assert await reader.read() == data.upper()
        writer.close()

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(talk(b"hello %d " % number * 20_000))
    process.terminate()
    await process.communicate()
