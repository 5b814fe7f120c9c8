"""SPDY/3.1 for the streams of pods, spoken to API servers that refuse a WebSocket.

The request is a POST that is upgraded; then each channel is a stream of its own, named by its `streamType` header.
`SpdyChannels` shows them as a WebSocket with channels is shown: messages whose byte 0 names the channel. Go's servers
count no windows, so windows are kept only with a peer that has shown that it keeps them (as `base/http/spdy.py` does).
"""

from __future__ import annotations

import threading
from collections import deque

from pybernetes.base.http import spdy_frames as frames

from ..errors import Unreachable
from .connection import Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..client import Client

_PIECE = 32 * 1024
_CHUNK = 65536


class _Stream:
    """One stream: its channel and what both windows allow."""

    __slots__ = ("channel", "credit", "ended", "finished", "window")

    def __init__(self, channel: int, window: int) -> None:
        self.channel = channel
        self.window = window
        self.credit = 0
        self.ended = False
        self.finished = False


class SpdyChannels:
    """Channels over an upgraded connection. One thread may send while another receives.

    Whichever thread needs something of the peer (a message, room in a window) reads for both.
    """

    port_prefix = 0
    """How many bytes of a port stand before the data of each channel of a port-forward."""

    def __init__(self, connection: Connection, protocol: str) -> None:
        self.protocol = protocol
        self.connection = connection
        self.closed = False
        self._parser = frames.FrameParser()
        self._compressor = frames.HeaderCompressor()
        self._decompressor = frames.HeaderDecompressor()
        self._streams: dict[int, _Stream] = {}
        self._of_channel: dict[int, int] = {}
        self._initial_window = frames.DEFAULT_WINDOW
        self._counts_windows = False
        self._listened: set[int] = set()
        self._messages: deque[bytes] = deque()
        self._reading = False
        self._lost = False
        self._stays = False
        self._changed = threading.Condition()
        self._send_lock = threading.Lock()

    def open(self, channel: int, headers: list[tuple[str, str]], *, listen: bool = True) -> None:
        """Open a stream for a channel; `listen` when its end counts towards the end of the exchange."""
        number = 2 * len(self._streams) + 1
        self._streams[number] = _Stream(channel, self._initial_window)
        self._of_channel[channel] = number
        if listen:
            self._listened.add(number)
        head = number.to_bytes(4, "big") + bytes(6)
        self._write(frames.control(frames.SYN_STREAM, head + self._compressor.encode(headers)))

    def stay(self) -> None:
        """Without a stream that is listened to, only the end of the connection ends the exchange."""
        self._stays = True

    def send_channel(self, channel: int, data: bytes) -> None:
        """Bytes for a channel; nothing for one that is not open. ConnectionError when the peer is gone."""
        number = self._of_channel.get(channel, 0)
        stream = self._streams.get(number)
        if stream is None:
            return
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._until_room(stream, len(piece))
            if stream.ended and number not in self._listened:
                return
            stream.window -= len(piece)
            self._write(frames.data(number, piece))

    def end_channel(self, channel: int) -> bool:
        """Say that nothing more comes on a channel; whether the protocol can say so (it can)."""
        number = self._of_channel.get(channel, 0)
        stream = self._streams.get(number)
        if stream is not None and not stream.finished:
            stream.finished = True
            self._write(frames.data(number, b"", fin=True))
        return True

    def receive(self) -> bytes | None:
        """The next message; None when every channel that is listened to has ended, or the connection."""
        with self._changed:
            while not self._messages:
                if self._over():
                    return None
                self._wait_or_read()
            return self._messages.popleft()

    def messages(self) -> Iterator[bytes]:
        """Until the other side closes or goes away."""
        while (data := self.receive()) is not None:
            yield data

    def close(self) -> None:
        """Say so and go."""
        if not self.closed:
            self.closed = True
            # A thread that is stuck in sending holds the lock; the peer will see the end all the same.
            if self._send_lock.acquire(timeout=1):
                self._send_lock.release()
                try:
                    self._write(frames.numbers(frames.GOAWAY, 0, 0))
                except OSError:
                    pass
        with self._changed:
            self._lost = True
            self._changed.notify_all()
        self.connection.shut()

    def _over(self) -> bool:
        if self._stays:
            return self._lost
        return self._lost or all(self._streams[number].ended for number in self._listened)

    def _write(self, data: bytes) -> None:
        with self._send_lock:
            stream = self.connection.stream
            if stream is None:
                raise ConnectionResetError("the connection is closed")
            stream.sendall(data)

    def _until_room(self, stream: _Stream, size: int) -> None:
        with self._changed:
            while self._counts_windows and stream.window < size and not stream.ended:
                if self._lost:
                    raise ConnectionResetError("the connection is closed")
                self._wait_or_read()

    def _wait_or_read(self) -> None:
        """With the condition held: read once, or wait while another thread does."""
        if self._reading:
            self._changed.wait()
            return
        self._reading = True
        self._changed.release()
        lost = True
        found: list[frames.Frame] = []
        try:
            found = self._parser.feed(self._bytes())
            lost = False
        except (OSError, AttributeError, frames.SpdyError):
            pass
        finally:
            self._changed.acquire()
            self._reading = False
        try:
            for frame in found:
                self._on_frame(frame)
        except (OSError, frames.SpdyError):
            lost = True
        self._lost = self._lost or lost
        self._changed.notify_all()

    def _bytes(self) -> bytes:
        connection = self.connection
        if connection.buffer:
            data, connection.buffer = connection.buffer, b""
            return data
        data = bytes(connection.stream.recv(_CHUNK))
        if not data:
            raise ConnectionResetError("unexpected EOF")
        return data

    def _on_frame(self, frame: frames.Frame) -> None:
        stream = self._streams.get(frame.stream_id)
        if frame.kind in (frames.SYN_REPLY, frames.HEADERS):
            # Every block is read: they share one compression.
            self._decompressor.decode(frame.payload)
        if frame.kind == frames.PING:
            self._write(frames.control(frames.PING, frame.payload))
        elif frame.kind == frames.SETTINGS:
            self._on_settings(frame.payload)
        elif frame.kind == frames.WINDOW_UPDATE:
            self._counts_windows = True
            if stream is not None:
                stream.window += int.from_bytes(frame.payload[:4], "big") & 0x7FFFFFFF
        elif frame.kind == frames.SYN_STREAM:
            self._decompressor.decode(frame.payload[6:])
            self._write(frames.numbers(frames.RST_STREAM, frame.stream_id, frames.REFUSED_STREAM))
        elif stream is not None:
            if frame.kind == frames.DATA and frame.payload:
                self._messages.append(bytes((stream.channel,)) + frame.payload)
                self._credit(frame.stream_id, stream, len(frame.payload))
            if frame.kind == frames.RST_STREAM or frame.flags & frames.FIN:
                stream.ended = True

    def _on_settings(self, payload: bytes) -> None:
        window = frames.settings(payload).get(frames.SETTINGS_INITIAL_WINDOW_SIZE)
        if window is not None:
            self._counts_windows = True
            for stream in self._streams.values():
                stream.window += window - self._initial_window
            self._initial_window = window

    def _credit(self, number: int, stream: _Stream, size: int) -> None:
        stream.credit += size
        if self._counts_windows and stream.credit >= frames.DEFAULT_WINDOW // 2:
            due, stream.credit = stream.credit, 0
            self._write(
                frames.numbers(frames.WINDOW_UPDATE, number, due) + frames.numbers(frames.WINDOW_UPDATE, 0, due)
            )


def connect(client: Client, path: str, protocol: str) -> SpdyChannels:
    """Upgrade a request; no stream is open yet. StatusFailure when the server refuses it."""
    from ..client import failure_of

    connection = Connection(client.target, tunnel=True)
    headers = [
        (name, value) for name, value in client.headers("*/*") if name not in ("Accept-Encoding", "Content-Type")
    ]
    headers += [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("X-Stream-Protocol-Version", protocol)]
    try:
        connection.send("POST", connection.address.path + path, headers, b"")
        response = connection.answer()
    except OSError as error:
        connection.close()
        raise Unreachable(f"error dialing backend: {error}") from None
    if response.status != 101:
        data = response.read()
        connection.close()
        raise failure_of(response.status, data, response.header("content-type"), "POST")
    connection.stream.settimeout(None)
    return SpdyChannels(connection, response.header("x-stream-protocol-version") or protocol)
