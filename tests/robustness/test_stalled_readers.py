"""Clients that ask and do not read: big lists and watches cost the server a bounded amount of memory for each, others
are served meanwhile, and who left is forgotten."""

import asyncio
import socket
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.api import CONFIG_MAPS, Api

from pybernetes.api.resource import resource
from pybernetes.apiserver.watch_cache.watcher import LAG_LIMIT_BYTES
from pybernetes.base.http.message import Request, Response
from pybernetes.base.http.server import HttpServer
from pybernetes.base.tasks import running
from pybernetes.testing import ADMIN, api_server

OBJECTS, SIZE = 80, 100_000
READERS = 40
MEBIBYTE = 1 << 20


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@asynccontextmanager
async def listening():
    """A server with some megabytes of config maps, over plain HTTP."""
    async with api_server() as server:

        async def app(request: Request) -> Response:
            request.context["user"] = ADMIN
            return await server.app(request)

        api = Api(server)
        for number in range(OBJECTS):
            answer = await api.post(CONFIG_MAPS, {"metadata": {"name": f"n{number}"}, "data": {"a": "x" * SIZE}})
            assert answer.code == 201
        http = HttpServer(app)
        async with running("http", http.serve):
            yield api, http


async def ask(http: HttpServer, target: str) -> socket.socket:
    """A socket that has sent a request, has a small buffer, and will not be read."""
    loop = asyncio.get_running_loop()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.setblocking(False)
    await loop.sock_connect(connection, ("127.0.0.1", http.port))
    await loop.sock_sendall(connection, f"GET {target} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    return connection


async def busy(connections: list[socket.socket]) -> None:
    """Wait until every one has the beginning of its answer."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(120):
        for connection in connections:
            assert (await loop.sock_recv(connection, 9)) == b"HTTP/1.1 "


async def test_big_lists_that_nobody_reads():
    async with listening() as (api, http):
        before = resident()
        stalled = [await ask(http, CONFIG_MAPS) for _ in range(READERS)]
        await busy(stalled)
        # Each holds the pieces in its socket and one more, not the eight megabytes of the list.
        assert resident() - before < READERS * 3 * MEBIBYTE + 30 * MEBIBYTE
        async with asyncio.timeout(120):
            assert (await api.get(f"{CONFIG_MAPS}/n1")).code == 200
        for connection in stalled:
            connection.close()
        async with asyncio.timeout(60):
            while http._connections:  # noqa: ASYNC110 (the kernel tells of closed peers when it likes)
                await asyncio.sleep(0.01)


async def test_watches_that_nobody_reads():
    async with listening() as (api, http):
        present = (await api.get(f"{CONFIG_MAPS}/n1")).version
        stalled = [
            await ask(http, f"{CONFIG_MAPS}?watch=1&resourceVersion={present}&fieldSelector=metadata.name%3Dn{at % 4}")
            for at in range(8)
        ]
        await busy(stalled)
        fanout = api.server.cache.cache(resource("configmaps")).fanout
        assert len(fanout) == 8
        for turn in range(LAG_LIMIT_BYTES // 900_000 + 10):
            body = {"metadata": {"name": "n0"}, "data": {"a": f"{turn:03}" * 300_000}}
            assert (await api.put(f"{CONFIG_MAPS}/n0", body)).code == 200
        await api.settle()
        # The two that had more to read than they may leave waiting are dropped; nobody waited for them.
        assert (fanout.lagged, len(fanout)) == (2, 6)
        for connection in stalled:
            connection.close()
        async with asyncio.timeout(60):
            while len(fanout):  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_beginnings_of_watches_that_nobody_reads():
    async with listening() as (api, http):
        before = resident()
        stalled = [await ask(http, f"{CONFIG_MAPS}?watch=1&resourceVersion=0") for _ in range(READERS)]
        stalled += [
            await ask(
                http,
                f"{CONFIG_MAPS}?watch=1&sendInitialEvents=true&allowWatchBookmarks=true"
                "&resourceVersionMatch=NotOlderThan",
            )
            for _ in range(READERS)
        ]
        stalled += [await ask(http, f"{CONFIG_MAPS}?watch=1&resourceVersion=1") for _ in range(READERS)]
        await busy(stalled)
        # Each holds half a mebibyte and what is in its socket, not the eight megabytes of the collection.
        assert resident() - before < len(stalled) * MEBIBYTE + 30 * MEBIBYTE
        async with asyncio.timeout(120):
            assert (await api.get(f"{CONFIG_MAPS}/n1")).code == 200
        for connection in stalled:
            connection.close()
        async with asyncio.timeout(60):
            while http._connections:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
