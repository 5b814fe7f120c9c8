"""exec, attach, cp and port-forward against a server that refuses WebSockets: SPDY carries them instead."""

import asyncio
import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.support.forward_proxy import forward_proxy

from pybernetes.base.http import websocket
from pybernetes.base.http.message import ByteStream, Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.http.spdy import SpdyConnection, SpdyStream
from pybernetes.base.tasks import running
from pybernetes.base.x509 import SERVER, CertificateAuthority, server_context

CONTAINER = {"name": "c", "image": "i", "stdin": True, "tty": True}
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"containers": [CONTAINER], "restartPolicy": "Never"},
    "status": {"phase": "Running"},
}
RESOURCE = {"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get"]}
PAGES: dict[str, Any] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [RESOURCE]},
    "/api/v1/namespaces/default/pods/web": POD,
}
CAUSE = {"reason": "ExitCode", "message": "7"}
EXIT_7 = {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [CAUSE]}}


class Server:
    """Answers upgrades to SPDY; what it saw is kept."""

    def __init__(self) -> None:
        self.refusal = 400
        self.spdy = True
        self.asked: list[str] = []
        self.opened: list[list[tuple[str, str]]] = []
        self.port = 0

    async def app(self, request: Request) -> Response:
        page = PAGES.get(request.path)
        if page is not None:
            return Response(200, [("content-type", "application/json")], json.dumps(page).encode())
        if websocket.is_upgrade(request):
            self.asked.append("websocket")
            return Response(self.refusal, [], b"you must specify at least 1 port" if self.refusal == 400 else b"no")
        self.asked.append(f"{request.method} {request.header('x-stream-protocol-version')}")
        if not self.spdy:
            status = {"kind": "Status", "status": "Failure", "reason": "Forbidden", "message": "not you", "code": 403}
            return Response(403, [("content-type", "application/json")], json.dumps(status).encode())
        process = not request.path.endswith("/portforward")
        protocol = "v4.channel.k8s.io" if process else "portforward.k8s.io"
        headers = [("connection", "Upgrade"), ("upgrade", "SPDY/3.1"), ("x-stream-protocol-version", protocol)]
        return Response(101, headers, upgrade=self.process if process else self.forward)

    async def process(self, stream: ByteStream) -> None:
        """With a terminal: the size, then one line back. Else: standard input back, a word to stderr, exit code 7."""
        async with SpdyConnection(stream, server=True) as connection:
            streams: dict[str, SpdyStream] = {}
            while not {"error", "stdout"} <= set(streams) or not {"stderr", "resize"} & set(streams):
                accepted = await connection.accept_stream()
                assert accepted is not None
                self.opened.append(accepted.headers)
                streams[accepted.header("streamtype")] = accepted
            out = streams["stdout"]
            if "resize" in streams:
                first = (await streams["resize"].read()).partition(b"}")[0]
                await out.write(b"size " + first + b"}")
                await out.write(b"line " + await streams["stdin"].read())
                await streams["error"].write(b'{"status":"Success"}')
            else:
                size = 0
                while "stdin" in streams and (data := await streams["stdin"].read()):
                    size += len(data)
                await connection.ping()
                await out.write(b"%d " % size + b"o" * 300_000)
                await streams["stderr"].write(b"complaint\n")
                await streams["error"].write(json.dumps(EXIT_7).encode())
            for one in streams.values():
                await one.close_write()

    async def forward(self, stream: ByteStream) -> None:
        """Port 80 answers in capitals; any other refuses."""

        async def serve(accepted: SpdyStream) -> None:
            self.opened.append(accepted.headers)
            if accepted.header("port") != "80":
                if accepted.header("streamtype") == "error":
                    await accepted.write(b"nobody listens")
            elif accepted.header("streamtype") == "data":
                while data := await accepted.read():
                    await accepted.write(data.upper())
            await accepted.close_write()

        async with SpdyConnection(stream, server=True) as connection, asyncio.TaskGroup() as group:
            while (accepted := await connection.accept_stream()) is not None:
                group.create_task(serve(accepted))


