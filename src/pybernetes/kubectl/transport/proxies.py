"""Reaching a server through a proxy: HTTP with CONNECT, in the clear or by TLS, or SOCKS5."""

from __future__ import annotations

from ..errors import Unreachable
from . import tls
from .connection import CONNECT_SECONDS, Address, connect, refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..config.target import Target

_SCHEMES = ("http", "https", "socks5", "socks5h")
_SOCKS_PROBLEMS = (
    "", "general SOCKS server failure", "connection not allowed by ruleset", "network unreachable", "host unreachable",
    "connection refused", "TTL expired", "command not supported", "address type not supported",
)  # fmt: skip


def connect_through(proxy: Address, address: Address, target: Target) -> Any:
    """A stream whose other end is the server. Unreachable when the proxy refuses."""
    sock = reach(proxy, address, target)
    try:
        if proxy.scheme.startswith("socks"):
            _socks(sock, proxy, address)
        else:
            _ask(sock, proxy, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _ask(sock: Any, proxy: Address, address: Address) -> None:
    head = [f"CONNECT {address.with_port()} HTTP/1.1", f"Host: {address.with_port()}", *credentials(proxy)]
    sock.sendall("\r\n".join((*head, "", "")).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = sock.recv(1)
        if not data:
            raise Unreachable("EOF", detail="proxyconnect tcp: EOF")
        answer += data
    status = answer.split(b"\r\n")[0].decode("latin-1").partition(" ")[2]
    if not status.startswith("200"):
        why = status.partition(" ")[2] or "unknown status code"
        raise Unreachable(why, detail=why)


def reach(proxy: Address, address: Address, target: Target) -> Any:
    """A stream to the proxy itself; one of https is trusted, and told who we are, as the server is."""
    if proxy.scheme not in _SCHEMES:
        raise Unreachable(f"unsupported proxy scheme {proxy.scheme!r}")
    try:
        sock = connect(proxy.host, proxy.port, address)
        if proxy.scheme != "https":
            return sock
        sock.settimeout(CONNECT_SECONDS)
        return _secured(sock, proxy, address, target)
    except Unreachable as error:
        if error.detail:
            error.detail = f"proxyconnect tcp: {error.detail}"
        if not error.refused:
            error.message = f"proxyconnect tcp: {error.message}"
        raise


def _secured(sock: Any, proxy: Address, address: Address, target: Target) -> Any:
    name = target.server_name or proxy.host
    try:
        return tls.wrap(
            sock, name, ca=target.ca, insecure=target.insecure, certificate=target.certificate, key=target.key
        )
    except tls.Unverified as refusal:
        sock.close()
        from .unverified import explained

        raise explained(connect(proxy.host, proxy.port, address), name, target.ca, refusal) from None
    except BaseException:
        sock.close()
        raise


def credentials(proxy: Address) -> list[str]:
    """The header that tells the proxy who we are, if its URL says so."""
    if not proxy.user:
        return []
    from binascii import b2a_base64

    pair = ":".join(_user_and_password(proxy)).encode()
    return [f"Proxy-Authorization: Basic {b2a_base64(pair, newline=False).decode()}"]


def _user_and_password(proxy: Address) -> tuple[str, str]:
    from urllib.parse import unquote

    name, _, password = proxy.user.partition(":")
    return unquote(name), unquote(password)


def _socks(sock: Any, proxy: Address, address: Address) -> None:
    """RFC 1928, with the name and password of RFC 1929 where the URL has them; the name is resolved by the proxy."""
    sock.sendall(b"\x05\x02\x00\x02" if proxy.user else b"\x05\x01\x00")
    chosen = _exactly(sock, 2)[1]
    if chosen == 2 and proxy.user:
        name, password = (one.encode() for one in _user_and_password(proxy))
        sock.sendall(b"\x01" + bytes([len(name)]) + name + bytes([len(password)]) + password)
        if _exactly(sock, 2)[1]:
            raise _socks_failed(proxy, address, "username/password authentication failed")
    elif chosen:
        raise _socks_failed(proxy, address, "no acceptable authentication methods")
    host = address.host.encode("idna")
    sock.sendall(b"\x05\x01\x00\x03" + bytes([len(host)]) + host + address.port.to_bytes(2, "big"))
    head = _exactly(sock, 4)
    if head[1]:
        known = head[1] < len(_SOCKS_PROBLEMS)
        raise _socks_failed(
            proxy, address, f"unknown error {_SOCKS_PROBLEMS[head[1]] if known else f'unknown code: {head[1]}'}"
        )
    _exactly(sock, {1: 4, 4: 16}.get(head[3]) or _exactly(sock, 1)[0])
    _exactly(sock, 2)


def _socks_failed(proxy: Address, address: Address, why: str) -> Unreachable:
    message = f"socks connect tcp {proxy.with_port()}->{address.with_port()}: {why}"
    if "connection refused" not in why:
        return Unreachable(message, detail=message)
    return refused(address, message)


def _exactly(sock: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise Unreachable("socks connect: EOF")
        data += more
    return data
