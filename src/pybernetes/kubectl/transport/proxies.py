"""Reaching a server through a proxy: HTTP CONNECT, or SOCKS5."""

from __future__ import annotations

from ..errors import Unreachable
from .connection import Address, connect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def connect_through(proxy: Address, address: Address) -> Any:
    """A socket whose other end is the server. Unreachable when the proxy refuses."""
    if proxy.scheme not in ("http", "socks5"):
        raise Unreachable(f"unsupported proxy scheme {proxy.scheme!r}")
    try:
        sock = connect(proxy.host, proxy.port, address)
    except Unreachable as error:
        if error.detail:
            error.detail = f"proxyconnect tcp: {error.detail}"
        raise
    if proxy.scheme == "socks5":
        _socks(sock, address)
        return sock
    head = f"CONNECT {address.with_port()} HTTP/1.1\r\nHost: {address.with_port()}\r\n"
    if proxy.user:
        from binascii import b2a_base64

        head += f"Proxy-Authorization: Basic {b2a_base64(proxy.user.encode(), newline=False).decode()}\r\n"
    sock.sendall(f"{head}\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = sock.recv(1)
        if not data:
            raise Unreachable("proxyconnect tcp: EOF")
        answer += data
    status = answer.split(b"\r\n")[0].decode("latin-1").partition(" ")[2]
    if not status.startswith("200"):
        raise Unreachable(status.partition(" ")[2] or status)
    return sock


def _socks(sock: Any, address: Address) -> None:
    """RFC 1928 without authentication, the name resolved by the proxy."""
    sock.sendall(b"\x05\x01\x00")
    if _exactly(sock, 2) != b"\x05\x00":
        raise Unreachable("socks connect: no acceptable authentication method")
    host = address.host.encode("idna")
    sock.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host + address.port.to_bytes(2, "big"))
    head = _exactly(sock, 4)
    if head[1]:
        raise Unreachable(f"socks connect tcp {address.with_port()}: code {head[1]}")
    _exactly(sock, {1: 4, 4: 16}.get(head[3]) or _exactly(sock, 1)[0])
    _exactly(sock, 2)


def _exactly(sock: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise Unreachable("socks connect: EOF")
        data += more
    return data
