"""Passing an upgraded connection through: the client's bytes to the backend and back until either side ends."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import quote

from ...api.status import StatusError
from ...base.http.client import TransportError
from ...base.http.message import ByteStream, Headers, Request, Response

Send = Callable[[Request], Awaitable[Response]]
"""Sends a request to the backend; TransportError when it cannot be reached."""

_NOT_FORWARDED = frozenset(
    {"authorization", "connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer"}
)


def is_upgrade(request: Request) -> bool:
    """Whether the client asks to leave HTTP."""
    return bool(request.header("upgrade"))


def offered_protocols(request: Request) -> list[str]:
    """The subprotocols a WebSocket client offers, best first; empty for other upgrades."""
    if (request.header("upgrade") or "").lower() != "websocket":
        return []
    values = request.header_all("sec-websocket-protocol")
    return [text.strip() for value in values for text in value.split(",") if text.strip()]


def forwarded_headers(request: Request) -> Headers:
    """The client's headers as they go to a kubelet: no credentials, nothing of this connection but the upgrade."""
    return [(name, value) for name, value in request.headers if name not in _NOT_FORWARDED]


async def relay_upgrade(request: Request, path: str, query: str, send: Send) -> Response:
    """Ask the backend for the same upgrade and join the two connections.

    A backend that answers anything but 101 is passed through as it is. StatusError 500 when it cannot be reached.
    """
    answer = await dial(Request(request.method, path, query, forwarded_headers(request)), send)
    if answer.status != 101 or answer.connection is None:
        return answer
    backend = answer.connection

    async def joined(client: ByteStream) -> None:
        await join(client, backend)

    return Response(101, answer.headers, upgrade=joined)


async def dial(request: Request, send: Send) -> Response:
    """Send an upgrade request. StatusError 500 `error dialing backend: ...` when there is no answer."""
    try:
        answer = await send(request)
    except TransportError as error:
        raise StatusError(500, "", f"error dialing backend: {error}") from None
    if 101 < answer.status < 400:
        raise StatusError(500, "", f"invalid upgrade response: status code {answer.status}")
    return answer


async def join(client: ByteStream, backend: ByteStream) -> None:
    """Copy both ways until one side ends, then end both."""
    directions = [
        asyncio.create_task(_copy(client, backend), name="relay to backend"),
        asyncio.create_task(_copy(backend, client), name="relay to client"),
    ]
    await finish_first(directions, client, backend)


async def finish_first(tasks: "list[asyncio.Task[None]]", *streams: ByteStream) -> None:
    """Wait for the first task to end; then close the streams and end the others."""
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for stream in streams:
            stream.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(source: ByteStream, target: ByteStream) -> None:
    while data := await source.read():
        await target.write(data)


def spdy_request(request: Request, path: str, query: str, protocols: Sequence[str]) -> Request:
    """The request that opens SPDY/3.1 to a kubelet on behalf of a WebSocket client."""
    headers = [
        (name, value)
        for name, value in forwarded_headers(request)
        if name not in ("upgrade", "x-stream-protocol-version") and not name.startswith("sec-websocket-")
    ]
    headers.append(("upgrade", "SPDY/3.1"))
    headers += [("x-stream-protocol-version", name) for name in protocols]
    return Request("POST", path, query, headers)


def segment(text: str) -> str:
    """One path segment, encoded."""
    return quote(text, safe="")
