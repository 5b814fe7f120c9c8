"""What an HTTPS port says to who does not speak TLS, and that who does is not disturbed."""

import asyncio
import contextlib
import errno
import gc
import socket
from typing import Any

import pytest
from tests.base.http.conftest import Certificates

from pybernetes.base.http import tls_listener
from pybernetes.base.http.client import HttpTransport
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running

GO_SAYS = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"


async def hello(request: Request) -> Response:
    return Response(200, [], b"hello")


async def told(port: int, text: bytes) -> bytes:
    """All that the server says until it closes; b"" too when it resets the connection. Sent at once: what would come
    after the server's close would take its answer away."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if text:
        writer.write(text)
    else:
        writer.write_eof()
    try:
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (b"GET /api HTTP/1.1\r\nHost: x\r\n\r\n", GO_SAYS),
        (b"POST /api HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody", GO_SAYS),
        (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", GO_SAYS),
        (b"PUT / HTTP/1.1\r\nHost: x\r\n\r\n", GO_SAYS),
        (b"SSH-2.0-OpenSSH_9.6\r\n", b""),
        (b"", b""),
    ],
    ids=["GET", "POST with a body", "HEAD", "PUT", "another protocol", "nothing"],
)
async def test_plain_http_at_an_https_port_is_told_so(
    start: Any, certificates: Certificates, text: bytes, answer: bytes
) -> None:
    server = await start(hello, tls=certificates.server_context())
    said = await told(server.port, text)
    # A TLS alert may stand before the close where what came is no TLS.
    assert said == answer if answer else not said.startswith(b"HTTP")


async def test_those_who_speak_tls_are_served_before_and_after(start: Any, certificates: Certificates) -> None:
    server = await start(hello, tls=certificates.server_context())
    transport = HttpTransport(f"https://localhost:{server.port}", tls=certificates.client_context())
    for _ in range(2):
        assert (await transport(Request("GET", "/"))).body == b"hello"
        assert await told(server.port, b"GET / HTTP/1.1\r\n\r\n") == GO_SAYS
    await transport.close()


async def test_a_server_that_stops_does_not_wait_for_a_handshake(certificates: Certificates) -> None:
    server = HttpServer(hello, tls=certificates.server_context())
    async with running("server", server.serve):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"\x16\x03\x01")  # the beginning of a TLS record
        transport = HttpTransport(f"https://localhost:{server.port}", tls=certificates.client_context())
        assert (await transport(Request("GET", "/"))).status == 200  # accepted after it, so it is accepted too
        await transport.close()
    async with asyncio.timeout(60):
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass
    writer.close()


async def test_when_descriptors_run_out_the_next_connection_waits(
    start: Any, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_listener, "PAUSE_SECONDS", 0.01)
    server = await start(hello, tls=certificates.server_context())
    left = [OSError(errno.EMFILE, "Too many open files")] * 3

    class Accepting(socket.socket):
        def accept(self) -> Any:
            if left:
                raise left.pop()
            return super().accept()

    monkeypatch.setattr(server._accepting._listener, "__class__", Accepting)
    transport = HttpTransport(f"https://localhost:{server.port}", tls=certificates.client_context())
    assert (await transport(Request("GET", "/"))).body == b"hello"
    assert left == []
    await transport.close()


async def test_a_connection_whose_handshake_has_not_begun_is_closed(certificates: Certificates) -> None:
    server = HttpServer(hello, tls=certificates.server_context())
    async with running("server", server.serve):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            server._accepting._accept()
            server._accepting.abort()
            client.settimeout(60)
            await asyncio.sleep(0)  # the handshakes end
            await asyncio.sleep(0)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
    gc.collect()
