"""Much data in both directions at once: neither side may wait for the other to read first.

The server sends back each piece before it takes the next, so a client that did not read while it sends would stand
still as soon as the buffers on the way are full.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.kubectl.test_spdy_fallback import PAGES

from pybernetes.base.http import websocket
from pybernetes.base.http.message import ByteStream, Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.http.spdy import SpdyConnection, SpdyStream
from pybernetes.base.tasks import running
from pybernetes.base.x509 import SERVER, CertificateAuthority, server_context

SIZE = 64 * 1024 * 1024
STDIN, STDOUT, ERROR, CLOSE = 0, 1, 3, 255
SUCCESS = b'{"status":"Success"}'


class Echo:
    """A process that writes what it reads, over WebSocket or SPDY."""

    port = 0

    async def app(self, request: Request) -> Response:
        page = PAGES.get(request.path)
        if page is not None:
            return Response(200, [("content-type", "application/json")], json.dumps(page).encode())
        if websocket.is_upgrade(request):
            return websocket.accept(request, ["v5.channel.k8s.io"], self.by_websocket)
        headers = [
            ("connection", "Upgrade"),
            ("upgrade", "SPDY/3.1"),
            ("x-stream-protocol-version", "v4.channel.k8s.io"),
        ]
        return Response(101, headers, upgrade=self.by_spdy)

    async def by_websocket(self, socket: websocket.WebSocket) -> None:
        while (message := await socket.recv()) is not None:
            data = message[1]
            if data[0] == CLOSE:
                break
            await socket.send_binary(bytes((STDOUT,)) + data[1:])
        await socket.send_binary(bytes((ERROR,)) + SUCCESS)
        await socket.close()

    async def by_spdy(self, stream: ByteStream) -> None:
        async with SpdyConnection(stream, server=True) as connection:
            streams: dict[str, SpdyStream] = {}
            while len(streams) < 4:
                accepted = await connection.accept_stream()
                assert accepted is not None
                streams[accepted.header("streamtype")] = accepted
            while data := await streams["stdin"].read():
                await streams["stdout"].write(data)
            await streams["error"].write(SUCCESS)
            for one in streams.values():
                await one.close_write()


@pytest.fixture(params=["http", "https"])
async def home(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Path]:
    echo = Echo()
    options: dict[str, Any] = {}
    cluster: dict[str, str] = {}
    if request.param == "https":
        authority = CertificateAuthority.create("test-ca")
        (tmp_path / "ca.crt").write_bytes(authority.certificate_pem)
        options["tls"] = server_context(authority.issue("server", names=["127.0.0.1"], usages=SERVER))
        cluster["certificate-authority"] = f"{tmp_path}/ca.crt"
    async with AsyncExitStack() as stack:
        http = HttpServer(echo.app, **options)
        await stack.enter_async_context(running("server", http.serve))
        cluster["server"] = f"{request.param}://127.0.0.1:{http.port}"
        config = {
            "current-context": "x",
            "clusters": [{"name": "x", "cluster": cluster}],
            "users": [{"name": "x", "user": {"token": "x"}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        }
        (tmp_path / "config").write_text(json.dumps(config))
        yield tmp_path


@pytest.mark.parametrize(
    "words", [("exec", "-i", "web", "--", "cat"), ("attach", "-i", "-q", "web")], ids=["exec", "attach"]
)
@pytest.mark.parametrize("transport", ["websocket", "spdy"])
async def test_64_mib_both_ways(home: Path, transport: str, words: tuple[str, ...]) -> None:
    given = home / "given"
    given.write_bytes(os.urandom(1024 * 1024) * (SIZE // (1024 * 1024)))
    environment = {**os.environ, "KUBECONFIG": f"{home}/config", "HOME": str(home)}
    environment["KUBECTL_REMOTE_COMMAND_WEBSOCKETS"] = "true" if transport == "websocket" else "false"
    with given.open("rb") as stdin, (home / "taken").open("wb") as stdout:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pybernetes", "kubectl", *words),
            stdin=stdin,
            stdout=stdout,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
        )
        async with asyncio.timeout(120):
            _, errors = await process.communicate()
    assert process.returncode == 0, errors
    assert _digest(home / "taken") == _digest(given)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
