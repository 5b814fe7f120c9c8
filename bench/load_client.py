"""A load generator for benchmarks: prebuilt HTTP/1.1 requests over TLS, one at a time on each connection.

It parses no more than a status line and a content length, so that it is not what is measured: about 25 us of processor
time a request. `drive` gives rate and latencies; `Stream` counts the lines of a watch.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Iterable, Iterator

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


def request(method: str, path: str, token: str, body: bytes = b"", media: str = "application/json") -> bytes:
    """A request's bytes."""
    head = f"{method} {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {token}\r\naccept: application/json\r\n"
    if body:
        head += f"content-type: {media}\r\ncontent-length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


class Connection(asyncio.Protocol):
    """Sends the next request when the answer to the last is complete."""

    def __init__(self, requests: Iterator[bytes], expected: int) -> None:
        self._requests = requests
        self._expected = b" %d " % expected
        self._buffer = bytearray()
        self._began = 0.0
        self.latencies: list[float] = []
        self.wrong: list[bytes] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        following = next(self._requests, None)
        if following is None:
            self.done.set_result(None)
            self._transport.close()
            return
        self._began = time.perf_counter()
        self._transport.write(following)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        found = _LENGTH.search(self._buffer, 0, end)
        if found is None:
            if not self._buffer.endswith(b"0\r\n\r\n"):
                return
        elif len(self._buffer) < end + 4 + int(found[1]):
            return
        self.latencies.append(time.perf_counter() - self._began)
        if self._expected not in self._buffer[:16]:
            self.wrong.append(bytes(self._buffer[:400]))
        self._buffer.clear()
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server closed the connection"))


class Stream(asyncio.Protocol):
    """A watch: counts the events that arrive, and knows when the last did."""

    def __init__(self, request: bytes, seen: list[int]) -> None:
        self._request = request
        self._seen = seen
        self.latest = 0.0
        """When something last arrived, by `time.perf_counter`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._seen[0] += data.count(b'{"type":"')
        self.latest = time.perf_counter()


def trusting(ca_file: str) -> ssl.SSLContext:
    """TLS to a server that the CA vouches for."""
    return ssl.create_default_context(cafile=ca_file)


async def drive(
    host: str, port: int, tls: ssl.SSLContext, requests: Iterable[bytes], connections: int, expected: int
) -> tuple[float, list[float]]:
    """(seconds, sorted latencies) of all requests shared by the connections. RuntimeError on a wrong answer."""
    loop = asyncio.get_running_loop()
    shared = iter(requests)
    began = time.perf_counter()
    made = [
        (await loop.create_connection(lambda: Connection(shared, expected), host, port, ssl=tls))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(connection.done for connection in made))
    seconds = time.perf_counter() - began
    for connection in made:
        if connection.wrong:
            raise RuntimeError(connection.wrong[0].decode(errors="replace"))
    return seconds, sorted(latency for connection in made for latency in connection.latencies)
