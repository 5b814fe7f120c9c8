"""One connection and the exchanges on it (HTTP/1.1): send a request, read its answer whole or as it comes.

Built on the interpreter's `_socket`, since `socket` takes 10 ms to import. Proxies: `proxy-url` of the cluster, else
the environment's HTTPS_PROXY / HTTP_PROXY with NO_PROXY. An HTTP proxy is asked to connect to a server of https and
for what becomes a stream; other requests to a server of http it is given to pass on. See `proxies.py`.
"""

from __future__ import annotations

import _socket
import os

from ..errors import Unreachable, quoted, reason_of
from . import tls

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from ..config.target import Target

CONNECT_SECONDS = 30.0
_CHUNK = 65536


class PeerClosed(ConnectionResetError):
    """The peer has closed the connection: `EOF` between messages, `unexpected EOF` within one."""


class Socket(_socket.socket):
    """TLS needs sockets that can be referred to weakly."""

    __slots__ = ("__weakref__",)


class Address:
    """A URL's parts. IPv6 hosts without brackets."""

    __slots__ = ("host", "path", "port", "scheme", "user")

    def __init__(self, url: str) -> None:
        self.scheme, _, rest = url.partition("://")
        authority, slash, path = rest.partition("/")
        self.path = (slash + path).rstrip("/")
        self.user, _, host = authority.rpartition("@")
        if host.startswith("["):
            self.host, _, port = host[1:].partition("]")
            port = port.lstrip(":")
        else:
            self.host, _, port = host.partition(":")
        self.port = int(port) if port.isdigit() else (443 if self.scheme == "https" else 80)

    def authority(self) -> str:
        """For the Host header and for messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"

    def with_port(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Response:
    """An answer: status and headers are there, the body may still be coming."""

    def __init__(self, connection: Connection, status: int, reason: str, headers: list[tuple[str, str]]) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self.connection = connection
        self.done = False
        self._inflate: Any = None
        if self.header("content-encoding") == "gzip":
            import zlib

            self._inflate = zlib.decompressobj(31)

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    def read(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks())

    def chunks(self) -> Iterator[bytes]:
        """The body as it arrives."""
        source = self.connection.body(self)
        for data in source:
            plain = self._inflate.decompress(data) if self._inflate else data
            if plain:
                yield plain
        self.done = True
        self.connection.finished(self)

    def lines(self) -> Iterator[bytes]:
        """The lines of a streaming body, without their ends; what follows the last end is a line too."""
        rest = b""
        for data in self.chunks():
            *whole, rest = (rest + data).split(b"\n")
            yield from whole
        if rest:
            yield rest

    def close(self) -> None:
        """No more of it is wanted."""
        if not self.done:
            self.connection.close()


class Connection:
    """To one server; one exchange at a time."""

    def __init__(self, target: Target, *, tunnel: bool = False) -> None:
        """`tunnel`: no proxy is to see the requests, since the connection becomes another protocol's."""
        self.target = target
        self.address = Address(target.server)
        self._tunnel = tunnel or self.address.scheme == "https"
        self._passed_on: list[str] | None = None
        """For requests that a proxy passes on: its headers."""
        self.stream: Any = None
        self.buffer = b""
        self.reused = False
        self.idle = True
        self.route = ""
        """From where to where, once connected."""
        self._limit = target.timeout_seconds

    def limit(self, seconds: float) -> None:
        """How long the peer may be silent; 0: for ever."""
        if seconds != self._limit:
            self._limit = seconds
            if self.stream is not None:
                self.stream.settimeout(seconds or None)

    def open(self) -> None:
        """Connect and, for https, shake hands. Unreachable."""
        address, target = self.address, self.target
        sock = self._dial()
        self.route = _route(sock)
        if address.scheme == "https":
            sock.settimeout(CONNECT_SECONDS)
            try:
                self.stream = tls.wrap(
                    sock,
                    target.server_name or address.host,
                    ca=target.ca,
                    insecure=target.insecure,
                    certificate=target.certificate,
                    key=target.key,
                )
            except tls.Unverified as refusal:
                sock.close()
                from .unverified import explained

                raise explained(self._dial(), target.server_name or address.host, target.ca, refusal) from None
            except BaseException:
                sock.close()
                raise
        else:
            self.stream = sock
        self.stream.settimeout(self._limit or None)
        self.buffer = b""
        self.reused = False

    def _dial(self) -> Any:
        address = self.address
        proxy = _proxy_of(address, self.target)
        if not proxy:
            return connect(address.host, address.port, address)
        from .proxies import connect_through, credentials, reach

        through = Address(proxy)
        if self._tunnel or through.scheme.startswith("socks"):
            return connect_through(through, address, self.target)
        self._passed_on = credentials(through)
        return reach(through, address, self.target)

    def close(self) -> None:
        if self.stream is not None:
            self.stream.close()
            self.stream = None

    def shut(self) -> None:
        """Close it although threads wait for it: closing alone would not wake them."""
        try:
            self.stream.shutdown(2)
        except (OSError, AttributeError, TypeError, ValueError):
            pass
        self.close()

    def send(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes) -> None:
        """The head and the body of a request in one write; connects when there is no connection."""
        if self.stream is None:
            self.open()
        host = self.address.authority()
        if self._passed_on is not None:
            path = f"http://{host}{path}"
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(self._passed_on or ())]
        lines += [f"{name}: {value}" for name, value in headers]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        self.idle = False
        self.stream.sendall("\r\n".join((*lines, "", "")).encode("latin-1", "replace") + body)

    def ended(self) -> bool:
        """Has the peer closed it, or said something unasked, while it was idle?"""
        import select

        poll = select.poll()
        poll.register(self.stream.fileno(), select.POLLIN)
        return bool(self.buffer or poll.poll(0))

    def answer(self) -> Response:
        """The head of the answer to what was sent. Unreachable for what is no HTTP; OSError, PeerClosed when the
        server went away.
        """
        while True:
            try:
                end = self._fill_until(b"\r\n\r\n", b"HTTP/")
            except PeerClosed:
                raise self._broken() from None
            head, self.buffer = self.buffer[:end].decode("latin-1"), self.buffer[end + 4 :]
            first, *lines = head.split("\r\n")
            version, _, rest = first.partition(" ")
            code, _, reason = rest.partition(" ")
            if not version.startswith("HTTP/") or not code.isdigit():
                raise _malformed(f"malformed HTTP response {quoted(first)}")
            if code == "100":
                continue
            headers = []
            for line in lines:
                name, _, value = line.partition(":")
                name, value = name.strip().lower(), value.strip()
                if not value.isprintable() and any(letter < " " and letter != "\t" for letter in value):
                    raise _malformed(f"malformed MIME header line: {line}".encode("unicode_escape").decode())
                if name == "content-length" and not value.isdigit():
                    raise _malformed(f"bad Content-Length {quoted(value)}")
                headers.append((name, value))
            return Response(self, int(code), reason, headers)

    def _broken(self) -> OSError | Unreachable:
        """What it means that there was no whole head."""
        head = self.buffer.decode("latin-1")
        first, newline, rest = head.partition("\n")
        if not head:
            return PeerClosed("EOF")
        if not first.startswith("HTTP/"):
            return _malformed(f"malformed HTTP response {quoted(first.rstrip())}")
        last = rest.rpartition("\n")[2]
        if newline and last and ":" not in last:
            return _malformed(f"malformed MIME header: missing colon: {quoted(last)}")
        return PeerClosed("unexpected EOF")

    def _fill_until(self, mark: bytes, beginning: bytes = b"") -> int:
        """Where the mark is; or what does not begin as it must has its first line, or its end."""
        start = 0
        while True:
            if beginning and b"\n" in self.buffer and not self.buffer.startswith(beginning):
                raise PeerClosed
            end = self.buffer.find(mark, start)
            if end >= 0:
                return end
            start = max(0, len(self.buffer) - len(mark))
            self._more()

    def _more(self) -> None:
        if self.stream is None:
            raise ConnectionResetError("the connection is closed")
        data = self.stream.recv(_CHUNK)
        if not data:
            raise PeerClosed("unexpected EOF")
        self.buffer += data

    def body(self, response: Response) -> Iterator[bytes]:
        """The framed body of an answer."""
        if response.status in (204, 304):
            return
        if response.header("transfer-encoding").lower() == "chunked":
            yield from self._chunked()
            return
        length = response.header("content-length")
        if not length:
            yield from self._until_close()
            return
        left = int(length)
        while left:
            if not self.buffer:
                self._more()
            data, self.buffer = self.buffer[:left], self.buffer[left:]
            left -= len(data)
            yield data

    def _chunked(self) -> Iterator[bytes]:
        while True:
            end = self._fill_until(b"\r\n")
            size = _size(self.buffer[:end].split(b";")[0].strip())
            self.buffer = self.buffer[end + 2 :]
            left = size
            while left:
                if not self.buffer:
                    self._more()
                data, self.buffer = self.buffer[:left], self.buffer[left:]
                left -= len(data)
                yield data
            end = self._fill_until(b"\r\n")
            self.buffer = self.buffer[end + 2 :]
            if not size:
                return

    def _until_close(self) -> Iterator[bytes]:
        if self.buffer:
            yield self.buffer
            self.buffer = b""
        while True:
            data = self.stream.recv(_CHUNK)
            if not data:
                break
            yield data
        self.close()

    def finished(self, response: Response) -> None:
        """A body was read to its end: the connection may be used again, unless the server said otherwise."""
        self.idle = True
        self.reused = True
        if response.header("connection").lower() == "close":
            self.close()


