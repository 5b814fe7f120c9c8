"""A server that says what a test tells it to, down to the bytes and the end of the connection.

A script is a function of the request: `Request` to the answer. `Answer` is a whole one; bytes are sent as they are and
the connection ends after them (a reset if they are `RESET`). A thread per connection, since the clients under test run
beside this process and in it.
"""

import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESET = b"\0reset"
"""The connection is reset, and nothing is sent."""


@dataclass
class Request:
    """What was asked. Header names are in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    number: int
    """How many requests of this path and method came before."""
    on_connection: int
    """How many requests came before on the same connection."""

    @property
    def bare(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


@dataclass
class Answer:
    """A whole answer; the body is JSON unless it is a text or bytes."""

    body: Any = b""
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    last: bool = False
    """The connection ends afterwards, without the client being told before."""
    chunked: bool = False

    def encoded(self) -> bytes:
        kind, data = "application/json", self.body
        if isinstance(data, str):
            kind, data = "text/plain; charset=utf-8", data.encode()
        elif not isinstance(data, bytes):
            data = json.dumps(data).encode()
        names = {name.lower() for name, _ in self.headers}
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in self.headers)]
        if "content-type" not in names:
            lines.append(f"Content-Type: {kind}")
        if self.chunked:
            lines.append("Transfer-Encoding: chunked")
            pieces = [data[start : start + 7] for start in range(0, len(data), 7)]
            data = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
        elif "content-length" not in names:
            lines.append(f"Content-Length: {len(data)}")
        return "\r\n".join((*lines, "", "")).encode() + data


Script = Callable[[Request], Answer | bytes]


def failure(code: int, reason: str, message: str) -> Answer:
    """A Status."""
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
    return Answer({**status, "reason": reason, "message": message}, code)


@contextmanager
def scripted_server(script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """Its port."""
    counts: dict[tuple[str, str], int] = {}
    lock = threading.Lock()
    listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                stream = tls.wrap_socket(connection, server_side=True) if tls else connection
                _exchanges(stream, script, counts, lock)
                if tls:
                    stream.close()
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _exchanges(stream: socket.socket, script: Script, counts: dict[tuple[str, str], int], lock: threading.Lock) -> None:
    data = b""
    served = 0
    while True:
        while b"\r\n\r\n" not in data:
            more = stream.recv(65536)
            if not more:
                return
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", 0))
        while len(data) < size:
            more = stream.recv(65536)
            if not more:
                return
            data += more
        body, data = data[:size], data[size:]
        with lock:
            number = counts.get((method, path), 0)
            counts[method, path] = number + 1
        answer = script(Request(method, path, headers, body, number, served))
        served += 1
        if answer is RESET:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if isinstance(answer, bytes):
            stream.sendall(answer)
            return
        stream.sendall(answer.encoded())
        if answer.last:
            return


def kubeconfig(directory: Path, server: str, **cluster: Any) -> Path:
    """Of a user with a token."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": {"token": "x"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = directory / "kubeconfig"
    path.write_text(json.dumps(config))
    return path
