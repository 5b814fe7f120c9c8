"""exec, attach and port-forward: the caller's upgraded connection is joined with the container runtime's.

The runtime names a one-time URL of its own streaming server. The upgrade request is sent on to it with the caller's
protocol headers; what it answers (101 and its headers, or an error) is what the caller gets, and from then on bytes are
relayed both ways untouched. So every protocol the runtime speaks (SPDY/3.1, WebSocket) works here without being known.
"""

import asyncio
from urllib.parse import urlsplit

from pybernetes.base.http.client import HttpTransport, TransportError
from pybernetes.base.http.message import ByteStream, Request, Response

FORWARDED = ("upgrade", "x-stream-protocol-version", "origin", "user-agent")
FORWARDED_PREFIX = "sec-websocket-"
DROPPED = frozenset({"transfer-encoding", "content-length", "keep-alive"})


async def _pump(source: ByteStream, target: ByteStream) -> None:
    while data := await source.read():
        await target.write(data)


async def relay(one: ByteStream, other: ByteStream) -> None:
    """Copy both directions until either end closes; then both are closed, what was read being delivered first."""
    tasks = [asyncio.create_task(_pump(one, other)), asyncio.create_task(_pump(other, one))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        one.close()
        other.close()


class StreamingClient:
    """Reaches the runtime's streaming server."""

    def __init__(self) -> None:
        self._transports: dict[str, HttpTransport] = {}

    async def close(self) -> None:
        """End every connection."""
        for transport in self._transports.values():
            await transport.close()
        self._transports.clear()

    async def proxy(self, request: Request, url: str, query: str = "") -> Response:
        """The answer to the caller's upgrade request, taken from url."""
        parts = urlsplit(url)
        base = f"http://{parts.netloc}"
        transport = self._transports.get(base)
        if transport is None:
            transport = self._transports[base] = HttpTransport(base)
        headers = [
            (name, value) for name, value in request.headers if name in FORWARDED or name.startswith(FORWARDED_PREFIX)
        ]
        forwarded = Request(request.method, parts.path, "&".join(filter(None, (parts.query, query))), headers)
        try:
            answer = await transport(forwarded)
        except TransportError as error:
            return Response(502, [("content-type", "text/plain")], f"container runtime: {error}\n".encode())
        if answer.status != 101 or answer.connection is None:
            return Response(answer.status, [h for h in answer.headers if h[0] not in DROPPED], answer.body)
        runtime = answer.connection

        async def join(caller: ByteStream) -> None:
            await relay(caller, runtime)

        return Response(101, [h for h in answer.headers if h[0] not in DROPPED], upgrade=join)
