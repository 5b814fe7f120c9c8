"""What travels: one `Request`, one `Response`, one `App` signature for server, client and in-process calls alike.

A server turns bytes into a `Request`, awaits the `App`, and writes the `Response`. A client transport is an `App` too:
it writes the request to a socket and returns the response. So a component cannot tell whether the API server is in its
process or on another machine (the httpx and starlette idea).

Three kinds of response body:

* `bytes`: the usual case, sent in one write with `content-length`.
* an asynchronous iterator of `bytes`: pulled by the server, chunked (logs, proxied bodies, client side).
* a `PushBody`: the producer pushes into a `Sink` with plain calls and no task per receiver. Watches use it, so that one
  event costs one encode and one `write` per watcher.

A response with status 101 carries `upgrade` (HTTP/1.1 only): once the headers are written the server calls it with the
raw connection (SPDY/3.1 and WebSocket streams of exec, attach, port-forward). On the client side a 101 reply carries
`connection`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol, TypeAlias
from urllib.parse import parse_qsl

Headers: TypeAlias = list[tuple[str, str]]
"""Names are lower case; a name may occur more than once."""


class ByteStream(Protocol):
    """A connection handed over after an upgrade: both directions raw bytes."""

    async def read(self) -> bytes:
        """The next bytes; `b""` once the peer has closed its direction."""

    async def write(self, data: bytes) -> None:
        """Queue data and wait while the peer is slow. ConnectionError when it is gone."""

    def close(self) -> None:
        """End both directions; idempotent."""


class Sink(Protocol):
    """Where a `PushBody` writes. Never blocks: the producer looks at `buffered` and decides."""

    def write(self, data: bytes) -> None:
        """Send one piece of the body; ignored once the receiver is gone."""

    def buffered(self) -> int:
        """Bytes accepted and not yet taken by the receiver."""

    def when_drained(self, call: Callable[[], None]) -> None:
        """Call back once, from the loop, when little or nothing of what was written is waiting: there the producer of
        much goes on. One call waits at a time; it is dropped when the receiver is gone."""

    def close(self) -> None:
        """The body is complete; idempotent."""


class PushBody(Protocol):
    """A body that is pushed by its producer."""

    def start(self, sink: Sink) -> None:
        """Called once, after the response headers were sent."""

    def stop(self) -> None:
        """Called once when the receiver went away or the sink was closed; release everything."""


class Body(Protocol):
    """A request body that is still arriving."""

    async def read(self, limit: int) -> bytes:
        """All of it. BodyTooLarge when it exceeds limit bytes."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Piece by piece, for proxying."""


class BodyTooLarge(Exception):
    """The request body exceeds what the caller of `read` allows."""


class BytesBody:
    """A body that is there as a whole: in-process calls, small requests, tests."""

    __slots__ = ("data",)

    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    async def read(self, limit: int) -> bytes:
        if len(self.data) > limit:
            raise BodyTooLarge
        return self.data

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.data:
            yield self.data


class Request:
    """One request. `path` is as sent (percent-encoded), without the query; `query` is raw, without `?`.

    Header names are lower case; bytes that are not UTF-8 are surrogate escapes. `peer_certificate` is the verified
    client certificate (DER) or None, `remote_address` the peer's IP address or "". `context` carries what the filters o
    the server learn on the way: `"user"` (api.user.UserInfo), `"info"` (RequestInfo), `"warnings"` (texts), ...
    An in-process caller sets `context["user"]` and is then taken as authenticated; a listener never does.
    `facts` is what was concluded from the headers (but for content-length) and the peer alone: a listener gives the
    same dict again while a connection repeats its headers, so that they are looked at once (`known_head.py`). Whoever
    keeps something there must see for himself that it still holds.
    """

    __slots__ = ("body", "context", "facts", "headers", "method", "path", "peer_certificate", "query", "remote_address")

    def __init__(
        self,
        method: str,
        path: str,
        query: str = "",
        headers: Headers | None = None,
        body: Body | bytes = b"",
        *,
        peer_certificate: bytes | None = None,
        remote_address: str = "",
        context: dict[str, Any] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers: Headers = headers if headers is not None else []
        self.body: Body = BytesBody(body) if isinstance(body, bytes) else body
        self.peer_certificate = peer_certificate
        self.remote_address = remote_address
        self.context: dict[str, Any] = context if context is not None else {}
        self.facts: dict[str, Any] = facts if facts is not None else {}

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def header_all(self, name: str) -> list[str]:
        """Every header of that (lower-case) name, in order."""
        return [value for key, value in self.headers if key == name]

    def params(self) -> dict[str, str]:
        """Query parameters, first value of each name; blank values are kept."""
        found: dict[str, str] = {}
        for key, value in parse_qsl(self.query, keep_blank_values=True):
            found.setdefault(key, value)
        return found

    def param_all(self, name: str) -> list[str]:
        """Every value of one query parameter (`command=a&command=b`)."""
        return [value for key, value in parse_qsl(self.query, keep_blank_values=True) if key == name]


ResponseBody: TypeAlias = bytes | AsyncIterator[bytes] | PushBody


class Response:
    """One response; see the module docstring for bodies and upgrades."""

    __slots__ = ("body", "connection", "headers", "status", "upgrade")

    def __init__(
        self,
        status: int = 200,
        headers: Headers | None = None,
        body: ResponseBody = b"",
        *,
        upgrade: Callable[[ByteStream], Awaitable[None]] | None = None,
        connection: ByteStream | None = None,
    ) -> None:
        self.status = status
        self.headers: Headers = headers if headers is not None else []
        self.body = body
        self.upgrade = upgrade
        self.connection = connection

    def header(self, name: str) -> str | None:
        """The first header of that (lower-case) name."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


App: TypeAlias = Callable[[Request], Awaitable[Response]]
"""A server, a filter around a server, or a client transport."""
