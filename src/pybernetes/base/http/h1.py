"""HTTP/1.1 on the server's side.

`data_received` feeds a `MessageReader`, which puts `Exchange` objects into a queue; a worker takes them one at a time,
so pipelined requests are answered in order. A body that is not complete with its head is an `IncomingBody`. The
answer goes out by kind of body: bytes in one write, an iterator pulled under back-pressure, a `PushBody` with no task
at all. A 101 hands the transport to a `TransportStream`.

                 head complete                 response written
    reading ───────────────────▶ handling ───────────────────────▶ reading, or closed
                                   │  │ PushBody: pushing ─ close ──▲
                                   ╰──┴── connection lost: the task is cancelled, the PushBody stopped

The server's sweep calls `check_time` every few seconds: slow heads, idle connections, stalled bodies and peers that do
not read are ended there, so no request pays for a timer.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, cast

from pybernetes.base.http.h1_exchange import ChunkSink, Exchange, Refused
from pybernetes.base.http.h1_reading import MessageReader
from pybernetes.base.http.heads import response_head, upgrade_head
from pybernetes.base.http.incoming import IncomingBody
from pybernetes.base.http.known_head import KnownHeads
from pybernetes.base.http.message import PushBody, Request, Response
from pybernetes.base.http.net import peer_of
from pybernetes.base.http.progress import Mark, progress
from pybernetes.base.http.upgraded import TransportStream
from pybernetes.base.log import logger

if TYPE_CHECKING:
    from pybernetes.base.http.server import HttpServer

log = logger(__name__)

_BODY_HIGH_WATER = 256 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Http1Connection(asyncio.Protocol):
    """One connection. Also the `Job` that its worker runs: the requests of this connection, in order."""

    def __init__(self, server: "HttpServer") -> None:
        self.task: asyncio.Task[None] | None = None
        self._server = server
        self._app = server.app
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)  # set by connection_made
        self._reader: MessageReader | None = None
        self._closing = False
        self._queue: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._since = server.clock()
        self._leftover = b""
        self._reading = True
        self._known = KnownHeads(server.limits.max_head_bytes)
        # The response being written.
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self._mark: Mark | None = None
        self._sink: ChunkSink | None = None

    # Connection events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._reader = MessageReader(self._queue, self._server.limits.max_head_bytes, *peer_of(transport))
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        reader = self._reader
        if reader is None:
            self._keep_for_upgrade(data)
            return
        if not reader.in_head:
            self._since = self._server.clock()
        between = self._current is None and not reader.in_head and reader.arriving is None
        if between and (known := self._known.request(data)) is not None:
            self._current = Exchange(known, True, False, False)
            self._server.workers.run(self)
            return
        try:
            behind = reader.feed(data)
        except Refused as refused:
            self._refuse(reader, refused)
        else:
            if behind is not None:
                self._reader = None
                self._leftover = behind
            elif reader.arriving is not None:
                self._arrived(reader, reader.arriving)
        if self._current is None and self._queue:
            self._current = self._queue.popleft()
            if between and not (self._queue or reader.in_head or reader.arriving) and self._current.plain:
                self._known.learn(data, self._current.request)
            self._server.workers.run(self)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        reader, self._reader = self._reader, None
        self._queue.clear()
        gone = ConnectionResetError("the client closed the connection")
        for exchange in (self._current, reader.arriving if reader is not None else None):
            if exchange is not None and exchange.body is not None:
                exchange.body.fail(gone)
        if self._sink is not None:
            self._sink.detach()
        if self.task is not None:
            self.task.cancel()
        self._wake_writer()
        self._server.closed(self)

    def pause_writing(self) -> None:
        self._paused = True
        if self._sink is not None:
            self._sink.pause()

    def resume_writing(self) -> None:
        self._paused = False
        self._mark = None
        if self._sink is not None:
            self._sink.resume()
        self._wake_writer()

    def _wake_writer(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # Reading beyond the simple case.

    def _arrived(self, reader: MessageReader, exchange: Exchange) -> None:
        """The head is complete and the body is not: the application reads it as it comes."""
        body = exchange.body
        if body is None:
            body = IncomingBody(lambda taken: self._body_demanded(exchange), reader.declared_length)
            exchange.body = exchange.request.body = body
            self._queue.append(exchange)
        if reader.chunks:
            body.feed(b"".join(reader.chunks))
            reader.chunks.clear()
            if body.buffered > _BODY_HIGH_WATER and self._reading:
                self._reading = False
                self._transport.pause_reading()

    def _body_demanded(self, exchange: Exchange) -> None:
        if self._closing:
            return
        if exchange.expects_continue:
            exchange.expects_continue = False
            self._since = self._server.clock()
            if not exchange.started:
                self._transport.write(_CONTINUE)
        self._resume_reading()

    def _resume_reading(self) -> None:
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()

    def _keep_for_upgrade(self, data: bytes) -> None:
        """Bytes after an upgrade request belong to the new protocol; bytes after a refusal to nobody."""
        if not self._closing:
            self._leftover += data
            if len(self._leftover) > _BODY_HIGH_WATER and self._reading:
                self._reading = False
                self._transport.pause_reading()

    def _refuse(self, reader: MessageReader, refused: Refused) -> None:
        """The input makes no sense from here on: answer what came before, then this, then close."""
        self._reader = None
        exchange = reader.arriving
        if exchange is None or exchange.body is None:
            exchange = Exchange(Request("", ""), False, False, False)
            self._queue.append(exchange)
        plain = [("content-type", "text/plain; charset=utf-8")]
        exchange.refusal = Response(refused.status, plain, refused.text.encode() + b"\n")
        exchange.keep_alive = False
        if exchange.body is not None:
            exchange.body.fail(ConnectionResetError(refused.text))

    # Answering.

    async def handle(self) -> None:
        while (exchange := self._current) is not None:
            try:
                response = exchange.refusal or await self._app(exchange.request)
                body = response.body
                if response.status == 101 and response.upgrade is not None:
                    await self._upgrade(response)
                    return
                if isinstance(body, bytes):
                    self._send_whole(exchange, response, body)
                elif isinstance(body, AsyncIterator):
                    await self._send_pieces(exchange, response, body)
                elif self._send_pushed(exchange, response, body):
                    return
                if self._paused:
                    await self._drain()
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is None or task.cancelling():
                    self._current = None
                    self._transport.abort()
                    raise
                self._fail(exchange)
            except Exception:
                self._fail(exchange)
            self._finish(exchange)

    def _fail(self, exchange: Exchange) -> None:
        """The application raised: 500 if nothing was sent yet, otherwise the connection is cut."""
        if self._transport.is_closing():
            return
        if exchange.refusal is not None and not exchange.started:
            self._send_whole(exchange, exchange.refusal, cast(bytes, exchange.refusal.body))
            return
        request = exchange.request
        log.exception("Request failed", method=request.method, path=request.path, server=self._server.name)
        if exchange.started:
            self._transport.abort()
        else:
            text = [("content-type", "text/plain; charset=utf-8")]
            self._send_whole(exchange, Response(500, text), b"internal server error\n")

    def _head(self, exchange: Exchange, response: Response, length: int | None) -> bytes:
        """The response's head; decides whether the connection is kept and whether the body is chunked."""
        keep = (
            exchange.keep_alive
            and not exchange.upgrade
            and not self._server.stopping
            and (exchange.body is None or exchange.body.complete)
        )
        chunked = False
        status = response.status
        if status < 200 or status == 204 or status == 304:
            length = None
        elif length is None:
            given = response.header("content-length")
            if given is not None:
                length = int(given)
            elif exchange.http10:
                keep = False
            else:
                chunked = True
        connection = "close" if not keep else "keep-alive" if exchange.http10 else ""
        head = response_head(status, response.headers, length=length, chunked=chunked, connection=connection)
        exchange.keep_alive = keep
        exchange.started = True
        return head

    def _send_whole(self, exchange: Exchange, response: Response, body: bytes) -> None:
        if exchange.request.method == "HEAD":
            self._transport.write(self._head(exchange, response, len(body) or None))
            return
        head = self._head(exchange, response, len(body))
        if response.status in (204, 304):
            body = b""
        if len(body) > 65536:
            self._transport.write(head)
            self._transport.write(body)
        else:
            self._transport.write(head + body)

    async def _send_pieces(self, exchange: Exchange, response: Response, pieces: AsyncIterator[bytes]) -> None:
        try:
            head = self._head(exchange, response, None)
            self._transport.write(head)
            if exchange.request.method == "HEAD" or response.status in (204, 304):
                return
            chunked = b"\r\ntransfer-encoding: chunked\r\n" in head
            async for piece in pieces:
                if piece:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    if self._paused:
                        await self._drain()
            if chunked:
                self._transport.write(b"0\r\n\r\n")
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()

    def _send_pushed(self, exchange: Exchange, response: Response, body: PushBody) -> bool:
        """Write the head and let the producer push. False when it is complete already."""
        head = self._head(exchange, response, None)
        self._transport.write(head)
        if exchange.request.method == "HEAD" or response.status in (204, 304):
            body.stop()
            return False
        sink = ChunkSink(
            self._transport,
            body,
            chunked=b"\r\ntransfer-encoding: chunked\r\n" in head,
            paused=self._paused,
            ended=lambda: self._pushed(exchange),
        )
        self._sink = sink
        body.start(sink)
        if sink.closed:
            self._sink = None
        return not sink.closed

    def _pushed(self, exchange: Exchange) -> None:
        """The producer of a pushed body closed its sink; go on with the connection."""
        if self._sink is not None and self.task is None:
            self._sink = None
            self._finish(exchange)
            if self._current is not None:
                self._server.workers.run(self)

    async def _upgrade(self, response: Response) -> None:
        assert response.upgrade is not None
        self._current = None
        self._closing = True
        self._reader = None
        self._transport.write(upgrade_head(response.headers))
        stream = TransportStream(self._transport, self._leftover, writable=not self._paused)
        self._server.upgraded(self, stream)
        try:
            await response.upgrade(stream)
        except ConnectionError as error:
            log.debug("Upgraded connection ended", err=error, server=self._server.name)
        except Exception:
            log.exception("Upgraded connection failed", server=self._server.name)
        finally:
            stream.close()
            self._server.closed(self)

    async def _drain(self) -> None:
        """Wait while the peer is slow. ConnectionResetError when it is gone."""
        while self._paused and not self._transport.is_closing():
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained
        if self._transport.is_closing():
            raise ConnectionResetError("the client closed the connection")

    def _finish(self, exchange: Exchange) -> None:
        """The response is written: take the next request, wait for one, or close."""
        self._current = None
        self._since = self._server.clock()
        if self._closing:
            return
        if exchange.keep_alive and not self._server.stopping:
            self._resume_reading()
            if self._queue:
                self._current = self._queue.popleft()
            return
        self._closing = True
        self._reader = None
        self._queue.clear()
        if (exchange.body is not None and not exchange.body.complete) or exchange.refusal is not None:
            # Closing with unread input would reset the connection and take the answer with it.
            self._resume_reading()
            asyncio.get_running_loop().call_later(self._server.limits.linger_seconds, self._transport.close)
        else:
            self._close()

    def _close(self) -> None:
        self._closing = True
        self._server.hang_up(self, self._transport)

    # What the server asks of a connection.

    def stop(self) -> None:
        """Graceful: end pushed bodies now, running requests when they are answered, idle connections at once."""
        if self._sink is not None:
            self._sink.close()
        elif self._current is None and not self._closing:
            self._reader = None
            self._close()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def check_time(self, now: float) -> None:
        """End what takes too long; called by the server's sweep."""
        limits = self._server.limits
        waited = now - self._since
        if self._paused:
            written = self._sink.written if self._sink is not None else 0
            self._mark = progress(self._mark, now, written - self._transport.get_write_buffer_size())
            if self._mark.stalled(now, limits.stall_seconds):
                self._transport.abort()
            return
        if self._reader is not None and self._reader.in_head:
            if waited > limits.head_seconds:
                self._transport.abort()
        elif self._current is None:
            if waited > limits.idle_seconds:
                self._close()
        elif self._current.body is not None and self._current.body.awaited and waited > limits.stall_seconds:
            self._transport.abort()
