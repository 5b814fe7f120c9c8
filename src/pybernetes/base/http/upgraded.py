"""A connection after `101 Switching Protocols`: raw bytes both ways, on the server's side and on the client's.

The HTTP protocol object gives its transport to a `TransportStream`, together with the bytes that had already arrived.
"""

import asyncio

_HIGH_WATER = 256 * 1024
"""Unread bytes beyond which the socket is not read."""


class TransportStream(asyncio.Protocol):
    """A `ByteStream` over an asyncio transport."""

    def __init__(self, transport: asyncio.Transport, received: bytes = b"", *, writable: bool = True) -> None:
        """Take the transport over. `received` are bytes that came with the head; `writable` False if it is paused."""
        self._transport = transport
        self._tls = transport.get_extra_info("ssl_object") is not None
        self._received = bytearray(received)
        self._ended = False
        self._lost = False
        self._reader: asyncio.Future[None] | None = None
        self._writable = writable
        self._writers: list[asyncio.Future[None]] = []
        self._reading = True
        transport.set_protocol(self)
        transport.resume_reading()
        if transport.is_closing():
            self._ended = self._lost = True

    async def read(self) -> bytes:
        while not self._received:
            if self._ended:
                return b""
            if self._reader is not None:
                raise RuntimeError("this stream is already being read")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = bytes(self._received)
        self._received.clear()
        if not self._reading and not self._lost:
            self._reading = True
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        if self._lost or self._transport.is_closing():
            raise ConnectionResetError("the connection was closed")
        if data:
            self._transport.write(data)
        if not self._writable:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._writers.append(waiter)
            await waiter
            if self._lost:
                raise ConnectionResetError("the connection was closed")

    def close(self) -> None:
        self._ended = True
        self._wake_reader()
        self._transport.close()

    def abort(self) -> None:
        """Cut the connection, without the goodbyes of TLS."""
        self._transport.abort()

    @property
    def lost(self) -> bool:
        """Whether the connection is gone, not only closing."""
        return self._lost

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writers(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            if not writer.done():
                writer.set_result(None)

    # asyncio.Protocol

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._wake_reader()
        if self._reading and len(self._received) > _HIGH_WATER:
            self._reading = False
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake_reader()
        return not self._tls

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._wake_writers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = self._lost = True
        self._wake_reader()
        self._wake_writers()