def _size(digits: bytes) -> int:
    """Of a chunk. OSError when it says none."""
    try:
        return int(digits, 16)
    except ValueError:
        raise OSError("invalid byte in chunk length" if digits else "empty hex number for chunk length") from None


def _route(sock: Any) -> str:
    """`127.0.0.1:1->127.0.0.1:2`."""
    try:
        ends = [sock.getsockname(), sock.getpeername()]
    except (OSError, AttributeError):
        return ""
    return "->".join(f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}" for end in ends)


def _malformed(what: str) -> Unreachable:
    words = f"net/http: HTTP/1.x transport connection broken: {what}"
    return Unreachable(words, detail=words)


def connect(host: str, port: int, address: Address | None = None) -> Any:
    """A connected TCP socket, trying each address of the host. Unreachable with kubectl's words."""
    try:
        found = _socket.getaddrinfo(host.encode("ascii") if host.isascii() else host, port, 0, _socket.SOCK_STREAM)
    except OSError:
        raise Unreachable(f"dial tcp: lookup {host}: no such host") from None
    last: OSError | None = None
    for family, kind, protocol, _, where in found:
        sock = Socket(family, kind, protocol)
        sock.settimeout(CONNECT_SECONDS)
        try:
            sock.connect(where)
        except OSError as error:
            sock.close()
            last = error
            continue
        sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        return sock
    peer: Any = where
    if isinstance(last, ConnectionRefusedError) and address is not None:
        raise refused(address, f"dial tcp {peer[0]}:{peer[1]}: connect: connection refused")
    if isinstance(last, TimeoutError):
        raise Unreachable(f"dial tcp {host}:{port}: i/o timeout")
    raise Unreachable(f"dial tcp {host}:{port}: connect: {reason_of(last) if last else 'no address'}")


def refused(address: Address, detail: str) -> Unreachable:
    """What is told of the server, whoever refused."""
    message = (
        f"The connection to the server {address.authority()} was refused - did you specify the right host or port?"
    )
    return Unreachable(message, refused=True, detail=detail)


def _proxy_of(address: Address, target: Target) -> str:
    if target.proxy:
        return target.proxy
    environment = os.environ
    names = ("HTTPS_PROXY", "https_proxy") if address.scheme == "https" else ("HTTP_PROXY", "http_proxy")
    proxy = next((environment[name] for name in names if environment.get(name)), "")
    if not proxy or address.host == "localhost" or address.host.startswith("127.") or address.host == "::1":
        return ""
    for pattern in (environment.get("NO_PROXY") or environment.get("no_proxy") or "").split(","):
        pattern = pattern.strip().lstrip(".")
        if pattern == "*" or (pattern and (address.host == pattern or address.host.endswith("." + pattern))):
            return ""
        if "/" in pattern and _in_network(address.host, pattern):
            return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _in_network(host: str, pattern: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False
