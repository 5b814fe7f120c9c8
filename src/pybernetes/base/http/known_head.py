"""Heads that repeat: a client on a kept connection sends the same header lines with every request; only the method, the
target and the length of the body differ.

After a plain request the connection keeps the bytes of its header lines and what the parser made of them. A message
with the same bytes behind a plain request line means the same: it is read with one or two comparisons and one regular
expression instead of a dozen parser callbacks. That is 7 of 44 us of a get; what filters conclude from the headers
(`Request.facts`: whose token it is) is kept with them and saves 9 more, 30 us of a create. Requests with a body and
without have heads of their own. Anything unusual goes to the parser.
"""

import re

from pybernetes.base.http.message import Headers, Request

_TARGET = rb" (/[\w./~-]*)(?:\?([\w.~%&=,:/+-]*))? HTTP/1\.1\r\n"
_BARE = re.compile(rb"(GET|DELETE)" + _TARGET)
_LADEN = re.compile(rb"(POST|PUT|PATCH|DELETE)" + _TARGET)
_LENGTH = re.compile(rb"[1-9]\d{0,7}(?=\r\n)")
_LENGTH_LINE = re.compile(rb"\r\ncontent-length: ", re.IGNORECASE)
_LARGEST = 16 * 1024
_METHODS = {b"GET": "GET", b"DELETE": "DELETE", b"POST": "POST", b"PUT": "PUT", b"PATCH": "PATCH"}


class KnownHead:
    """The header lines of a connection's last plain request without a body, and what they mean."""

    __slots__ = ("_largest", "_lines", "_model")

    def __init__(self, lines: bytes, model: Request, largest: int) -> None:
        """`lines` are the bytes behind the request line of the request `model`."""
        self._lines = lines
        self._model = model
        self._largest = largest

    def request(self, message: bytes) -> Request | None:
        """The request of a message that differs from the known one in its first line only; None for any other."""
        lines = self._lines
        if not message.endswith(lines) or len(message) > self._largest:
            return None
        found = _BARE.fullmatch(message, 0, len(message) - len(lines))
        return _like(self._model, found, self._model.headers.copy()) if found is not None else None


class KnownLadenHead:
    """The same of a request with a body."""

    __slots__ = ("_after", "_before", "_largest", "_length_at", "_model")

    def __init__(self, before: bytes, after: bytes, model: Request, largest: int) -> None:
        """`before` and `after` are the bytes around the value of content-length in the head of `model`."""
        self._before = before
        self._after = after
        self._model = model
        self._largest = largest
        self._length_at = [name for name, _ in model.headers].index("content-length")

    def request(self, message: bytes) -> Request | None:
        """The request of a message that differs from the known one in its first line, its body and the body's length
        only, and is whole; None for any other."""
        found = _LADEN.match(message)
        if found is None or not message.startswith(self._before, found.end()):
            return None
        length = _LENGTH.match(message, found.end() + len(self._before))
        if length is None or not message.startswith(self._after, length.end()):
            return None
        start = length.end() + len(self._after)
        if start > self._largest or len(message) - start != int(length[0]):
            return None
        headers = self._model.headers.copy()
        headers[self._length_at] = ("content-length", length[0].decode("ascii"))
        return _like(self._model, found, headers, message[start:])


def _like(model: Request, line: re.Match[bytes], headers: Headers, body: bytes = b"") -> Request:
    method, path, query = line.groups(b"")
    return Request(
        _METHODS[method],
        path.decode("ascii"),
        query.decode("ascii"),
        headers,
        body,
        peer_certificate=model.peer_certificate,
        remote_address=model.remote_address,
        facts=model.facts,
    )


class KnownHeads:
    """What one connection knows: the last plain requests with a body and without."""

    __slots__ = ("_bare", "_laden", "_largest")

    def __init__(self, max_bytes: int) -> None:
        """Heads longer than `max_bytes` are never taken for a repetition."""
        self._largest = min(max_bytes, _LARGEST)
        self._bare: KnownHead | None = None
        self._laden: KnownLadenHead | None = None

    def request(self, message: bytes) -> Request | None:
        """The request of a message with known header lines; None for any other."""
        found = self._bare.request(message) if self._bare is not None else None
        if found is None and self._laden is not None:
            found = self._laden.request(message)
        return found

    def learn(self, message: bytes, request: Request) -> None:
        """After `message`, which was this one plain request."""
        known = _known(message, request, self._largest)
        if isinstance(known, KnownHead):
            self._bare = known
        elif known is not None:
            self._laden = known


def _known(message: bytes, request: Request, largest: int) -> KnownHead | KnownLadenHead | None:
    """None when it is none that will repeat."""
    end = message.find(b"\r\n\r\n") + 4
    if end > largest:
        return None
    model = _model(request)
    if end == len(message):
        line = _BARE.match(message)
        return KnownHead(message[line.end() :], model, largest) if line is not None else None
    line = _LADEN.match(message)
    if line is None:
        return None
    lengths = list(_LENGTH_LINE.finditer(message, line.end() - 2, end))
    if len(lengths) != 1:
        return None
    value = _LENGTH.match(message, lengths[0].end())
    if value is None or int(value[0]) != len(message) - end:
        return None
    return KnownLadenHead(message[line.end() : value.start()], message[value.end() : end], model, largest)


def _model(request: Request) -> Request:
    return Request(
        request.method,
        "",
        "",
        request.headers.copy(),
        peer_certificate=request.peer_certificate,
        remote_address=request.remote_address,
        facts=request.facts,
    )
