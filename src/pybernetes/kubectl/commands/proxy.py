"""`kubectl proxy`: the API on a local port, with our credentials; quiet until it is interrupted.

Requests are relayed as they come, streams (watches, logs) and upgrades (exec) included: each local connection has a
thread that reads a head, checks it against the filters, and copies bytes between the two sides.
"""

from __future__ import annotations

import _socket
import os

from ..ending import INTERRUPT, interruptible
from ..errors import CommandError, Unreachable, reason_of
from ..transport.connection import Connection, Socket
from .proxy_files import MISSING, PLAIN, moved, page

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session import Session

FLAGS = (
    r"accept-hosts='^localhost$,^127\.0\.0\.1$,^\[::1\]$' accept-paths='^.*' address='127.0.0.1' api-prefix='/' "
    "append-server-path=false disable-filter=false keepalive=0s -p,port=8001 reject-methods='^$' "
    "reject-paths='^/api/.*/pods/.*/exec,^/api/.*/pods/.*/attach' -u,unix-socket='' -w,www='' -P,www-prefix='/static/'"
)
_CHUNK = 65536


class Filter:
    """Which requests are let through; lists of regular expressions."""

    def __init__(self, session: Session) -> None:
        flags = session.flags
        self.off = flags.on("disable-filter")
        self._hosts = _patterns(flags.text("accept-hosts"))
        self._paths = _patterns(flags.text("accept-paths"))
        self._rejected_paths = _patterns(flags.text("reject-paths"))
        self._rejected_methods = _patterns(flags.text("reject-methods"))

    def accepts(self, method: str, path: str, host: str) -> bool:
        if self.off:
            return True
        if any(pattern.search(path) for pattern in self._rejected_paths):
            return False
        if any(pattern.search(method) for pattern in self._rejected_methods):
            return False
        if not any(pattern.search(_without_port(host)) for pattern in self._hosts):
            return False
        return any(pattern.search(path) for pattern in self._paths)


def _patterns(text: str) -> list[Any]:
    from pybernetes.api.cel.regex import PatternError, compiled

    try:
        return [compiled(part) for part in text.split(",")]
    except PatternError as error:
        from ..wire_log import line

        words = line("proxy_server.go:83", f"Error compiling re: {error}", "F")
        raise CommandError(words, 255, prefix="") from None


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def run(session: Session) -> int:
    flags = session.flags
    if flags.changed("port") and flags.text("unix-socket"):
        raise CommandError("cannot set --unix-socket and --port at the same time")
    if flags.text("www") and not os.path.isdir(flags.text("www")):
        if not os.path.exists(flags.text("www")):
            root = flags.text("www")
            _warn(session, f"Failed to stat static file directory {root}: stat {root}: no such file or directory")
        else:
            _warn(session, f"Static file directory {flags.text('www')} is not a directory")
    filter_ = Filter(session)
    if filter_.off and not flags.text("unix-socket"):
        _warn(session, "Request filter disabled, your proxy is vulnerable to XSRF attacks, please be cautious")
    listener, shown = _listener(session)
    import _thread

    try:
        with interruptible((INTERRUPT,), KeyboardInterrupt):
            session.print(f"Starting to serve on {shown}")
            session.out.flush()
            # Credentials are fetched once, before threads share them.
            session.client.headers()
            while True:
                accepted, _ = listener._accept()
                _thread.start_new_thread(_Serving(session, filter_, Socket(fileno=accepted)).run, ())
    finally:
        listener.close()
        if flags.text("unix-socket"):
            os.unlink(flags.text("unix-socket"))


def _warn(session: Session, text: str) -> None:
    from ..wire_log import line

    session.tell(line("proxy.go:165", text, "W"))


def _listener(session: Session) -> tuple[Any, str]:
    flags = session.flags
    path = flags.text("unix-socket")
    if path:
        if os.path.exists(path):
            os.unlink(path)
        sock = Socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        mask = os.umask(0o077)
        try:
            sock.bind(path)
        except OSError as error:
            raise CommandError(f"listen unix {path}: bind: {reason_of(error)}") from None
        finally:
            os.umask(mask)
        sock.listen(128)
        return sock, path
    address, port = flags.text("address"), flags.number("port")
    if not 0 <= port < 65536:
        raise CommandError(f"listen tcp: address {port}: invalid port")
    sock = Socket(_socket.AF_INET6 if ":" in address else _socket.AF_INET, _socket.SOCK_STREAM)
    sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    try:
        sock.bind((address, port))
        sock.listen(128)
    except OSError as error:
        raise CommandError(f"listen tcp {address}:{port}: bind: {reason_of(error)}") from None
    bound = sock.getsockname()[1]
    return sock, f"[{address}]:{bound}" if ":" in address else f"{address}:{bound}"


