"""Proxies on the loopback interface, in a thread of their own, for clients that are processes or block.

with forward_proxy("https", tls=context) as proxy:   # or "http", "socks5"
    proxy.url, proxy.asked
"""

import asyncio
import base64
import contextlib
import socket
import ssl
import threading
from asyncio import StreamReader, StreamWriter
from collections.abc import Iterator
from contextlib import contextmanager

_Pipe = tuple[StreamReader, StreamWriter]


class ForwardProxy:
    """Connects to whatever it is asked for, unless told to refuse; keeps what it was asked."""

    def __init__(self, scheme: str, *, user: str = "", refusal: str = "") -> None:
        self.scheme = scheme
        self.user, self.refusal = user, refusal
        """`name:password` that is asked for; the status line, or the code of SOCKS, that refuses all."""
        self.asked: list[str] = []
        self.port = 0
        self.writers: set[StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.user}{'@' if self.user else ''}127.0.0.1:{self.port}"

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        ask = self._socks if self.scheme == "socks5" else self._http
        self.writers.add(writer)
        try:
            upstream = await ask(reader, writer)
            if upstream is not None:
                self.writers.add(upstream[1])
                await asyncio.gather(_poured(reader, upstream[1]), _poured(upstream[0], writer))
                upstream[1].close()
        except (OSError, EOFError, ValueError):
            pass
        writer.close()

    async def _http(self, reader: StreamReader, writer: StreamWriter) -> _Pipe | None:
        first = await reader.readexactly(1)
        if first == b"\x16":  # a handshake, which is not spoken here
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return None
        lines = (first + await reader.readuntil(b"\r\n\r\n")).decode().rstrip("\r\n").split("\r\n")
        method, target, _ = lines[0].split(" ")
        self.asked.append(f"{method} {target}")
        wanted = f"Proxy-Authorization: Basic {base64.b64encode(self.user.encode()).decode()}"
        if self.refusal or (self.user and wanted not in lines):
            writer.write(f"HTTP/1.1 {self.refusal or '407 Proxy Authentication Required'}\r\n\r\n".encode())
            return None
        if method == "CONNECT":
            upstream = await _connected(target)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            return upstream
        authority, _, path = target.removeprefix("http://").partition("/")
        upstream = await _connected(authority)
        kept = [line for line in lines[1:] if not line.startswith(("Proxy-", "Connection:"))]
        upstream[1].write("\r\n".join((f"{method} /{path} HTTP/1.1", *kept, "Connection: close", "", "")).encode())
        return upstream

    async def _socks(self, reader: StreamReader, writer: StreamWriter) -> _Pipe | None:
        offered = await reader.readexactly((await reader.readexactly(2))[1])
        if self.user:
            writer.write(b"\x05\x02" if 2 in offered else b"\x05\xff")
            name = await reader.readexactly((await reader.readexactly(2))[1])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = name + b":" + password == self.user.encode()
            writer.write(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return None
        else:
            writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        size = (await reader.readexactly(1))[0] if kind == 3 else {1: 4, 4: 16}[kind]
        host = await reader.readexactly(size)
        port = int.from_bytes(await reader.readexactly(2), "big")
        where = host.decode() if kind == 3 else socket.inet_ntop(socket.AF_INET if kind == 1 else socket.AF_INET6, host)
        self.asked.append(f"{where}:{port}")
        code = int(self.refusal or "0")
        upstream = None if code else await _connected(f"{where}:{port}")
        writer.write(bytes([5, code, 0, 1, 0, 0, 0, 0, 0, 0]))
        return upstream


async def _connected(authority: str) -> _Pipe:
    host, _, port = authority.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _poured(reader: StreamReader, writer: StreamWriter) -> None:
    """All of it; what ends on one side ends on the other."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    if writer.can_write_eof():
        with contextlib.suppress(OSError):
            writer.write_eof()
    else:
        writer.close()


@contextmanager
def forward_proxy(
    scheme: str, tls: ssl.SSLContext | None = None, *, user: str = "", refusal: str = ""
) -> Iterator[ForwardProxy]:
    """A proxy that listens; leaving ends its connections."""
    proxy = ForwardProxy(scheme, user=user, refusal=refusal)
    loop = asyncio.new_event_loop()
    listening, over = threading.Event(), asyncio.Event()

    async def run() -> None:
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=tls)
        proxy.port = server.sockets[0].getsockname()[1]
        listening.set()
        await over.wait()
        server.close()
        while left := asyncio.all_tasks() - {asyncio.current_task()}:  # type: ignore[arg-type]
            for writer in proxy.writers:
                writer.transport.abort()
            await asyncio.wait(left, timeout=1)
        await asyncio.sleep(0)  # transports close in the turn after

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    listening.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
