"""One HTTP/2 stream: a request, the job that answers it, and what of the answer is still to be sent.

Data goes out as far as the two windows (stream and connection) and the transport allow; the rest waits in `_pending`
and the connection calls `pump` when something gave way. A stream ends when both sides are done, or by a reset from
either.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from pybernetes.base.http import h2_frames as frames
from pybernetes.base.http.h2_frames import ErrorCode
from pybernetes.base.http.header_blocks import encoded_header, encoded_status
from pybernetes.base.http.heads import HOP_BY_HOP, date_text
from pybernetes.base.http.incoming import IncomingBody
from pybernetes.base.http.message import PushBody, Request, Response
from pybernetes.base.http.progress import Mark, progress
from pybernetes.base.log import logger

if TYPE_CHECKING:
    from pybernetes.base.http.h2 import Http2Connection

log = logger(__name__)

_HIGH_WATER = 64 * 1024
_TURN_BYTES = 64 * 1024
_PLAIN = [("content-type", "text/plain; charset=utf-8")]


class Http2Stream:
    """Also the `Job` of the worker that answers it."""

    __slots__ = (
        "_connection",
        "_drained",
        "_drained_call",
        "_end_pending",
        "_kept",
        "_mark",
        "_parts",
        "_pending",
        "_sink",
        "_started",
        "body",
        "closed",
        "expects_continue",
        "id",
        "length",
        "local_done",
        "pending_bytes",
        "receive_window",
        "received",
        "remote_done",
        "request",
        "send_window",
        "task",
        "to_credit",
    )

    def __init__(self, connection: "Http2Connection", stream_id: int, request: Request, length: int | None) -> None:
        self._connection = connection
        self.id = stream_id
        self.request = request
        self.length = length
        self.task: asyncio.Task[None] | None = None
        # Receiving.
        self._parts: list[bytes] = []
        self.body: IncomingBody | None = None
        self.received = 0
        self.receive_window = frames.STREAM_WINDOW
        self.to_credit = 0  # consumed bytes the peer has not been told about
        self.remote_done = False
        self.expects_continue = False
        # Sending.
        self.send_window = connection.initial_send_window
        self._pending: deque[memoryview] = deque()
        self.pending_bytes = 0
        self._kept = 0  # bytes that were ever pending
        self._end_pending = False
        self._started = False
        self.local_done = False
        self.closed = False
        self._drained: asyncio.Future[None] | None = None
        self._drained_call: Callable[[], None] | None = None
        self._sink: _StreamSink | None = None
        self._mark: Mark | None = None

    # Receiving.

    def received_data(self, data: bytes) -> None:
        self.received += len(data)
        if self.body is not None:
            self.body.feed(data)
        else:
            self._parts.append(data)

    def received_end(self) -> None:
        self.remote_done = True
        if self.body is not None:
            self.body.finish()
        if self.local_done:
            self._close()

    def take_body(self) -> None:
        """Before the application sees the request: the body is either here as a whole, or arrives while it is read."""
        if self.remote_done and not self._parts:
            return
        data = b"".join(self._parts)
        self._parts.clear()
        body = self.request.body = self.body = IncomingBody(self._demanded, self.length)
        if data:
            body.feed(data)
        if self.remote_done:
            body.finish()
        else:
            self.expects_continue = (self.request.header("expect") or "").lower() == "100-continue"

    def _demanded(self, taken: int) -> None:
        if self.closed:
            return
        if self.expects_continue:
            self.expects_continue = False
            if not self._started:
                self._connection.send(frames.headers(self.id, encoded_status(100), end_stream=False))
        if taken:
            self._connection.consumed(self, taken)

    def unread(self) -> int:
        """Received bytes that nobody took."""
        return sum(map(len, self._parts)) + (self.body.buffered if self.body is not None else 0)

    # Answering.

    async def handle(self) -> None:
        try:
            response = await self._connection.app(self.request)
            body = response.body
            if response.status == 101:
                self.reset(ErrorCode.HTTP_1_1_REQUIRED)
            elif isinstance(body, bytes):
                self._send_whole(response, body)
            elif isinstance(body, AsyncIterator):
                await self._send_pieces(response, body)
            else:
                self._send_pushed(response, body)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                self.reset(ErrorCode.CANCEL)
                raise
            self._fail()
        except Exception:
            self._fail()

    def _fail(self) -> None:
        if self.closed:
            return
        log.exception(
            "Request failed", method=self.request.method, path=self.request.path, server=self._connection.name
        )
        if self._started:
            self.reset(ErrorCode.INTERNAL_ERROR)
        else:
            self._send_whole(Response(500, _PLAIN), b"internal server error\n")

    def refuse(self, status: int, text: str) -> None:
        """Answer without the application."""
        self._send_whole(Response(status, _PLAIN), text.encode() + b"\n")

    def _send_head(self, response: Response, length: int | None, *, end: bool) -> None:
        fields = [encoded_status(response.status)]
        for name, value in response.headers:
            if name == "content-length":
                if length is None and response.status not in (204, 304):
                    fields.append(encoded_header(name, value))
            elif name not in HOP_BY_HOP:
                fields.append(encoded_header(name, value))
        if length is not None:
            fields.append(encoded_header("content-length", str(length)))
        fields.append(encoded_header("date", date_text()))
        self._started = True
        self._connection.send(frames.headers(self.id, b"".join(fields), end_stream=end))
        if end:
            self._local_end()

    def _bodyless(self, response: Response) -> bool:
        return self.request.method == "HEAD" or response.status in (204, 304)

    def _send_whole(self, response: Response, body: bytes) -> None:
        if self.closed:
            return
        if self._bodyless(response):
            self._send_head(response, len(body) or None if self.request.method == "HEAD" else None, end=True)
        elif not body:
            self._send_head(response, 0, end=True)
        else:
            self._send_head(response, len(body), end=False)
            self.write(body, end=True)

    async def _send_pieces(self, response: Response, pieces: AsyncIterator[bytes]) -> None:
        try:
            if self._bodyless(response):
                self._send_head(response, None, end=True)
                return
            self._send_head(response, None, end=False)
            async for piece in pieces:
                if self.closed:
                    return
                self.write(piece)
                while self.pending_bytes > _HIGH_WATER and not self.closed:
                    self._drained = asyncio.get_running_loop().create_future()
                    await self._drained
            self.write(b"", end=True)
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                await close()

    def _send_pushed(self, response: Response, body: PushBody) -> None:
        if self._bodyless(response):
            self._send_head(response, None, end=True)
            body.stop()
            return
        self._send_head(response, None, end=False)
        self._sink = _StreamSink(self, body)
        body.start(self._sink)

    # Sending.

    def write(self, data: bytes, *, end: bool = False) -> None:
        """Send what the windows allow, keep the rest."""
        if self.closed or self.local_done or self._end_pending:
            return
        connection = self._connection
        size = len(data)
        if (
            not self._pending
            and size <= frames.MAX_FRAME
            and size <= self.send_window
            and size <= connection.send_window
            and not connection.paused
        ):
            if size or end:
                self.send_window -= size
                connection.send_window -= size
                flags = frames.END_STREAM if end else 0
                connection.send(frames.HEADER.pack(size << 8 | frames.DATA, flags, self.id))
                if size:
                    connection.send(data)
                if end:
                    self._local_end()
            return
        if size:
            self._pending.append(memoryview(data))
            self.pending_bytes += size
            self._kept += size
        self._end_pending = end
        if not self._pending:
            self.pump()
            return
        connection.blocked[self.id] = self
        if self.send_window > 0 and connection.send_window > 0:
            connection.pump()

    def pump(self) -> None:
        """Send what is possible now, up to one turn's share."""
        connection, pending = self._connection, self._pending
        share = _TURN_BYTES
        while pending and share > 0 and not connection.paused:
            piece = pending[0]
            size = min(len(piece), frames.MAX_FRAME, self.send_window, connection.send_window)
            if size <= 0:
                break
            if size == len(piece):
                pending.popleft()
                data = piece
            else:
                data = piece[:size]
                pending[0] = piece[size:]
            share -= size
            self.pending_bytes -= size
            self.send_window -= size
            connection.send_window -= size
            last = self._end_pending and not pending
            connection.send(frames.HEADER.pack(size << 8 | frames.DATA, frames.END_STREAM if last else 0, self.id))
            connection.send(data)
            if last:
                self._end_pending = False
                self._local_end()
                return
        if pending:
            connection.blocked[self.id] = self
            self._wake()
            return
        if self._end_pending:
            self._end_pending = False
            connection.send(frames.frame(frames.DATA, frames.END_STREAM, self.id))
            self._local_end()
        self._wake()

    def _wake(self) -> None:
        if self.pending_bytes > _HIGH_WATER:
            return
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        call, self._drained_call = self._drained_call, None
        if call is not None:
            asyncio.get_running_loop().call_soon(call)

    def when_drained(self, call: Callable[[], None]) -> None:
        """See `Sink`."""
        if self.closed:
            return
        if self._pending:
            self._drained_call = call
        else:
            asyncio.get_running_loop().call_soon(call)

    def _local_end(self) -> None:
        self.local_done = True
        if not self.remote_done:
            # The whole answer is there before the whole request was: the rest is not wanted.
            self._connection.send(frames.rst_stream(self.id, ErrorCode.NO_ERROR))
        self._close()

    # Ending.

    def reset(self, code: ErrorCode) -> None:
        """End the stream from our side."""
        if not self.closed:
            self._connection.send(frames.rst_stream(self.id, code))
            self._close()

    def takes_too_long(self, now: float, seconds: float) -> bool:
        """Whether the peer sends no body that is waited for, or does not take what waits for it."""
        if not self.pending_bytes and (self.body is None or not self.body.awaited):
            self._mark = None
            return False
        self._mark = progress(self._mark, now, self.received + self._kept - self.pending_bytes)
        return self._mark.stalled(now, seconds)

    def end_push(self) -> None:
        """The server stops: a pushed body is complete as it is."""
        if self._sink is not None:
            self._sink.close()

    def lost(self) -> None:
        """The peer reset the stream, or the connection is gone."""
        self._close()
        if self.task is not None:
            self.task.cancel()

    def _close(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._pending.clear()
        self.pending_bytes = 0
        self._drained_call = None
        if self.body is not None:
            self.body.fail(ConnectionResetError("the client closed the stream"))
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._connection.stream_closed(self)
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.detach()


class _StreamSink:
    """The `Sink` of a pushed body."""

    __slots__ = ("_body", "_closed", "_stream")

    def __init__(self, stream: Http2Stream, body: PushBody) -> None:
        self._stream = stream
        self._body = body
        self._closed = False

    def write(self, data: bytes) -> None:
        if data and not self._closed:
            self._stream.write(data)

    def buffered(self) -> int:
        return self._stream.pending_bytes

    def when_drained(self, call: Callable[[], None]) -> None:
        self._stream.when_drained(call)

    def close(self) -> None:
        if not self._closed:
            self._stream.write(b"", end=True)
            self.detach()

    def detach(self) -> None:
        """The body ends here, whether complete or not."""
        if not self._closed:
            self._closed = True
            self._body.stop()
