"""The client transport: an `App` that writes the request to a pooled HTTP/1.1 connection and returns the response.

    transport = HttpTransport("https://127.0.0.1:6443", tls=x509.client_context(ca, certificate, key))
    response = await transport(Request("GET", "/version"))

The body of the response is `bytes` if all of it came with the head, otherwise an iterator; a 101 reply has
`connection`. Read an iterator to its end and the connection goes back to the pool; `await iterator.aclose()` (or cancel
the reader and close) and the connection is closed, which is how a watch is ended. Nothing here limits how long an
answer may take: callers use `asyncio.timeout`.

A request that met a pooled connection the server was just closing is sent again, once, if it is safe: nothing was
written yet, or the method is GET, HEAD or OPTIONS and the body is there as a whole (the rule of Go's net/http).
"""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from urllib.parse import unquote, urlsplit

from pybernetes.base.http import net
from pybernetes.base.http.client_connection import ClientConnection, NotConnected, ResponseBody, TransportError
from pybernetes.base.http.heads import HOP_BY_HOP, request_head
from pybernetes.base.http.message import BytesBody, Headers, Request, Response
from pybernetes.base.http.upgraded import TransportStream

__all__ = ["HttpTransport", "TransportError"]

_CONNECT_SECONDS = 10.0
_MAX_IDLE_SECONDS = 60.0
"""Servers close idle connections after 90 s; stay well below."""
_MAX_IDLE = 128
"""More than any component has requests under way: opening a connection costs more than ten requests."""
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_FRAMING = HOP_BY_HOP | {"host", "content-length"}


