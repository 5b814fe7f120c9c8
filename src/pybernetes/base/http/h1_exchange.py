"""The parts of an HTTP/1.1 exchange on the server's side that need no connection to be understood."""

import asyncio
from collections.abc import Callable, Mapping

from pybernetes.base.http.incoming import IncomingBody
from pybernetes.base.http.message import PushBody, Request, Response


class Refused(Exception):
    """Raised inside parser callbacks: the request is answered with this status and the connection closed."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class Exchange:
    """One request and what its head said about the connection."""

    __slots__ = ("body", "expects_continue", "http10", "keep_alive", "refusal", "request", "started", "upgrade")

    def __init__(self, request: Request, keep_alive: bool, http10: bool, upgrade: bool) -> None:
        self.request = request
        self.keep_alive = keep_alive
        self.http10 = http10
        self.upgrade = upgrade
        self.expects_continue = False
        self.started = False  # the head of the response was written
        self.body: IncomingBody | None = None
        self.refusal: Response | None = None

    def expect(self, noted: Mapping[str, str]) -> None:
        """What the head says about the body's arrival. Refused for what is unknown or makes no sense."""
        if "expect" in noted and not self.http10:
            if noted["expect"].lower() != "100-continue":
                raise Refused(417, "unknown expectation")
            self.expects_continue = True
        if self.upgrade and noted.get("content-length", "0") != "0":
            raise Refused(400, "an upgrade request cannot have a body")

    @property
    def plain(self) -> bool:
        """A request that is all here and asks nothing of the connection."""
        if self.upgrade or self.expects_continue or not self.keep_alive or self.refusal is not None:
            return False
        return self.body is None


class ChunkSink:
    """The `Sink` of one pushed response."""

    __slots__ = ("_body", "_chunked", "_drained", "_ended", "_paused", "_transport", "closed", "written")

    def __init__(
        self,
        transport: asyncio.Transport,
        body: PushBody,
        *,
        chunked: bool,
        paused: bool,
        ended: Callable[[], None],
    ) -> None:
        """`paused`: more than a little of the head is waiting. `ended` is called when the producer closes the sink,
        after the end of the body was sent."""
        self._transport = transport
        self._body = body
        self._chunked = chunked
        self._paused = paused
        self._ended = ended
        self._drained: Callable[[], None] | None = None
        self.closed = False
        self.written = 0
        """Bytes of the body so far."""

    def write(self, data: bytes) -> None:
        if data and not self.closed:
            self.written += len(data)
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    def buffered(self) -> int:
        return 0 if self.closed else self._transport.get_write_buffer_size()

    def when_drained(self, call: Callable[[], None]) -> None:
        if self._paused:
            self._drained = call
        elif not self.closed:
            asyncio.get_running_loop().call_soon(call)

    def pause(self) -> None:
        """The transport has enough."""
        self._paused = True

    def resume(self) -> None:
        """The transport has little left."""
        self._paused = False
        call, self._drained = self._drained, None
        if call is not None and not self.closed:
            asyncio.get_running_loop().call_soon(call)

    def close(self) -> None:
        if self.closed:
            return
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self.detach()
        self._ended()

    def detach(self) -> None:
        """The body ends here, whether complete or not."""
        if not self.closed:
            self.closed = True
            self._drained = None
            self._body.stop()


def origin_form(url: bytes) -> str:
    """`/path?query` of a request target; the absolute form (RFC 9112 section 3.2.2) loses scheme and host."""
    text = url.decode("utf-8", "surrogateescape")
    if not text.startswith("/"):
        scheme, separator, rest = text.partition("://")
        if separator and scheme.isalpha():
            _, slash, path = rest.partition("/")
            return slash + path if slash else "/"
    return text
