"""HTTP/1.1 on the server's side.

`data_received` feeds httptools, whose callbacks assemble `Exchange` objects in a queue; a worker takes them one at a
time, so pipelined requests are answered in order. A body that is not complete with its head is an `IncomingBody`. The
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

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from pybernetes.base.http.h1_exchange import ChunkSink, Exchange, Refused, origin_form
from pybernetes.base.http.heads import header_name, response_head, upgrade_head
from pybernetes.base.http.incoming import IncomingBody
from pybernetes.base.http.known_head import KnownHeads
from pybernetes.base.http.message import BytesBody, Headers, PushBody, Request, Response
from pybernetes.base.http.net import peer_of
from pybernetes.base.http.upgraded import TransportStream
from pybernetes.base.log import logger

if TYPE_CHECKING:
    from pybernetes.base.http.server import HttpServer

log = logger(__name__)

_MAX_TARGET = 32 * 1024
_MAX_PIPELINED = 128
_BODY_HIGH_WATER = 256 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NOTED = frozenset({"host", "expect", "content-length", "transfer-encoding"})


class Http1Connection(asyncio.Protocol):
    """One connection. Also the `Job` that its worker runs: the requests of this connection, in order."""

    def __init__(self, server: "HttpServer") -> None:
        self.task: asyncio.Task[None] | None = None
        self._server = server
        self._app = server.app
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)  # set by connection_made
        self._parser: HttpRequestParser | None = None
        self._peer_certificate: bytes | None = None
        self._remote_address = ""
        self._closing = False
        self._queue: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._since = server.clock()
        # The message being parsed.
        self._url = b""
        self._headers: Headers = []
        self._noted: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._head_bytes = 0  # of the head, in earlier pieces
        self._piece_bytes = 0
        self._in_head = False
        self._arriving: Exchange | None = None
        self._leftover = b""
        self._reading = True
        self._known = KnownHeads(server.limits.max_head_bytes)
        # The response being written.
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self._stalled: tuple[float, int] | None = None
        self._sink: ChunkSink | None = None

    # Connection events.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._parser = HttpRequestParser(self)
        self._peer_certificate, self._remote_address = peer_of(transport)
        self._server.opened(self)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            self._keep_for_upgrade(data)
            return
        if not self._in_head:
            self._since = self._server.clock()
        between = self._current is None and not self._in_head and self._arriving is None
        if between and (known := self._known.request(data)) is not None:
            self._current = Exchange(known, True, False, False)
            self._server.workers.run(self)
            return
        self._piece_bytes = len(data)
        try:
            parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._parser = None
            self._leftover = data[upgrade.args[0] :]
        except HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, Refused):
                self._refuse(cause.status, str(cause))
            else:
                self._refuse(400, f"malformed HTTP request: {error}")
        else:
            if self._in_head:
                self._head_bytes += len(data)
                if self._head_bytes > self._server.limits.max_head_bytes:
                    self._refuse(431, "request header fields too large")
            elif self._arriving is not None:
                self._arrived(self._arriving)
        if self._current is None and self._queue:
            self._current = self._queue.popleft()
            if between and not self._queue and not self._in_head and self._arriving is None and self._current.plain:
                self._known.learn(data, self._current.request)
            self._server.workers.run(self)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._parser = None
        self._queue.clear()
        gone = ConnectionResetError("the client closed the connection")
        for exchange in (self._current, self._arriving):
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
        if self._sink is not None:
            self._sink.resume()
        self._wake_writer()

    def _wake_writer(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # Parser callbacks.

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._noted = {}
        self._head_bytes = 0
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        self._url = self._url + url if self._url else url
        if len(self._url) > _MAX_TARGET:
            raise Refused(414, "request URI too long")

    def on_header(self, raw: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: what comes behind the body may not pass for a header that a proxy has looked at
        name = header_name(raw)
        text = value.decode("utf-8", "surrogateescape")
        self._headers.append((name, text))
        if name in _NOTED:
            if name == "host" and name in self._noted:
                raise Refused(400, "too many Host headers")
            self._noted[name] = text

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        headers, noted = self._headers, self._noted
        if self._head_bytes + self._piece_bytes > self._server.limits.max_head_bytes:
            # Perhaps only the body made this piece so large: count exactly.
            size = len(self._url) + sum([len(name) + len(value) for name, value in headers])
            if size > self._server.limits.max_head_bytes:
                raise Refused(431, "request header fields too large")
        http10 = parser.get_http_version() == "1.0"
        if "host" not in noted and not http10:
            raise Refused(400, "missing required Host header")
        if noted.get("transfer-encoding", "chunked").lower() != "chunked":
            raise Refused(501, "unsupported transfer encoding")
        if len(self._queue) >= _MAX_PIPELINED:
            raise Refused(400, "too many pipelined requests")
        path, _, query = origin_form(self._url).partition("?")
        request = Request(
            parser.get_method().decode("ascii"),
            path,
            query,
            headers,
            peer_certificate=self._peer_certificate,
            remote_address=self._remote_address,
        )
        exchange = Exchange(request, parser.should_keep_alive(), http10, parser.should_upgrade())
        exchange.expect(noted)
        self._in_head = False
        self._arriving = exchange

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)

    def on_message_complete(self) -> None:
        exchange, self._arriving = self._arriving, None
        assert exchange is not None
        chunks, self._chunks = self._chunks, []
        if exchange.body is not None:
            if chunks:
                exchange.body.feed(b"".join(chunks))
            exchange.body.finish()
            return
        if chunks:
            exchange.request.body = BytesBody(b"".join(chunks))
        self._queue.append(exchange)

    # Reading beyond the simple case.

    def _arrived(self, exchange: Exchange) -> None:
        """The head is complete and the body is not: the application reads it as it comes."""
        body = exchange.body
        if body is None:
            length = self._noted.get("content-length")
            body = IncomingBody(lambda taken: self._body_demanded(exchange), int(length) if length else None)
            exchange.body = exchange.request.body = body
            self._queue.append(exchange)
        if self._chunks:
            body.feed(b"".join(self._chunks))
            self._chunks.clear()
            self._head_bytes = 0
            if body.buffered > _BODY_HIGH_WATER and self._reading:
                self._reading = False
                self._transport.pause_reading()
        else:
            # Chunk extensions or trailers: nothing that anybody waits for.
            self._head_bytes += self._piece_bytes
            if self._head_bytes > self._server.limits.max_head_bytes + _BODY_HIGH_WATER:
                self._refuse(431, "request header fields too large")

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

    def _refuse(self, status: int, text: str) -> None:
        """The input makes no sense from here on: answer what came before, then this, then close."""
        self._parser = None
        self._in_head = False
        refusal = Response(status, [("content-type", "text/plain; charset=utf-8")], text.encode() + b"\n")
        exchange, self._arriving = self._arriving, None
        if exchange is None or exchange.body is None:
            exchange = Exchange(Request("", ""), False, False, False)
            self._queue.append(exchange)
        exchange.refusal = refusal
        exchange.keep_alive = False
        if exchange.body is not None:
            exchange.body.fail(ConnectionResetError(text))

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
        self._parser = None
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
        self._parser = None
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
            self._parser = None
            self._close()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def check_time(self, now: float) -> None:
        """End what takes too long; called by the server's sweep."""
        limits = self._server.limits
        waited = now - self._since
        if self._paused:
            # What is pushed meanwhile does not hide that nothing is taken.
            taken = (self._sink.written if self._sink is not None else 0) - self._transport.get_write_buffer_size()
            if self._stalled is None or self._stalled[1] < taken:
                self._stalled = (now, taken)
            elif now - self._stalled[0] > limits.stall_seconds:
                self._transport.abort()
            return
        self._stalled = None
        if self._in_head:
            if waited > limits.head_seconds:
                self._transport.abort()
        elif self._current is None:
            if waited > limits.idle_seconds:
                self._close()
        elif self._current.body is not None and self._current.body.awaited and waited > limits.stall_seconds:
            self._transport.abort()
