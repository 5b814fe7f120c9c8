"""HTTP/2 on the server's side (RFC 9113), on our own framing.

`data_received` cuts frames and hands each to the method of its kind; complete requests are started at the end of the
piece, so that small bodies are there as a whole. Whatever is sent within one turn of the loop leaves in one write: an
event for a hundred watches of one client costs one TLS record, not a hundred.

    frame ─▶ _on_headers, _on_data, … ─▶ Http2Stream ─▶ worker ─▶ send() ─▶ _flush: one write per turn

Faults are exceptions: `StreamFault` resets one stream, `ConnectionFault` says GOAWAY and closes. A peer that makes work
without asking anything (resets, pings, settings, empty frames) uses up an allowance and is told to be calm.
"""

import asyncio
from typing import TYPE_CHECKING, cast

from pybernetes.base.http import h2_frames as frames
from pybernetes.base.http.h2_allowance import COST, COST_EMPTY_DATA, Allowance
from pybernetes.base.http.h2_block import PartialBlock
from pybernetes.base.http.h2_frames import ConnectionFault, ErrorCode, StreamFault
from pybernetes.base.http.h2_request import RequestHead, request_head
from pybernetes.base.http.h2_stream import Http2Stream
from pybernetes.base.http.header_blocks import BlockDecoder, BlockError, BlockTooLarge
from pybernetes.base.http.known_facts import KnownFacts
from pybernetes.base.http.message import Request
from pybernetes.base.http.net import peer_of
from pybernetes.base.http.progress import Mark, progress
from pybernetes.base.log import logger

if TYPE_CHECKING:
    from pybernetes.base.http.server import HttpServer

log = logger(__name__)

_CONNECTION_WINDOW = 4 * 1024 * 1024
_FLUSH_BYTES = 128 * 1024


