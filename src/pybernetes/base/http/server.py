"""The listener: accepts connections, gives each its protocol, bounds them in time, and stops them in order.

    server = HttpServer(app, host="127.0.0.1", port=6443, tls=context, name="apiserver")
    async with running("apiserver", server.serve):
        print(server.port)

With TLS the protocol follows ALPN: `h2` gets `Http2Connection`, everything else `Http1Connection`. Stopping: no new
connections, idle ones closed, pushed streams completed, running requests given `Limits.grace_seconds`, then cut.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable
from typing import Protocol, cast

import msgspec

from pybernetes.base.http import net
from pybernetes.base.http.h1 import Http1Connection
from pybernetes.base.http.message import App
from pybernetes.base.http.upgraded import TransportStream
from pybernetes.base.http.workers import Workers
from pybernetes.base.log import logger

log = logger(__name__)

_SWEEP_SECONDS = 5.0


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one peer may take. Times are checked every five seconds, except the grace."""

    max_head_bytes: int = 64 * 1024
    head_seconds: float = 30.0
    """To send a whole head once it began."""
    idle_seconds: float = 90.0
    """Between requests of a connection."""
    stall_seconds: float = 60.0
    """Without progress of a body, in either direction."""
    grace_seconds: float = 5.0
    """For running requests when the server stops."""
    linger_seconds: float = 0.5
    """Between the last answer and the close when the peer may still be sending."""
    max_streams: int = 250
    """Concurrent requests of one HTTP/2 connection."""


class Connection(Protocol):
    """What the server asks of a connection, whatever its protocol."""

    def stop(self) -> None: ...

    def abort(self) -> None: ...

    def check_time(self, now: float) -> None: ...


class HttpServer:
    """Serves an `App` on one address."""

    def __init__(
        self,
        app: App,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        name: str = "",
        limits: Limits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is opened before `serve`. Port 0 takes any free one."""
        self.app = app
        self.name = name
        self.limits = limits or Limits()
        self.clock = clock
        self.stopping = False
        self.workers: Workers
        self._host = host
        self._port = port
        self._tls = tls
        self._listener: socket.socket
        self._accepting: net.Accepting
        self._connections: set[Connection] = set()
        self._leaving: set[Connection] = set()
        self._streams: dict[Connection, TransportStream] = {}
        self._ending: list[TransportStream] = []
        self._empty = asyncio.Event()
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        """The port that is listened on, known once `serve` is ready."""
        return self._port

    async def serve(self, ready: asyncio.Event) -> None:
        """Listen until cancelled, then stop gracefully. OSError when the address cannot be bound."""
        listener = net.bind(self._host, self._port)
        self._port = listener.getsockname()[1]
        self.stopping = False
        self.workers = Workers(f"http {self.name or self._port}")
        self._listener = listener.dup()
        try:
            self._accepting = await self._accept(listener, self._tls)
            try:
                ready.set()
                await asyncio.get_running_loop().create_future()
            finally:
                self._listener.close()
                self._accepting.abort()
                await self._stop()
        finally:
            self._listener.close()

    async def use_tls(self, tls: ssl.SSLContext) -> None:
        """Another certificate, or other CAs, for connections that come from now on. The socket stays, so that none is
        turned away meanwhile."""
        before = self._accepting
        self._accepting = await self._accept(self._listener.dup(), tls)
        self._tls = tls
        before.close()

    async def _accept(self, listener: socket.socket, tls: ssl.SSLContext | None) -> net.Accepting:
        try:
            return await net.listen(self._protocol, listener, tls)
        except BaseException:
            listener.close()
            raise

    def _protocol(self) -> asyncio.Protocol:
        return _Negotiation(self) if self._tls is not None else Http1Connection(self)

    async def _stop(self) -> None:
        self.stopping = True
        try:
            for connection in list(self._connections):
                connection.stop()
            if self._connections:
                self._empty.clear()
                try:
                    async with asyncio.timeout(self.limits.grace_seconds):
                        await self._empty.wait()
                except TimeoutError:
                    log.info("Requests cut at the end of the grace period", server=self.name)
        finally:
            for connection in (*self._connections, *self._leaving):
                connection.abort()
            for stream in list(self._streams.values()):
                stream.close()
            if self._sweeper is not None:
                self._sweeper.cancel()
                self._sweeper = None
            await self.workers.close()
            for stream in self._ending:
                stream.abort()
            await asyncio.sleep(0)  # what was cut is gone in the next turn of the loop

    # What connections tell the server.

    def opened(self, connection: Connection) -> None:
        """A connection begins."""
        self._connections.add(connection)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def hang_up(self, connection: Connection, transport: asyncio.Transport) -> None:
        """A connection has nothing more to say. Once all is sent, what TLS still awaits is the peer's goodbye, and a
        client that keeps an idle connection does not read it: a server that stops does not wait for that."""
        sent = not transport.get_write_buffer_size()
        transport.close()
        if not sent:
            return
        self._connections.discard(connection)
        self._leaving.add(connection)
        if not self._connections:
            self._empty.set()

    def upgraded(self, connection: Connection, stream: TransportStream) -> None:
        """A connection left HTTP; `closed` follows when its stream ends."""
        self._connections.discard(connection)
        self._streams[connection] = stream
        if not self._connections:
            self._empty.set()

    def closed(self, connection: Connection) -> None:
        """A connection ended; idempotent."""
        self._connections.discard(connection)
        self._leaving.discard(connection)
        stream = self._streams.pop(connection, None)
        if stream is not None:
            self._ending = [ending for ending in (*self._ending, stream) if not ending.lost]
        if not self._connections:
            self._empty.set()

    def _sweep(self) -> None:
        self._sweeper = None
        self.sweep()
        if self._connections:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP_SECONDS, self._sweep)

    def sweep(self) -> None:
        """End the connections that exceed their time limits."""
        now = self.clock()
        for connection in list(self._connections):
            connection.check_time(now)


class _Negotiation(asyncio.Protocol):
    """Stands in until the TLS handshake has told which protocol the connection speaks."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        protocol: asyncio.Protocol
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            from pybernetes.base.http.h2 import Http2Connection  # only when a client asks for it

            protocol = Http2Connection(self._server)
        else:
            protocol = Http1Connection(self._server)
        cast(asyncio.Transport, transport).set_protocol(protocol)
        protocol.connection_made(transport)
