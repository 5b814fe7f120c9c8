"""WebSocket (RFC 6455) for the streams of pods: a handshake on a connection, then messages of bytes.

Also the channel protocols on it: byte 0 of a message names the channel (`v4.channel.k8s.io`, `v5.channel.k8s.io`), the
latter knowing how to close one.
"""

from __future__ import annotations

import os

from ..errors import Unreachable
from .connection import Connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..client import Client

STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255


class WebSocket:
    """Messages over an upgraded connection. One thread may send while another receives."""

    port_prefix = 2
    """How many bytes of a port stand before the data of each channel of a port-forward."""

    def __init__(self, connection: Connection, protocol: str) -> None:
        import _thread

        self.protocol = protocol
        self.connection = connection
        self._lock = _thread.allocate_lock()
        self._partial = b""
        self.closed = False

    def send(self, data: bytes, opcode: int = 2) -> None:
        """One message, masked as clients must."""
        length = len(data)
        if length < 126:
            head = bytes((0x80 | opcode, 0x80 | length))
        elif length < 65536:
            head = bytes((0x80 | opcode, 0xFE)) + length.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0xFF)) + length.to_bytes(8, "big")
        key = os.urandom(4)
        with self._lock:
            stream = self.connection.stream
            if stream is None:
                raise ConnectionResetError("the connection is closed")
            stream.sendall(head + key + _masked(data, key))

    def send_channel(self, channel: int, data: bytes) -> None:
        self.send(bytes((channel,)) + data)

    def end_channel(self, channel: int) -> bool:
        """Say that nothing more comes on a channel; whether the protocol can say so."""
        if not self.protocol.startswith("v5"):
            return False
        self.send(bytes((CLOSE, channel)))
        return True

    def receive(self) -> bytes | None:
        """The next message; None when the other side has closed."""
        while True:
            opcode, final, data = self._frame()
            if opcode == 8:
                self.closed = True
                try:
                    self.send(data[:2], 8)
                except OSError:
                    pass
                return None
            if opcode == 9:
                self.send(data, 10)
            elif opcode in (0, 1, 2):
                self._partial += data
                if final:
                    data, self._partial = self._partial, b""
                    return data

    def messages(self) -> Iterator[bytes]:
        """Until the other side closes or goes away."""
        while True:
            try:
                data = self.receive()
            except OSError:
                self.closed = True
                return
            if data is None:
                return
            yield data

    def _frame(self) -> tuple[int, bool, bytes]:
        head = self._exactly(2)
        length = head[1] & 0x7F
        if length == 126:
            length = int.from_bytes(self._exactly(2), "big")
        elif length == 127:
            length = int.from_bytes(self._exactly(8), "big")
        return head[0] & 0x0F, bool(head[0] & 0x80), self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        connection = self.connection
        while len(connection.buffer) < size:
            connection._more()
        data, connection.buffer = connection.buffer[:size], connection.buffer[size:]
        return data

    def close(self) -> None:
        """Say so and go."""
        if not self.closed:
            self.closed = True
            # A thread that is stuck in sending holds the lock; the peer will see the end all the same.
            if self._lock.acquire(timeout=1):
                self._lock.release()
                try:
                    self.send(b"\x03\xe8", 8)
                except OSError:
                    pass
        self.connection.shut()


def _masked(data: bytes, key: bytes) -> bytes:
    if not data:
        return data
    pattern = (key * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(pattern, "big")).to_bytes(len(data), "big")


def connect(client: Client, path: str, protocols: tuple[str, ...]) -> WebSocket:
    """Upgrade a request. StatusFailure when the server refuses it."""
    from binascii import b2a_base64

    from ..client import failure_of

    connection = Connection(client.target, tunnel=True)
    headers = [
        (name, value) for name, value in client.headers("*/*") if name not in ("Accept-Encoding", "Content-Type")
    ]
    headers += [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", b2a_base64(os.urandom(16), newline=False).decode()),
        ("Sec-WebSocket-Protocol", ", ".join(protocols)),
    ]
    try:
        connection.send("GET", connection.address.path + path, headers, b"")
        response = connection.answer()
    except OSError as error:
        connection.close()
        raise Unreachable(f"error dialing backend: {error}") from None
    if response.status != 101:
        data = response.read()
        connection.close()
        raise failure_of(response.status, data, response.header("content-type"), "GET")
    connection.stream.settimeout(None)
    return WebSocket(connection, response.header("sec-websocket-protocol"))