class Http2Connection(asyncio.Protocol):
    """One connection; its streams are the jobs."""

    def __init__(self, server: "HttpServer") -> None:
        self._server = server
        self.app = server.app
        self.name = server.name
        self._transport: asyncio.Transport = cast(asyncio.Transport, None)  # set by connection_made
        self._peer_certificate: bytes | None = None
        self._remote_address = ""
        self._since = server.clock()
        # Reading.
        self._buffer = b""
        self._preface_seen = False
        self._settings_seen = False
        self._decoder: BlockDecoder[RequestHead | None] = BlockDecoder(server.limits.max_head_bytes, request_head)
        self._block: PartialBlock | None = None
        self._streams: dict[int, Http2Stream] = {}
        self._ready: list[Http2Stream] = []
        self._last_stream = 0
        self._receive_window = _CONNECTION_WINDOW
        self._to_credit = 0
        self._allowance = Allowance(server.clock)
        self._facts = KnownFacts()
        # Writing.
        self.send_window = frames.DEFAULT_WINDOW
        self.initial_send_window = frames.DEFAULT_WINDOW
        self.blocked: dict[int, Http2Stream] = {}
        self.paused = False
        self._out: list[bytes | memoryview] = []
        self._out_bytes = 0
        self._flush_due = False
        self._draining = self._closing = False
        self._written = 0
        self._mark: Mark | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer_certificate, self._remote_address = peer_of(transport)
        self._server.opened(self)
        limits = self._server.limits
        self.send(
            frames.greeting(
                max_streams=limits.max_streams, max_head_bytes=limits.max_head_bytes, window=_CONNECTION_WINDOW
            )
        )
        self._flush()

    def data_received(self, data: bytes) -> None:
        if self._closing:
            return
        self._flush_due = True  # everything sent from here leaves in the flush below
        try:
            self._buffer = self._read_frames(self._buffer + data if self._buffer else data)
            self._start_ready()
        except ConnectionFault as fault:
            self._give_up(fault.code, str(fault))
        finally:
            self._flush()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = True
        self._out.clear()
        for stream in list(self._streams.values()):
            stream.lost()
        self._server.closed(self)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self.pump()

    # Frames in.

    def _read_frames(self, data: bytes) -> bytes:
        """Handle the complete frames; the rest is returned."""
        position, end = 0, len(data)
        if not self._preface_seen:
            if end < len(frames.PREFACE):
                if not frames.PREFACE.startswith(data):
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "bad connection preface")
                return data
            if not data.startswith(frames.PREFACE):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "bad connection preface")
            self._preface_seen = True
            position = len(frames.PREFACE)
        unpack = frames.HEADER.unpack_from
        while end - position >= 9:
            length_and_kind, flags, stream_id = unpack(data, position)
            length = length_and_kind >> 8
            if length > frames.MAX_FRAME:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, f"frame of {length} bytes")
            start = position + 9
            if end - start < length:
                break
            position = start + length
            try:
                self._on_frame(length_and_kind & 0xFF, flags, stream_id & 0x7FFFFFFF, data[start:position])
            except StreamFault as fault:
                # Making us reset streams is as cheap for the peer as resetting them itself.
                self._allowance.charge(COST[frames.RST_STREAM])
                self._stream_fault(fault)
            if self._closing:
                return b""
        return data[position:]

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is not None and (kind != frames.CONTINUATION or stream_id != self._block.stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a header block was interrupted")
        if not self._settings_seen:
            if kind != frames.SETTINGS or flags & frames.ACK:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is not SETTINGS")
            self._settings_seen = True
        cost = COST.get(kind)
        if cost is not None:
            self._allowance.charge(cost)
        match kind:
            case frames.HEADERS:
                self._on_headers(flags, stream_id, payload)
            case frames.DATA:
                self._on_data(flags, stream_id, payload)
            case frames.WINDOW_UPDATE:
                self._on_window_update(stream_id, payload)
            case frames.SETTINGS:
                self._on_settings(flags, stream_id, payload)
            case frames.PING:
                self._on_ping(flags, stream_id, payload)
            case frames.RST_STREAM:
                self._on_rst_stream(stream_id, payload)
            case frames.CONTINUATION:
                self._on_continuation(flags, stream_id, payload)
            case frames.PRIORITY:
                if len(payload) != 5:
                    raise StreamFault(stream_id, ErrorCode.FRAME_SIZE_ERROR)
                if stream_id == 0:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0")
            case frames.GOAWAY:
                if stream_id != 0:
                    raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream")
                self._drain()
            case frames.PUSH_PROMISE:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")
            case _:
                pass  # unknown kinds are ignored

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0 or not stream_id & 1:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"HEADERS on stream {stream_id}")
        payload = frames.header_block(flags, stream_id, payload)
        ends_stream = bool(flags & frames.END_STREAM)
        if flags & frames.END_HEADERS:
            self._on_block(stream_id, payload, ends_stream)
            return
        self._since = self._server.clock()
        self._block = PartialBlock(stream_id, payload, ends_stream=ends_stream)

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "CONTINUATION without HEADERS")
        block.add(payload, 2 * self._server.limits.max_head_bytes)
        if flags & frames.END_HEADERS:
            self._block = None
            self._on_block(stream_id, block.whole(), block.ends_stream)

    def _on_block(self, stream_id: int, block: bytes, ends_stream: bool) -> None:
        too_large = False
        head: RequestHead | None = None
        try:
            head = self._decoder.decode(block)
        except BlockError as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, str(error)) from None
        except BlockTooLarge as error:
            if error.fatal:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from None
            too_large = True
        if stream_id <= self._last_stream:
            self._on_trailers(stream_id, ends_stream)
            return
        self._last_stream = stream_id
        if self._draining:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM)
        if len(self._streams) >= self._server.limits.max_streams:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM)
        if head is None:
            if not too_large:
                raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
            head = RequestHead("", "", "", [], None)
        request = Request(
            head.method,
            head.path,
            head.query,
            list(head.headers),
            peer_certificate=self._peer_certificate,
            remote_address=self._remote_address,
            facts=self._facts.of(head.headers, has_length=head.length is not None),
        )
        stream = self._streams[stream_id] = Http2Stream(self, stream_id, request, head.length)
        if ends_stream:
            if head.length:
                raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
            stream.remote_done = True
        if too_large:
            stream.refuse(431, "request header fields too large")
        else:
            self._ready.append(stream)

    def _on_trailers(self, stream_id: int, ends_stream: bool) -> None:
        stream = self._streams.get(stream_id)
        if stream is None:
            return  # it was reset or answered while this was under way
        if stream.remote_done:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"HEADERS after the end of stream {stream_id}")
        if not ends_stream:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        self._stream_complete(stream)

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0 or stream_id > self._last_stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"DATA on idle stream {stream_id}")
        size = len(payload)
        self._receive_window -= size
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "connection window exceeded")
        stream = self._streams.get(stream_id)
        if stream is None:
            self._credit(size)
            return
        if stream.remote_done:
            self._credit(size)
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED)
        self._since = self._server.clock()
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR)
        ends_stream = flags & frames.END_STREAM
        if flags & frames.PADDED:
            payload = frames.without_padding(payload)
            self.consumed(stream, size - len(payload))
        if payload:
            stream.received_data(payload)
            if stream.length is not None and stream.received > stream.length:
                raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        elif not ends_stream:
            self._allowance.charge(COST_EMPTY_DATA)
        if ends_stream:
            self._stream_complete(stream)

    def _stream_complete(self, stream: Http2Stream) -> None:
        if stream.length is not None and stream.received != stream.length:
            raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR)
        stream.received_end()

    def _on_window_update(self, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE")
        increment = int.from_bytes(payload, "big") & 0x7FFFFFFF
        if stream_id == 0:
            self.send_window += increment
            if increment == 0:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "window increment of 0")
            if self.send_window > frames.MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "connection window overflow")
            self.pump()
            return
        stream = self._streams.get(stream_id)
        if stream is None:
            if stream_id > self._last_stream:
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE on an idle stream")
            return
        if increment == 0:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR)
        stream.send_window += increment
        if stream.send_window > frames.MAX_WINDOW:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR)
        if stream_id in self.blocked:
            self.pump()

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & frames.ACK:
            if payload:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS acknowledgement with content")
            self._decoder.table_size_acknowledged()
            return
        window = frames.read_settings(payload).get(frames.SETTINGS_INITIAL_WINDOW_SIZE)
        if window is not None:
            self._change_initial_window(window)
        self.send(frames.frame(frames.SETTINGS, frames.ACK, 0))
        self.pump()

    def _change_initial_window(self, value: int) -> None:
        change = value - self.initial_send_window
        self.initial_send_window = value
        for stream in self._streams.values():
            stream.send_window += change
            if stream.send_window > frames.MAX_WINDOW:
                raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "stream window overflow")

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "PING on a stream")
        if len(payload) != 8:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "PING")
        if not flags & frames.ACK:
            self.send(frames.frame(frames.PING, frames.ACK, 0, payload))

    def _on_rst_stream(self, stream_id: int, payload: bytes) -> None:
        if len(payload) != 4:
            raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM")
        if stream_id == 0 or stream_id > self._last_stream:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on an idle stream")
        stream = self._streams.get(stream_id)
        if stream is not None:
            stream.lost()

    def _stream_fault(self, fault: StreamFault) -> None:
        stream = self._streams.get(fault.stream_id)
        if stream is None:
            self.send(frames.rst_stream(fault.stream_id, fault.code))
        else:
            stream.reset(fault.code)
            stream.lost()

    def _start_ready(self) -> None:
        ready, self._ready = self._ready, []
        for stream in ready:
            if not stream.closed:
                stream.take_body()
                self._server.workers.run(stream)

    # Flow control of what we receive.

    def consumed(self, stream: Http2Stream, size: int) -> None:
        """The application took bytes of a body: widen the windows when half of one is used up."""
        stream.to_credit += size
        if stream.to_credit >= frames.STREAM_WINDOW // 2 and not stream.remote_done:
            self.send(frames.window_update(stream.id, stream.to_credit))
            stream.receive_window += stream.to_credit
            stream.to_credit = 0
        self._credit(size)

    def _credit(self, size: int) -> None:
        self._to_credit += size
        if self._to_credit >= _CONNECTION_WINDOW // 2:
            self.send(frames.window_update(0, self._to_credit))
            self._receive_window += self._to_credit
            self._to_credit = 0

    # Sending.

    def send(self, data: bytes | memoryview) -> None:
        """Queue bytes for the flush at the end of this turn of the loop."""
        if self._closing:
            return
        self._out.append(data)
        self._out_bytes += len(data)
        if self._out_bytes > _FLUSH_BYTES:
            self._write_out()
        elif not self._flush_due:
            self._flush_due = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        self._write_out()

    def _write_out(self) -> None:
        if self._out:
            out, self._out = self._out, []
            self._written += self._out_bytes
            self._out_bytes = 0
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def pump(self) -> None:
        """Something gave way: the blocked streams take turns, a little each, and the first goes to the end."""
        while self.blocked and not self.paused:
            blocked, self.blocked = self.blocked, {}
            before = self.send_window
            for stream in blocked.values():
                stream.pump()
            if self.blocked:
                first = next(iter(self.blocked))
                self.blocked[first] = self.blocked.pop(first)
            if self.send_window == before:
                return

    def stream_closed(self, stream: Http2Stream) -> None:
        """Called by a stream when it is over."""
        self._streams.pop(stream.id, None)
        self.blocked.pop(stream.id, None)
        self._credit(stream.unread())
        if not self._streams:
            self._since = self._server.clock()
            if self._draining and not self._closing:
                self._close()

    # Ending.

    def _close(self) -> None:
        self._flush()
        self._closing = True
        self._server.hang_up(self, self._transport)

    def _give_up(self, code: ErrorCode, text: str) -> None:
        log.debug("HTTP/2 connection in error", code=code.name, reason=text, peer=self._remote_address)
        self.send(frames.goaway(self._last_stream, code, text))
        self._close()
        for stream in list(self._streams.values()):
            stream.lost()

    def _drain(self) -> None:
        """No new streams; close after the last one."""
        self._draining = True
        if not self._streams:
            self._close()

    def stop(self) -> None:
        """Graceful: GOAWAY, pushed bodies end now, running requests when they are answered."""
        if self._closing:
            return
        self.send(frames.goaway(self._last_stream, ErrorCode.NO_ERROR))
        for stream in list(self._streams.values()):
            stream.end_push()
        if not self._closing:
            self._drain()

    def abort(self) -> None:
        """Cut the connection."""
        self._transport.abort()

    def check_time(self, now: float) -> None:
        """End what takes too long; called by the server's sweep."""
        limits = self._server.limits
        if self.paused:
            self._mark = progress(self._mark, now, self._written - self._transport.get_write_buffer_size())
            if self._mark.stalled(now, limits.stall_seconds):
                self._transport.abort()
            return
        self._mark = None
        waited = now - self._since
        if not self._settings_seen or self._block is not None:
            if waited > limits.head_seconds:
                self._transport.abort()
        elif not self._streams:
            if waited > limits.idle_seconds:
                self.stop()
        else:
            for stream in list(self._streams.values()):
                if stream.takes_too_long(now, limits.stall_seconds):
                    self._stream_fault(StreamFault(stream.id, ErrorCode.CANCEL))
