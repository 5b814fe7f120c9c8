"""What a server that stops waits for, and what not."""

import asyncio
import socket
import ssl
from typing import Any

import pytest

from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running


async def hello(request: Request) -> Response:
    return Response(200, [], b"hello")


def ask(port: int, context: ssl.SSLContext, head: bytes) -> ssl.SSLSocket:
    """A connection that got its answer, and whose owner then thinks of other things."""
    stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="localhost")
    stream.sendall(head)
    assert stream.recv(1000).startswith(b"HTTP/1.1 200")
    return stream


@pytest.mark.parametrize("extra", [b"", b"Connection: close\r\n"])
async def test_a_client_that_does_not_read_the_goodbye_is_not_waited_for(certificates: Any, extra: bytes) -> None:
    server = HttpServer(hello, tls=certificates.server_context())
    loop = asyncio.get_running_loop()
    async with running("server", server.serve):
        head = b"GET / HTTP/1.1\r\nHost: x\r\n" + extra + b"\r\n"
        idle = await asyncio.to_thread(ask, server.port, certificates.client_context(), head)
        began = loop.time()
    assert loop.time() - began < server.limits.grace_seconds / 2
    idle.settimeout(10)
    while idle.recv(1000):
        pass  # the end comes as TLS' goodbye, not as a cut
    idle.close()
