"""HTTP/1.1 messages as they arrive: httptools' callbacks become `Exchange` objects.

    feed(data) ─▶ on_url, on_header, … ─▶ head complete: `arriving` ─▶ body in `chunks` ─▶ message complete: `exchanges`

The connection looks after each piece at what is there: complete exchanges in the queue, or one that is `arriving`,
whose body it gives to the application as it comes (`Exchange.body`). What may not be is `Refused` with its status.
"""

from collections import deque
from typing import cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from pybernetes.base.http.h1_exchange import Exchange, Refused, origin_form
from pybernetes.base.http.heads import header_name
from pybernetes.base.http.message import BytesBody, Headers, Request

_MAX_TARGET = 32 * 1024
_MAX_PIPELINED = 128
_MAX_FRAMING = 256 * 1024
_NOTED = frozenset({"host", "expect", "content-length", "transfer-encoding"})


class MessageReader:
    """One connection's input, until it is upgraded or makes no sense any more."""

    def __init__(
        self, exchanges: deque[Exchange], max_head_bytes: int, peer_certificate: bytes | None, remote_address: str
    ) -> None:
        """Complete messages are appended to `exchanges`; the last two are facts that every request is told."""
        self.in_head = False
        self.arriving: Exchange | None = None
        """Its head is complete and its body is not."""
        self.chunks: list[bytes] = []
        """Of the body that arrives, not yet passed on."""
        self.exchanges = exchanges
        self._parser = HttpRequestParser(self)
        self._max_head_bytes = max_head_bytes
        self._peer_certificate = peer_certificate
        self._remote_address = remote_address
        self._url = b""
        self._headers: Headers = []
        self._noted: dict[str, str] = {}
        self._head_bytes = 0  # of the head, in earlier pieces
        self._piece_bytes = 0

    @property
    def declared_length(self) -> int | None:
        """Of the body that arrives, when its head tells."""
        length = self._noted.get("content-length")
        return int(length) if length else None

    def feed(self, data: bytes) -> bytes | None:
        """One piece of input. The bytes behind an upgrade request if one ended HTTP here, else None; Refused."""
        self._piece_bytes = len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as upgrade:
            return data[cast(int, upgrade.args[0]) :]
        except HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, Refused):
                raise cause from None
            raise Refused(400, f"malformed HTTP request: {error}") from None
        if self.in_head:
            self._count_framing(self._max_head_bytes)
        elif self.arriving is not None:
            if self.chunks:
                self._head_bytes = 0
            else:
                # Chunk extensions or trailers: nothing that anybody waits for.
                self._count_framing(self._max_head_bytes + _MAX_FRAMING)
        return None

    def _count_framing(self, limit: int) -> None:
        self._head_bytes += self._piece_bytes
        if self._head_bytes > limit:
            raise Refused(431, "request header fields too large")

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._noted = {}
        self._head_bytes = 0
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        self._url = self._url + url if self._url else url
        if len(self._url) > _MAX_TARGET:
            raise Refused(414, "request URI too long")

    def on_header(self, raw: bytes, value: bytes) -> None:
        if not self.in_head:
            return  # a trailer: what comes behind the body may not pass for a header that a proxy has looked at
        name = header_name(raw)
        text = value.decode("utf-8", "surrogateescape")
        self._headers.append((name, text))
        if name in _NOTED:
            if name == "host" and name in self._noted:
                raise Refused(400, "too many Host headers")
            self._noted[name] = text

    def on_headers_complete(self) -> None:
        parser, headers, noted = self._parser, self._headers, self._noted
        if self._head_bytes + self._piece_bytes > self._max_head_bytes:
            # Perhaps only the body made this piece so large: count exactly.
            size = len(self._url) + sum([len(name) + len(value) for name, value in headers])
            if size > self._max_head_bytes:
                raise Refused(431, "request header fields too large")
        http10 = parser.get_http_version() == "1.0"
        if "host" not in noted and not http10:
            raise Refused(400, "missing required Host header")
        if noted.get("transfer-encoding", "chunked").lower() != "chunked":
            raise Refused(501, "unsupported transfer encoding")
        if len(self.exchanges) >= _MAX_PIPELINED:
            raise Refused(400, "too many pipelined requests")
        path, _, query = origin_form(self._url).partition("?")
        request = Request(
            parser.get_method().decode("ascii"),
            path,
            query,
            headers,
            peer_certificate=self._peer_certificate,
            remote_address=self._remote_address,
        )
        exchange = Exchange(request, parser.should_keep_alive(), http10, parser.should_upgrade())
        exchange.expect(noted)
        self.in_head = False
        self.arriving = exchange

    def on_body(self, data: bytes) -> None:
        self.chunks.append(data)

    def on_message_complete(self) -> None:
        exchange, self.arriving = self.arriving, None
        assert exchange is not None
        chunks, self.chunks = self.chunks, []
        if exchange.body is not None:
            if chunks:
                exchange.body.feed(b"".join(chunks))
            exchange.body.finish()
            return
        if chunks:
            exchange.request.body = BytesBody(b"".join(chunks))
        self.exchanges.append(exchange)
