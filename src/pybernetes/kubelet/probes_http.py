"""One HTTP GET for probes and hooks: a fresh connection each time, certificates unchecked, errors in Go's words.

Nothing is kept between calls, as a probe must also notice that no new connection can be made. Redirects are followed
only on the same host (upstream's `pkg/probe/http`); a redirect elsewhere is the answer. At most 10 KiB of the body are
read. Error texts are those of Go's net/http, since users search for them.
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Sequence
from functools import cache
from urllib.parse import urljoin, urlsplit

import httptools
import msgspec

from ..base.http.net import handshake_failure

MAXIMUM_BODY_BYTES = 10 * 1024
MAXIMUM_HEAD_BYTES = 64 * 1024
MAXIMUM_REDIRECTS = 10
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpAnswer(msgspec.Struct, frozen=True):
    """What came back; the body may be cut."""

    status: int
    body: bytes


class HttpProbeError(Exception):
    """No answer; the message is complete (`Get "http://...": dial tcp ...: connect: connection refused`)."""


def join_address(host: str, port: int) -> str:
    """host:port with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def dial_error(host: str, port: int, error: OSError) -> str:
    """Why a TCP connection could not be made, as Go words it."""
    if isinstance(error, socket.gaierror):
        return f"dial tcp: lookup {host}: no such host"
    reason = os.strerror(error.errno).lower() if error.errno else str(error).lower()
    if error.errno == errno.ETIMEDOUT:
        reason = "connection timed out"
    return f"dial tcp {join_address(host, port)}: connect: {reason}"


async def open_tcp(
    host: str, port: int, tls: ssl.SSLContext | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection. HttpProbeError with Go's words when there is none; the caller limits the time."""
    try:
        return await asyncio.open_connection(host, port, ssl=tls, server_hostname=host if tls else None)
    except ssl.SSLError as error:
        raise HttpProbeError(handshake_failure(error)) from error
    except OSError as error:
        raise HttpProbeError(dial_error(host, port, _first(error))) from error


def _first(error: OSError) -> OSError:
    """asyncio joins the errors of several addresses into one without errno; the connection's own is what helps."""
    if error.errno is None and "Connect call failed" in str(error):
        return ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
    return error


@cache
def _unchecked_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Answer:
    """Callbacks of the response parser."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.location = ""
        self.complete = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"location":
            self.location = value.decode("latin-1")

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


def _head(url: str, headers: Sequence[tuple[str, str]], user_agent: str) -> bytes:
    parts = urlsplit(url)
    names = {name.lower() for name, _ in headers}
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    lines = [f"GET {target} HTTP/1.1"]
    if "host" not in names:
        lines.append(f"Host: {parts.netloc}")
    if "user-agent" not in names:
        lines.append(f"User-Agent: {user_agent}")
    if "accept" not in names:
        lines.append("Accept: */*")
    # An empty value of these two means "do not send it" (upstream's rule).
    lines += [f"{name}: {value}" for name, value in headers if value or name.lower() not in ("user-agent", "accept")]
    lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


async def _get_once(url: str, headers: Sequence[tuple[str, str]], user_agent: str) -> tuple[HttpAnswer, str]:
    """One request: (answer, Location header or "")."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    reader, writer = await open_tcp(host, port, _unchecked_tls() if parts.scheme == "https" else None)
    try:
        writer.write(_head(url, headers, user_agent))
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        # Go's client takes lines that end in LF alone, as those of many a CGI script do.
        parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True)
        received = 0
        while not answer.complete and len(answer.body) < MAXIMUM_BODY_BYTES:
            data = await reader.read(16384)
            if not data:
                break
            received += len(data)
            parser.feed_data(data)
            if received > MAXIMUM_HEAD_BYTES and not answer.body:
                raise HttpProbeError("net/http: server response headers exceeded the limit")
        status = parser.get_status_code()
        if not received or not status:
            raise HttpProbeError("EOF")
        return HttpAnswer(status, bytes(answer.body[:MAXIMUM_BODY_BYTES])), answer.location
    except httptools.HttpParserError as error:
        raise HttpProbeError(f"net/http: HTTP/1.x transport connection broken: {error}") from error
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise HttpProbeError(f"read tcp {join_address(host, port)}: read: {reason}") from error
    finally:
        writer.close()


async def http_get(url: str, headers: Sequence[tuple[str, str]], timeout_seconds: float, user_agent: str) -> HttpAnswer:
    """GET url, following redirects on the same host. HttpProbeError when there is no answer in time."""
    host = urlsplit(url).hostname
    current = url
    try:
        async with asyncio.timeout(timeout_seconds):
            for _ in range(MAXIMUM_REDIRECTS):
                answer, location = await _get_once(current, headers, user_agent)
                if answer.status not in _REDIRECTS or not location:
                    return answer
                target = urljoin(current, location)
                if urlsplit(target).hostname != host or urlsplit(target).scheme not in ("http", "https"):
                    return answer
                current = target
    except TimeoutError:
        message = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise HttpProbeError(f'Get "{current}": {message}') from None
    except HttpProbeError as error:
        raise HttpProbeError(f'Get "{current}": {error}') from error
    raise HttpProbeError(f'Get "{location}": stopped after {MAXIMUM_REDIRECTS} redirects')