class HttpTransport:
    """Calls one server: `http://host:port[/prefix]`, `https://…`, or `unix:///path/of/socket`."""

    def __init__(
        self,
        base_url: str,
        *,
        tls: ssl.SSLContext | None = None,
        headers: Iterable[tuple[str, str]] = (),
        max_connections: int = 1024,
        connect_timeout: float = _CONNECT_SECONDS,
        server_name: str | None = None,
        connect_to: tuple[str, int] | None = None,
        silence_seconds: float = 0.0,
        on_silence: Callable[[str], None] | None = None,
    ) -> None:
        """`headers` are added to each request. `server_name` replaces the host in the check of the certificate,
        `connect_to` host and port in the connection (the `host` header stays that of the address).

        A connection whose peer gives no sign of life for `silence_seconds`, not even to the kernel, is lost, and all
        others to that peer with it; 0 leaves it at what `net.tune` sets. `on_silence(reason)` is called then.

        Beyond `max_connections` requests under way, further ones wait for one to end.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https", "unix"):
            raise ValueError(f"not an http, https or unix address: {base_url!r}")
        self._path = unquote(parts.path) if parts.scheme == "unix" else ""
        self._prefix = "" if self._path else parts.path.rstrip("/")
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        if connect_to is not None:
            self._host, self._port = connect_to
            server_name = server_name or parts.hostname
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._server_name = server_name
        self._common: Headers = [("host", parts.netloc.rpartition("@")[2] or "localhost")]
        self._common += [(name.lower(), value) for name, value in headers]
        self._connect_timeout = connect_timeout
        self._silence_seconds = silence_seconds
        self._on_silence = on_silence
        self._slots = asyncio.Semaphore(max_connections)
        self._idle: list[tuple[ClientConnection, float]] = []
        self._all: set[ClientConnection] = set()
        self._closed = False

    async def __call__(self, request: Request) -> Response:
        """Send the request, return the response once its head is there. TransportError when there is no answer."""
        await self._slots.acquire()
        release = _Once(self._slots.release)
        try:
            return await self._call(request, release)
        except BaseException:
            release()
            raise

    async def close(self) -> None:
        """Close every connection; running calls fail."""
        self._closed = True
        self._idle.clear()
        connections = list(self._all)
        for connection in connections:
            connection.close()
        for connection in connections:
            await connection.lost.wait()

    def cut(self) -> None:
        """End every connection, and what runs on it with TransportError; further calls make new ones."""
        for connection in list(self._all):
            connection.close()

    async def _call(self, request: Request, release: "_Once") -> Response:
        whole = request.body.data if isinstance(request.body, BytesBody) else None
        head, upgrade = self._head(request, whole)
        while True:
            connection = self._pooled() if not upgrade else None
            reused = connection is not None
            if connection is None:
                connection = await self._connect()
            try:
                return await self._exchange(connection, request, head, whole, release)
            except TransportError:
                unsent = not connection.wrote
                safe = whole is not None and request.method in _REPEATABLE and not connection.answered
                if reused and (unsent or safe):
                    continue
                raise

    def _head(self, request: Request, whole: bytes | None) -> tuple[bytes, bool]:
        target = self._prefix + request.path
        if request.query:
            target = f"{target}?{request.query}"
        headers = list(self._common)
        upgrade = request.header("upgrade")
        length = None
        for name, value in request.headers:
            if name == "content-length":
                length = value
            elif name not in _FRAMING:
                headers.append((name, value))
        if upgrade is not None:
            headers += [("connection", "Upgrade"), ("upgrade", upgrade)]
        if whole is not None:
            if whole or request.method not in ("GET", "HEAD", "OPTIONS", "DELETE"):
                headers.append(("content-length", str(len(whole))))
        elif length is not None:
            headers.append(("content-length", length))
        else:
            headers.append(("transfer-encoding", "chunked"))
        return request_head(request.method, target, headers), upgrade is not None

    async def _exchange(
        self,
        connection: ClientConnection,
        request: Request,
        head: bytes,
        whole: bytes | None,
        release: "_Once",
    ) -> Response:
        sender: asyncio.Task[None] | None = None
        try:
            connection.begin(request.method)
            if whole is not None:
                connection.write(head + whole)
            else:
                connection.write(head)
                chunked = head.endswith(b"\r\ntransfer-encoding: chunked\r\n\r\n")
                sender = asyncio.create_task(connection.send_body(request.body.chunks(), chunked))
            await connection.head_arrived()
        except BaseException:
            if sender is not None:
                sender.cancel()
            connection.close()
            raise

        def ended(reusable: bool) -> None:
            release()
            if sender is not None and not sender.done():
                sender.cancel()
                reusable = False
            if reusable and not self._closed and len(self._idle) < _MAX_IDLE:
                self._idle.append((connection, time.monotonic()))
            else:
                connection.close()

        status, headers = connection.status, connection.headers
        if status == 101:
            # The stream outlives the call; it does not count against max_connections.
            release()
            self._all.discard(connection)
            transport, leftover, writable = connection.hand_over()
            return Response(101, headers, connection=TransportStream(transport, leftover, writable=writable))
        kept = [header for header in headers if header[0] not in HOP_BY_HOP]
        body = connection.body
        if body.complete:
            data = await body.next_chunk() if body.buffered else b""
            ended(connection.reusable)
            return Response(status, kept, data)
        return Response(status, kept, ResponseBody(connection, ended))

    def _lost(self, connection: ClientConnection) -> None:
        """A request on one of the other connections would only wait as long again for the same peer."""
        self._all.discard(connection)
        if not (connection.fell_silent and self._silence_seconds):
            return
        if self._on_silence is not None:
            self._on_silence(f"no sign of life for {self._silence_seconds:g}s")
        self.cut()

    def _pooled(self) -> ClientConnection | None:
        oldest = time.monotonic() - _MAX_IDLE_SECONDS
        while self._idle:
            connection, since = self._idle.pop()
            if since > oldest and connection.usable:
                return connection
            connection.close()
        return None

    async def _connect(self) -> ClientConnection:
        if self._closed:
            raise NotConnected("the transport is closed")
        connection = ClientConnection(self._lost)
        unix = bool(self._path)
        what = f"dial unix {self._path}" if unix else f"dial tcp {net.join_host_port(self._host, self._port)}"
        try:
            async with asyncio.timeout(self._connect_timeout):
                if unix:
                    await net.connect_unix(lambda: connection, self._path)
                else:
                    transport = await net.connect(
                        lambda: connection, self._host, self._port, self._tls, self._server_name
                    )
                    if self._silence_seconds:
                        net.limit_silence(transport, self._silence_seconds)
        except TimeoutError:
            raise NotConnected(f"{what}: i/o timeout") from None
        except ssl.SSLCertVerificationError as error:
            raise NotConnected(f"tls: failed to verify certificate: {error.verify_message}") from error
        except ssl.SSLError as error:
            raise NotConnected(net.handshake_failure(error)) from error
        except socket.gaierror:
            raise NotConnected(f"{what}: lookup {self._host}: no such host") from None
        except OSError as error:
            raise NotConnected(f"{what}: connect: {_reason(error)}") from error
        self._all.add(connection)
        return connection


def _reason(error: OSError) -> str:
    return os.strerror(error.errno).lower() if error.errno else str(error) or "connection closed"


class _Once:
    """Calls a function the first time it is called."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[[], None]) -> None:
        self._function: Callable[[], None] | None = function

    def __call__(self) -> None:
        function, self._function = self._function, None
        if function is not None:
            function()
