"""One HTTP/1.1 connection seen from the client: writes a request, parses what comes back.

`begin` starts an exchange; `head_arrived` waits for the final status and headers (1xx other than 101 are skipped); the
body then runs through an `IncomingBody`, which pauses the socket while nobody reads.
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Callable
from typing import Self, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from pybernetes.base.http.heads import header_name
from pybernetes.base.http.incoming import IncomingBody
from pybernetes.base.http.message import Headers

_HIGH_WATER = 256 * 1024
_MAX_HEAD = 1024 * 1024
_SILENCE = frozenset({errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENETUNREACH})
"""How the kernel says that there was no sign of life from a peer, nor from any on the way to it."""


class TransportError(ConnectionError):
    """There is no answer: not connected, connection lost, or the bytes made no sense. The text says what failed."""


class NotConnected(TransportError):
    """The server was not reached: nothing of the request was sent."""


class ClientConnection(asyncio.Protocol):
    """Protocol object of one connection; used for one exchange after the other."""

    def __init__(self, on_lost: Callable[["ClientConnection"], None]) -> None:
        self.lost = asyncio.Event()
        self.wrote = False
        """Whether anything of the current request went out."""
        self.answered = False
        """Whether anything of the current response came in."""
        self.status = 0
        self.headers: Headers = []
        self.body = IncomingBody(self._demanded)
        self.reusable = False
        self.fell_silent = False
        """Whether it was lost because the peer gave no sign of life."""
        self._on_lost = on_lost
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)
        self._parser: HttpResponseParser | None = None
        self._busy = False
        self._head: asyncio.Future[None] | None = None
        self._error: TransportError | None = None
        self._method = ""
        self._head_bytes = 0
        self._head_done = False
        self._until_eof = False
        self._leftover = b""
        self._reading = True
        self._paused = False
        self._drained: asyncio.Future[None] | None = None

    @property
    def usable(self) -> bool:
        """Whether a new exchange may begin."""
        return not self._busy and not self.lost.is_set() and not self._transport.is_closing()

    def begin(self, method: str) -> None:
        """Start an exchange. TransportError if the connection has gone meanwhile."""
        self.wrote = self.answered = self.reusable = False
        if not self.usable:
            raise TransportError("the connection was closed by the server")
        self._busy = True
        self._method = method
        self._parser = HttpResponseParser(self)
        self.body = IncomingBody(self._demanded)
        self._head = None
        self._head_done = False
        self._until_eof = False

    def write(self, data: bytes) -> None:
        self.wrote = True
        self._transport.write(data)

    async def send_body(self, chunks: AsyncIterator[bytes], chunked: bool) -> None:
        """Send a request body piece by piece; a failure of its source cuts the connection."""
        try:
            async for piece in chunks:
                if piece:
                    self._transport.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                while self._paused and not self._transport.is_closing():
                    self._drained = asyncio.get_running_loop().create_future()
                    await self._drained
                if self._transport.is_closing():
                    return
            if chunked:
                self._transport.write(b"0\r\n\r\n")
        except Exception as error:
            self._fail(f"the request body could not be read: {error}")
            self._transport.abort()

    async def head_arrived(self) -> None:
        """Wait until `status`, `headers` and `body` are those of the final response."""
        if not self._head_done and self._error is None:
            self._head = asyncio.get_running_loop().create_future()
            await self._head
        if self._error is not None and not self._head_done:
            raise self._error

    def hand_over(self) -> tuple[asyncio.Transport, bytes, bool]:
        """After a 101: the transport, the bytes beyond the head, and whether writing is not paused."""
        self.lost.set()
        return self._transport, self._leftover, not self._paused

    def close(self) -> None:
        """Close the connection; idempotent. A body that is still read fails."""
        self._fail("the connection was closed")
        self._transport.abort()

    def _demanded(self, taken: int) -> None:
        if not self._reading and not self.lost.is_set():
            self._reading = True
            self._transport.resume_reading()

    def _fail(self, text: str) -> None:
        error = TransportError(text)
        if self._error is None:
            self._error = error
        self.body.fail(error)
        self._wake_head()

    def _wake_head(self) -> None:
        if self._head is not None and not self._head.done():
            self._head.set_result(None)

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            if self._head_done and self.status == 101:
                self._leftover += data
            elif not self._busy:
                self._transport.abort()  # nothing was asked
            return
        self.answered = True
        try:
            parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            self._leftover = data[upgrade.args[0] :]
            self._parser = None
        except HttpParserError as error:
            if self.body.complete:
                self.reusable = False  # bytes after the end of the response
            else:
                self._fail(f"malformed HTTP response: {error.__context__ or error}")
            self._transport.abort()
            return
        if not self._head_done:
            self._head_bytes += len(data)
            if self._head_bytes > _MAX_HEAD:
                self._fail("malformed HTTP response: header too large")
                self._transport.abort()
            return
        if self.body.complete:
            self._parser = None
            self._busy = False
        elif self.body.buffered > _HIGH_WATER and self._reading:
            self._reading = False
            self._transport.pause_reading()
        self._wake_head()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()
        self._parser = None
        if self._head_done and self._until_eof and exc is None:
            self.body.finish()
        if exc is None:
            self._fail("unexpected EOF" if self.answered else "the server closed the connection without an answer")
        else:
            self.fell_silent = isinstance(exc, OSError) and exc.errno in _SILENCE
            self._fail(f"the connection was lost: {exc}")
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._on_lost(self)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # httptools callbacks

    def on_message_begin(self) -> None:
        if self._head_done:
            raise TransportError("unexpected second response")
        self.headers = []
        self._head_bytes = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((header_name(name), value.decode("utf-8", "surrogateescape")))

    def on_headers_complete(self) -> None:
        parser = self._parser
        assert parser is not None
        self.status = parser.get_status_code()
        if self.status < 200 and self.status != 101:
            return
        self._head_done = True
        self.reusable = parser.should_keep_alive()
        if self._method == "HEAD" or self.status == 101:
            self.body.finish()
            return
        names = {name for name, _ in self.headers}
        self._until_eof = (
            "content-length" not in names and "transfer-encoding" not in names and self.status not in (204, 304)
        )

    def on_body(self, data: bytes) -> None:
        self.body.feed(data)

    def on_message_complete(self) -> None:
        if self._head_done:
            self.body.finish()


class ResponseBody:
    """The iterator of a response body that was not there as a whole."""

    def __init__(self, connection: ClientConnection, ended: Callable[[bool], None]) -> None:
        """`ended(reusable)` is called once, when the connection is no longer needed."""
        self._connection = connection
        self._body = connection.body
        self._ended: Callable[[bool], None] | None = ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._ended is None:
            raise StopAsyncIteration
        try:
            data = await self._body.next_chunk()
        except Exception:
            self._end(False)
            raise
        if self._body.complete and not self._body.buffered:
            self._end(self._connection.reusable)
        if not data:
            raise StopAsyncIteration
        return data

    async def aclose(self) -> None:
        """Stop reading: the connection is closed unless the body was complete."""
        self._end(False)

    def _end(self, reusable: bool) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended(reusable)

    def __del__(self) -> None:
        self._end(False)
