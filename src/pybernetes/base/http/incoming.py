"""A body that is still arriving: the connection feeds it, the application reads it, and back-pressure runs in between.

The connection calls `feed`, `finish` or `fail` from its callbacks. Each time the application asks for bytes or takes
some, `on_demand(taken)` is called, so that HTTP/1.1 can send `100 Continue` and resume reading the socket, and HTTP/2
can widen the peer's window.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from pybernetes.base.http.message import BodyTooLarge


class IncomingBody:
    """Implements `message.Body` for a server and the body iterator of a client response."""

    __slots__ = ("_chunks", "_demand", "_error", "_length", "_waiter", "buffered", "complete")

    def __init__(self, on_demand: Callable[[int], None], length: int | None = None) -> None:
        self._chunks: list[bytes] = []
        self._demand = on_demand
        self._error: Exception | None = None
        self._length = length
        self._waiter: asyncio.Future[None] | None = None
        self.buffered = 0
        self.complete = False

    @property
    def awaited(self) -> bool:
        """Whether the application waits for bytes at this moment."""
        return self._waiter is not None

    # The connection's side.

    def feed(self, data: bytes) -> None:
        self._chunks.append(data)
        self.buffered += len(data)
        self._wake()

    def finish(self) -> None:
        self.complete = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """The rest will never come; whoever reads gets the error."""
        if not self.complete and self._error is None:
            self._error = error
            self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # The application's side.

    async def next_chunk(self) -> bytes:
        """All bytes that are there, at least one; b"" at the end of the body."""
        while not self._chunks:
            if self.complete:
                return b""
            if self._error is not None:
                raise self._error
            self._demand(0)
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.buffered = 0
        self._demand(len(data))
        return data

    async def read(self, limit: int) -> bytes:
        if self._length is not None and self._length > limit:
            raise BodyTooLarge
        parts: list[bytes] = []
        size = 0
        while data := await self.next_chunk():
            size += len(data)
            if size > limit:
                raise BodyTooLarge
            parts.append(data)
        return b"".join(parts)

    async def chunks(self) -> AsyncIterator[bytes]:
        while data := await self.next_chunk():
            yield data