class _Serving:
    """One local connection."""

    def __init__(self, session: Session, filter_: Filter, client: Any) -> None:
        self._session = session
        self._filter = filter_
        self._client = client
        self._buffer = b""
        self._prefix, self._static = (
            session.flags.text(name).removesuffix("/") + "/" for name in ("api-prefix", "www-prefix")
        )

    def run(self) -> None:
        """Requests one after the other; errors of a connection concern nobody else."""
        try:
            self._client.settimeout(None)
            while self._request():
                pass
        except (OSError, ValueError):
            pass
        finally:
            self._client.close()

    def _request(self) -> bool:
        head = self._head()
        if not head:
            return False
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = [(line.partition(":")[0], line.partition(":")[2].strip()) for line in lines]
        lower = {name.lower(): value for name, value in headers}
        bare = path.partition("?")[0]
        root = self._session.flags.text("www")
        if root and f"{bare}/" == self._static:
            return self._answer(*moved(self._static))
        if root and bare.startswith(self._static):
            return self._answer(*page(root, bare[len(self._static) :]))
        if f"{bare}/" == self._prefix:
            return self._answer(*moved(self._prefix))
        if not path.startswith(self._prefix):
            return self._answer(*MISSING)
        path = "/" + path[len(self._prefix) :]
        if not self._filter.accepts(method, path.partition("?")[0], lower.get("host", "")):
            return self._answer(403, "Forbidden", b"Forbidden\n")
        return self._relay(method, path, headers, lower)

    def _head(self) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            data = self._client.recv(_CHUNK)
            if not data:
                return b""
            self._buffer += data
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    def _answer(self, code: int, reason: str, body: bytes, kind: str = PLAIN, location: str = "") -> bool:
        head = f"HTTP/1.1 {code} {reason}\r\nContent-Length: {len(body)}\r\n"
        head += f"Content-Type: {kind}\r\n" if kind else ""
        head += f"Location: {location}\r\n\r\n" if location else "\r\n"
        self._client.sendall(head.encode() + body)
        return True

    def _relay(self, method: str, path: str, headers: list[tuple[str, str]], lower: dict[str, str]) -> bool:
        """The request with our credentials; the answer byte by byte, since its framing is the server's."""
        session = self._session
        connection = Connection(session.target, tunnel=True)
        mine = [pair for pair in session.client.headers() if pair[0] in ("Authorization",)] + session.target.headers
        upgrade = "upgrade" in lower.get("connection", "").lower()
        skipped = {"host", "authorization", "connection", "content-length"}
        kept = [
            (name, value)
            for name, value in headers
            if name.lower() not in skipped or (upgrade and name.lower() == "connection")
        ]
        length = lower.get("content-length")
        chunked = lower.get("transfer-encoding", "").lower() == "chunked"
        if length:
            kept.append(("Content-Length", length))
        if not upgrade:
            kept.append(("Connection", "close"))
        if session.flags.on("append-server-path"):
            path = connection.address.path + path
        try:
            connection.open()
            head = [f"{method} {path} HTTP/1.1", f"Host: {connection.address.authority()}"]
            head += [f"{name}: {value}" for name, value in kept + mine]
            connection.stream.sendall("\r\n".join((*head, "", "")).encode("latin-1"))
        except (Unreachable, OSError) as error:
            return self._answer(502, "Bad Gateway", str(error).encode())
        import _thread

        stream = connection.stream
        stream.settimeout(None)
        if upgrade or chunked:
            _thread.start_new_thread(self._upwards, (stream,))
        elif length:
            self._body(stream, int(length))
        try:
            while data := stream.recv(_CHUNK):
                self._client.sendall(data)
        finally:
            connection.close()
        # The answer ended with the server's connection; the client's ends as well.
        return False

    def _body(self, stream: Any, left: int) -> None:
        while left:
            if not self._buffer:
                self._buffer = self._client.recv(_CHUNK)
                if not self._buffer:
                    raise ConnectionResetError
            data, self._buffer = self._buffer[:left], self._buffer[left:]
            left -= len(data)
            stream.sendall(data)

    def _upwards(self, stream: Any) -> None:
        try:
            if self._buffer:
                stream.sendall(self._buffer)
                self._buffer = b""
            while data := self._client.recv(_CHUNK):
                stream.sendall(data)
        except OSError:
            pass
