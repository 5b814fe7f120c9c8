"""SPDY/3.1 on a connection that was handed over: several byte streams on one, as exec, attach and port-forward use it.

    async with SpdyConnection(stream, server=True) as connection:
        while (accepted := await connection.accept_stream()) is not None:
            ...                                                 # accepted.headers: streamtype, port, requestid

    async with SpdyConnection(response.connection, server=False) as connection:
        stdout = await connection.create_stream([("streamtype", "stdout")])

One task per connection reads frames and puts data into the streams' buffers. The Go library at the other end
(moby/spdystream) has no flow control: it never widens a window. So windows are respected only for a peer that has shown
that it uses them; otherwise a full buffer stops the reading of the whole connection, as it does over there.
"""

import asyncio
from types import TracebackType
from typing import Self

from pybernetes.base.http import spdy_frames as frames
from pybernetes.base.http.message import ByteStream, Headers
from pybernetes.base.http.spdy_frames import Frame, FrameParser, HeaderCompressor, HeaderDecompressor, SpdyError
from pybernetes.base.log import logger

log = logger(__name__)

_BUFFER = 256 * 1024
_PIECE = 32 * 1024
_MAX_WAITING = 128
"""Streams the peer opened and nobody accepted yet."""


class SpdyStream:
    """One stream of a connection; a `ByteStream` with half-close and reset."""

    def __init__(self, connection: "SpdyConnection", stream_id: int, headers: Headers) -> None:
        self.id = stream_id
        self.headers = headers
        self._connection = connection
        self._chunks: list[bytes] = []
        self._buffered = 0
        self._readable = asyncio.Event()
        self._writable = asyncio.Event()
        self._ended = False  # the peer sent FIN
        self._finished = False  # we sent FIN
        self._error: ConnectionError | None = None
        self._send_window = connection.initial_window
        self._to_credit = 0

    def header(self, name: str) -> str:
        """The first header of that name, "" without."""
        return next((value for key, value in self.headers if key == name), "")

    async def read(self) -> bytes:
        """The next bytes; b"" after the peer's FIN. ConnectionError when the stream or the connection was cut."""
        while not self._chunks:
            if self._ended:
                return b""
            if self._error is not None:
                raise self._error
            self._readable.clear()
            await self._readable.wait()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._buffered = 0
        await self._connection.taken(self, len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Send data; waits while the peer is slow. ConnectionError when the stream cannot be written to."""
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            while self._send_window < len(piece) and self._connection.flow_control and self._error is None:
                self._writable.clear()
                await self._writable.wait()
            if self._error is not None or self._finished:
                raise self._error or ConnectionResetError("the stream is closed for writing")
            self._send_window -= len(piece)
            await self._connection.send(frames.data(self.id, piece))

    async def close_write(self) -> None:
        """No more data from us (FIN); reading goes on. Idempotent."""
        if not self._finished and self._error is None:
            self._finished = True
            await self._connection.send(frames.data(self.id, b"", fin=True))
            self._connection.forget_if_done(self)

    async def reset(self, status: int = frames.CANCEL) -> None:
        """End both directions at once. Idempotent."""
        if self._error is None and not self.done:
            self.fail(ConnectionResetError("the stream was reset"))
            self._connection.forget(self)
            await self._connection.send(frames.numbers(frames.RST_STREAM, self.id, status))

    def close(self) -> None:
        """Give the stream up without waiting, as a `ByteStream`; what is buffered is dropped."""
        self._connection.reset_soon(self)

    @property
    def done(self) -> bool:
        """Whether both directions have ended."""
        return self._ended and self._finished

    # The connection's side.

    def receive(self, data: bytes, *, fin: bool) -> None:
        if data and not self._ended:
            self._chunks.append(data)
            self._buffered += len(data)
        self._ended = self._ended or fin
        self._readable.set()

    @property
    def full(self) -> bool:
        return self._buffered > _BUFFER

    def credit(self, size: int) -> int:
        """Count consumed bytes; what the peer should be told, 0 for nothing yet."""
        self._to_credit += size
        if self._to_credit < frames.DEFAULT_WINDOW // 2:
            return 0
        due, self._to_credit = self._to_credit, 0
        return due

    def widen(self, size: int) -> None:
        self._send_window += size
        self._writable.set()

    def fail(self, error: ConnectionError) -> None:
        if self._error is None:
            self._error = error
        self._readable.set()
        self._writable.set()


class SpdyConnection:
    """Runs while its `async with` block lasts; leaving the block closes the connection."""

    def __init__(self, stream: ByteStream, *, server: bool) -> None:
        self.initial_window = frames.DEFAULT_WINDOW
        self.flow_control = False
        """Whether the peer has shown that it counts windows."""
        self._stream = stream
        self._server = server
        self._next_id = 2 if server else 1
        self._last_received = 0
        self._parser = FrameParser()
        self._compressor = HeaderCompressor()
        self._decompressor = HeaderDecompressor()
        self._streams: dict[int, SpdyStream] = {}
        self._replies: dict[int, asyncio.Future[None]] = {}
        self._pings: dict[int, asyncio.Future[None]] = {}
        self._next_ping = 2 if server else 1
        self._waiting: asyncio.Queue[SpdyStream | None] = asyncio.Queue()
        self._room = asyncio.Event()
        self._closed = False
        self._going_away = False
        self._reading: asyncio.Task[None] | None = None
        self._resets: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._reading = asyncio.create_task(self._read(), name="SPDY")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._reading is not None
        try:
            if not self._closed:
                await self.send(frames.numbers(frames.GOAWAY, self._last_received, 0))
        except ConnectionError:
            pass
        finally:
            self._reading.cancel()
            self._end(ConnectionResetError("the connection was closed"))
            await asyncio.gather(self._reading, *self._resets, return_exceptions=True)

    async def accept_stream(self) -> SpdyStream | None:
        """The next stream the peer opened (the reply is already sent); None when there will be no more."""
        stream = await self._waiting.get()
        if stream is None:
            self._waiting.put_nowait(None)
        return stream

    async def create_stream(self, headers: Headers) -> SpdyStream:
        """Open a stream and wait until the peer accepted it. ConnectionError when it does not."""
        if self._closed or self._going_away:
            raise ConnectionResetError("the connection is closed")
        stream_id = self._next_id
        self._next_id += 2
        stream = self._streams[stream_id] = SpdyStream(self, stream_id, headers)
        reply = self._replies[stream_id] = asyncio.get_running_loop().create_future()
        try:
            # Stream, associated stream, priority and slot; compressed and sent in the order of the ids.
            head = stream_id.to_bytes(4, "big") + bytes(6)
            await self.send(frames.control(frames.SYN_STREAM, head + self._compressor.encode(headers)))
            await reply
        finally:
            self._replies.pop(stream_id, None)
        return stream

    async def ping(self) -> None:
        """Wait for the peer's answer to a ping. ConnectionError when the connection ends first."""
        if self._closed:
            raise ConnectionResetError("the connection is closed")
        number = self._next_ping
        self._next_ping += 2
        answer = self._pings[number] = asyncio.get_running_loop().create_future()
        try:
            await self.send(frames.numbers(frames.PING, number))
            await answer
        finally:
            self._pings.pop(number, None)

    # What streams ask of their connection.

    async def send(self, data: bytes) -> None:
        """Write a frame; ConnectionError when the connection is gone."""
        if self._closed:
            raise ConnectionResetError("the connection is closed")
        await self._stream.write(data)

    async def taken(self, stream: SpdyStream, size: int) -> None:
        """The application read bytes of a stream."""
        self._room.set()
        if self.flow_control and not self._closed:
            due = stream.credit(size)
            if due:
                await self.send(
                    frames.numbers(frames.WINDOW_UPDATE, stream.id, due) + frames.numbers(frames.WINDOW_UPDATE, 0, due)
                )

    def forget(self, stream: SpdyStream) -> None:
        """A stream is over."""
        self._streams.pop(stream.id, None)
        self._room.set()

    def forget_if_done(self, stream: SpdyStream) -> None:
        """Half of a stream is over, perhaps the second half."""
        if stream.done:
            self.forget(stream)

    def reset_soon(self, stream: SpdyStream) -> None:
        """Reset a stream from a place that cannot wait."""
        task = asyncio.get_running_loop().create_task(self._reset_quietly(stream), name="SPDY reset")
        self._resets.add(task)
        task.add_done_callback(self._resets.discard)

    async def _reset_quietly(self, stream: SpdyStream) -> None:
        try:
            await stream.reset()
        except ConnectionError:
            pass

    # Reading.

    async def _read(self) -> None:
        error: ConnectionError = ConnectionResetError("the peer closed the connection")
        try:
            while data := await self._stream.read():
                for frame in self._parser.feed(data):
                    await self._on_frame(frame)
        except SpdyError as fault:
            log.debug("SPDY connection in error", err=fault)
            error = ConnectionResetError(str(fault))
            try:
                await self.send(frames.numbers(frames.GOAWAY, self._last_received, 1))
            except ConnectionError:
                pass
        except ConnectionError as lost:
            error = lost
        finally:
            self._end(error)

    def _end(self, error: ConnectionError) -> None:
        if self._closed:
            return
        self._closed = True
        for stream in self._streams.values():
            stream.fail(error)
        self._streams.clear()
        for future in (*self._replies.values(), *self._pings.values()):
            if not future.done():
                future.set_exception(error)
        self._waiting.put_nowait(None)
        self._stream.close()

    async def _on_frame(self, frame: Frame) -> None:
        stream = self._streams.get(frame.stream_id)
        match frame.kind:
            case frames.DATA:
                if stream is not None:
                    stream.receive(frame.payload, fin=bool(frame.flags & frames.FIN))
                    self.forget_if_done(stream)
                    while stream.full and frame.stream_id in self._streams:
                        self._room.clear()
                        await self._room.wait()
            case frames.SYN_STREAM:
                await self._on_syn_stream(frame)
            case frames.SYN_REPLY:
                self._decompressor.decode(frame.payload)
                self._on_reply(frame, stream)
            case frames.HEADERS:
                self._decompressor.decode(frame.payload)
                if stream is not None and frame.flags & frames.FIN:
                    stream.receive(b"", fin=True)
                    self.forget_if_done(stream)
            case frames.RST_STREAM:
                if stream is not None:
                    self._on_reset(stream)
            case frames.WINDOW_UPDATE:
                self._on_window_update(frame, stream)
            case frames.SETTINGS:
                self._on_settings(frame)
            case frames.PING:
                await self._on_ping(frame)
            case frames.GOAWAY:
                self._going_away = True
            case _:
                pass  # unknown kinds are ignored

    async def _on_syn_stream(self, frame: Frame) -> None:
        headers = self._decompressor.decode(frame.payload[6:])
        stream_id = frame.stream_id
        if stream_id <= self._last_received or stream_id % 2 != (1 if self._server else 0) or stream_id == 0:
            raise SpdyError(f"unexpected stream {stream_id}")
        self._last_received = stream_id
        if self._waiting.qsize() >= _MAX_WAITING:
            await self.send(frames.numbers(frames.RST_STREAM, stream_id, frames.REFUSED_STREAM))
            return
        stream = self._streams[stream_id] = SpdyStream(self, stream_id, headers)
        if frame.flags & frames.FIN:
            stream.receive(b"", fin=True)
        reply = stream_id.to_bytes(4, "big") + self._compressor.encode([])
        await self.send(frames.control(frames.SYN_REPLY, reply))
        self._waiting.put_nowait(stream)

    def _on_reply(self, frame: Frame, stream: SpdyStream | None) -> None:
        reply = self._replies.get(frame.stream_id)
        if reply is not None and not reply.done():
            reply.set_result(None)
        if stream is not None and frame.flags & frames.FIN:
            stream.receive(b"", fin=True)
            self.forget_if_done(stream)

    def _on_reset(self, stream: SpdyStream) -> None:
        error = ConnectionResetError("the peer reset the stream")
        self.forget(stream)
        stream.fail(error)
        reply = self._replies.get(stream.id)
        if reply is not None and not reply.done():
            reply.set_exception(error)

    def _on_window_update(self, frame: Frame, stream: SpdyStream | None) -> None:
        self.flow_control = True
        if stream is not None:
            stream.widen(int.from_bytes(frame.payload[:4], "big") & 0x7FFFFFFF)

    def _on_settings(self, frame: Frame) -> None:
        window = frames.settings(frame.payload).get(frames.SETTINGS_INITIAL_WINDOW_SIZE)
        if window is not None:
            self.flow_control = True
            change = window - self.initial_window
            self.initial_window = window
            for stream in self._streams.values():
                stream.widen(change)

    async def _on_ping(self, frame: Frame) -> None:
        if len(frame.payload) != 4:
            raise SpdyError("malformed PING")
        number = int.from_bytes(frame.payload, "big")
        if number % 2 == (1 if self._server else 0):
            await self.send(frames.numbers(frames.PING, number))
            return
        answer = self._pings.get(number)
        if answer is not None and not answer.done():
            answer.set_result(None)
