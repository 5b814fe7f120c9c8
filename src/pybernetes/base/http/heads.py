"""Heads of HTTP/1.1 messages as bytes, checked so that no header value can smuggle a line into the message.

Names and values are UTF-8 with surrogate escapes: ASCII costs nothing extra, and foreign bytes survive a relay.
"""

import time
from http import HTTPStatus

from pybernetes.base.http.message import Headers

HOP_BY_HOP = frozenset({"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
"""Headers that concern one connection and are never relayed (RFC 9110 section 7.6.1)."""

_FRAMING = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}" for status in HTTPStatus}
_NAMES: dict[bytes, str] = {}
_MAX_NAMES = 512


def header_name(raw: bytes) -> str:
    """The lower-case text of a header name; the usual names are decoded once."""
    name = _NAMES.get(raw)
    if name is None:
        name = raw.lower().decode("utf-8", "surrogateescape")
        if len(_NAMES) < _MAX_NAMES and len(raw) < 64:
            _NAMES[raw] = name
    return name


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: int) -> str:
    """An instant (seconds since 1970) as HTTP writes it, whatever the locale."""
    t = time.gmtime(seconds)
    day, month = _DAYS[t.tm_wday], _MONTHS[t.tm_mon - 1]
    return f"{day}, {t.tm_mday:02} {month} {t.tm_year} {t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"


class _Date:
    """The `date` header, rendered once a second."""

    second = 0
    text = ""


def date_text() -> str:
    """The current time as HTTP writes it."""
    now = int(time.time())
    if now != _Date.second:
        _Date.second = now
        _Date.text = http_date(now)
    return _Date.text


def _encode(lines: list[str]) -> bytes:
    text = "\r\n".join(lines) + "\r\n\r\n"
    breaks = len(lines) + 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        raise ValueError("a header name or value contains a line break")
    return text.encode("utf-8", "surrogateescape")


def response_head(status: int, headers: Headers, *, length: int | None, chunked: bool, connection: str = "") -> bytes:
    """Status line and headers. The framing headers are ours: those the application gave are left out.

    `length` None and `chunked` False is a body that ends with the connection, or a status that has no body.
    """
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} Unknown"]
    for name, value in headers:
        if name not in _FRAMING:
            lines.append(f"{name}: {value}")
    if length is not None:
        lines.append(f"content-length: {length}")
    elif chunked:
        lines.append("transfer-encoding: chunked")
    if connection:
        lines.append(f"connection: {connection}")
    lines.append("date: " + date_text())
    return _encode(lines)


def upgrade_head(headers: Headers) -> bytes:
    """The head of a 101 reply, with the application's own `connection` and `upgrade` headers."""
    return _encode([_STATUS_LINES[101], *(f"{name}: {value}" for name, value in headers)])


def request_head(method: str, target: str, headers: Headers) -> bytes:
    """Request line and headers, exactly as given."""
    if " " in target or not target:
        raise ValueError(f"not a request target: {target!r}")
    return _encode([f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)])
