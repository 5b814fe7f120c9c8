"""More connections than there are file descriptors: the rest is refused, the process goes on, room is used again."""

import asyncio
import os
import resource
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from pybernetes.base.http.message import Request, Response

ROOM = 60


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    """So many more than are in use, and than are kept back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 2 * ROOM + 300, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def ok(request: Request) -> Response:
    return Response(200, [], b"ok")


@pytest.mark.parametrize("secure", [False, True])
async def test_connections_beyond_the_limit_are_refused(
    start: Any, certificates: Any, few_descriptors: None, caplog: Any, secure: bool
) -> None:
    server = await start(ok, tls=certificates.server_context() if secure else None)
    loop = asyncio.get_running_loop()
    silent: list[socket.socket] = []
    refused = 0
    try:
        async with asyncio.timeout(60):
            while not refused:
                for _ in range(20):
                    # Clients have descriptors too: two for each connection.
                    one = socket.socket()
                    one.setblocking(False)
                    await loop.sock_connect(one, ("127.0.0.1", server.port))
                    silent.append(one)
                await asyncio.sleep(0.02)
                refused = sum(closed(one) for one in silent)
        assert len(silent) > 20
        # There is still room for the process itself, and nobody spins.
        with open("/dev/null"):  # noqa: ASYNC230
            pass
        assert len([record for record in caplog.records if "refused" in record.message]) == 1
        assert not [record for record in caplog.records if record.levelname == "ERROR"]
    finally:
        for one in silent:
            one.close()
    async with asyncio.timeout(60):
        tls = certificates.client_context() if secure else None
        while not await served(server.port, tls):  # noqa: ASYNC110 (the server notices when it does)
            await asyncio.sleep(0.02)


def closed(one: socket.socket) -> bool:
    try:
        return one.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


async def served(port: int, tls: Any) -> bool:
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None
        )
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer.startswith(b"HTTP/1.1 200")
    except OSError:
        return False