@pytest.fixture(params=["http", "https", "https through a proxy"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    kept = Server()
    options: dict[str, Any] = {}
    url = request.param.partition(" ")[0]
    if url == "https":
        authority = CertificateAuthority.create("test-ca")
        (tmp_path / "ca.crt").write_bytes(authority.certificate_pem)
        options["tls"] = server_context(authority.issue("server", names=["127.0.0.1"], usages=SERVER))
    async with AsyncExitStack() as stack:
        http = HttpServer(kept.app, **options)
        await stack.enter_async_context(running("server", http.serve))
        kept.port = http.port
        cluster = {"server": f"{url}://127.0.0.1:{http.port}"}
        if url == "https":
            cluster["certificate-authority"] = f"{tmp_path}/ca.crt"
        if "proxy" in request.param:
            pair = authority.issue("proxy", names=["127.0.0.1"], usages=SERVER)
            proxy = stack.enter_context(forward_proxy("https", server_context(pair, http2=False)))
            cluster["proxy-url"] = proxy.url
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "x",
            "clusters": [{"name": "x", "cluster": cluster}],
            "users": [{"name": "x", "user": {"token": "x"}}],
            "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
        }
        (tmp_path / "config").write_text(json.dumps(config))
        yield kept


async def start(home: Path, *words: str, stdin: int = asyncio.subprocess.PIPE, **more: str) -> Any:
    environment = {**os.environ, "KUBECONFIG": f"{home}/config", "HOME": str(home), **more}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pybernetes", "kubectl", *words),
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )


@pytest.mark.parametrize("refusal", [200, 400, 403, 404, 501])
async def test_exec_joins_every_stream(server: Server, tmp_path: Path, refusal: int) -> None:
    server.refusal = refusal
    process = await start(tmp_path, "exec", "-i", "web", "--", "wc", "-c")
    output, errors = await process.communicate(b"x" * 500_000)
    assert output == b"500000 " + b"o" * 300_000, errors
    assert errors == b"complaint\ncommand terminated with exit code 7\n"
    assert process.returncode == 7
    assert server.asked == ["websocket", "POST v4.channel.k8s.io"]
    assert [dict(one)["streamtype"] for one in server.opened] == ["error", "stdin", "stdout", "stderr"]


async def test_without_standard_input_there_is_no_such_stream(server: Server, tmp_path: Path) -> None:
    process = await start(tmp_path, "exec", "web", "--", "ls", KUBECTL_REMOTE_COMMAND_WEBSOCKETS="false")
    output, _ = await process.communicate()
    assert output.startswith(b"0 o")
    assert server.asked == ["POST v4.channel.k8s.io"]
    assert [dict(one)["streamtype"] for one in server.opened] == ["error", "stdout", "stderr"]


@pytest.mark.parametrize(
    ("words", "size"),
    [
        (("exec", "-it", "web", "--", "sh"), b'{"Width":101,"Height":33}'),
        # One more first, so that what runs already draws anew when the true size comes.
        (("attach", "-it", "-q", "web"), b'{"Width":102,"Height":34}'),
    ],
    ids=["exec", "attach"],
)
async def test_a_terminal_tells_its_size(server: Server, tmp_path: Path, words: tuple[str, ...], size: bytes) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
    try:
        process = await start(tmp_path, *words, stdin=theirs)
        assert await process.stdout.readuntil(b"}") == b"size " + size
        os.write(ours, b"hello\r")
        output, errors = await process.communicate()
        assert output.strip() == b"line hello", errors
        assert process.returncode == 0
    finally:
        os.close(ours)
        os.close(theirs)


async def test_when_both_are_refused_the_latter_says_why(server: Server, tmp_path: Path) -> None:
    server.spdy = False
    process = await start(tmp_path, "exec", "web", "--", "ls")
    output, errors = await process.communicate()
    assert (output, errors, process.returncode) == (b"", b"Error from server (Forbidden): not you\n", 1)


async def test_port_forward_carries_many_connections(server: Server, tmp_path: Path) -> None:
    process = await start(tmp_path, "port-forward", "pod/web", ":80", "--address=127.0.0.1")
    port = int(re.search(rb":(\d+) -> 80", await process.stdout.readline())[1])  # type: ignore[index]

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
    opened = [dict(one) for one in server.opened]
    assert {(one["streamtype"], one["port"], one["requestid"]) for one in opened} == {
        ("error", "80", "0"),
        ("data", "80", "0"),
    }


async def test_port_forward_tells_what_went_wrong(server: Server, tmp_path: Path) -> None:
    process = await start(tmp_path, "port-forward", "pod/web", ":81", "--address=127.0.0.1")
    port = int(re.search(rb":(\d+) -> 81", await process.stdout.readline())[1])  # type: ignore[index]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.read() == b""
    writer.close()
    assert b"nobody listens" in await process.stderr.readline()
    process.terminate()
    await process.communicate()
