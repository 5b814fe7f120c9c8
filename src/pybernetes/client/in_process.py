"""Calls inside one process: the API server's `App` seen as a transport.

    producer --write--> _Pipe (bounded queue) --chunks--> the client's `async for`

Requests carry the caller's identity in their context, so the same authorization applies as over the wire; no socket, no
TLS and no copy of the bytes. A pushed body (a watch) becomes an asynchronous iterator here. The producer sees how much
is waiting through `Sink.buffered` and ends a receiver that is too slow; a hard bound stands behind that.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType

from ..api.user import UserInfo
from ..base.http.message import App, PushBody, Request, Response

MAX_BUFFERED_BYTES = 64 << 20


class InProcessTransport:
    """An `App` that hands requests to another one as `user` (or as whom the request's context already names)."""

    def __init__(self, app: App, user: UserInfo | None = None) -> None:
        self._app = app
        self._user = user

    async def __call__(self, request: Request) -> Response:
        if self._user is not None:
            request.context.setdefault("user", self._user)
        response = await self._app(request)
        body = response.body
        if not isinstance(body, bytes) and not hasattr(body, "__aiter__"):
            response.body = Pipe(body)
        return response

    async def close(self) -> None:
        """Nothing is held open."""


class Pipe(AsyncIterator[bytes]):
    """A `Sink` for one `PushBody` on one side, an iterator of what was written on the other."""

    def __init__(self, body: PushBody) -> None:
        self._body = body
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._stopped = False
        self._waiter: asyncio.Future[None] | None = None
        self._drained: Callable[[], None] | None = None
        body.start(self)

    def write(self, data: bytes) -> None:
        if self._closed or not data:
            return
        if self._size + len(data) > MAX_BUFFERED_BYTES:
            self.close()
            return
        self._chunks.append(data)
        self._size += len(data)
        self._wake()

    def buffered(self) -> int:
        return self._size

    def when_drained(self, call: Callable[[], None]) -> None:
        if self._size:
            self._drained = call
        else:
            asyncio.get_running_loop().call_soon(call)

    def close(self) -> None:
        self._closed = True
        self._wake()

    def __aiter__(self) -> "Pipe":
        return self

    async def __anext__(self) -> bytes:
        while not self._chunks:
            if self._closed:
                self._stop()
                raise StopAsyncIteration
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        # Everything that waits is taken at once: a burst costs the reader one wake-up.
        data = self._chunks.popleft() if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._size = 0
        call, self._drained = self._drained, None
        if call is not None:
            asyncio.get_running_loop().call_soon(call)
        return data

    async def aclose(self) -> None:
        """The reader has had enough; idempotent."""
        self._closed = True
        self._stop()

    async def __aenter__(self) -> "Pipe":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._drained = None
            self._body.stop()
