"""Listening and connecting: tuned sockets, and the fastest transport that works here.

aiofastnet's TLS transports cost a third less processor time than those of uvloop (docs/decisions/0002-http-stack.md).
They are an optimisation only: where the package is missing, the event loop's own are used.
"""

import asyncio
import functools
import importlib.util
import logging
import os
import resource
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Protocol

from pybernetes.base.http.tls_listener import TlsListener
from pybernetes.base.log import logger

log = logger(__name__)

_HAS_AIOFASTNET = importlib.util.find_spec("aiofastnet") is not None
_HANDSHAKE_SECONDS = 10.0
_FEWEST_SPARE = 32
_REFUSAL_LOG_SECONDS = 60.0
_REFUSALS_AT_ONCE = 100


def handshake_failure(error: ssl.SSLError) -> str:
    """Why a TLS handshake with a server failed, as Go words it."""
    if error.reason == "WRONG_VERSION_NUMBER":  # what came is no TLS record
        return "http: server gave HTTP response to HTTPS client"
    return f"tls: {error.reason or error}"


class _QuietHandshakes(logging.Filter):
    """A peer that aborts its TLS handshake is no error of ours; the event loop reports it as one, with a traceback.

    With aiofastnet 1.2.0 that traceback cannot even be formatted.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if not str(record.msg).startswith("SSL handshake failed"):
            return True
        reason = record.exc_info[1] if isinstance(record.exc_info, tuple) else ""
        log.debug("TLS handshake failed", err=reason)
        return False


logging.getLogger("asyncio").addFilter(_QuietHandshakes())


class _Listener(socket.socket):
    """Refuses connections before descriptors run out: a tenth of them is kept for files and for connections of ours.

    Otherwise a few thousand silent peers would stop the store and every outgoing call; and aiofastnet 1.2.0 spins and
    logs megabytes a second when `accept` fails. The kernel hands out the lowest free number: a high one means few are
    left.
    """

    def __init__(
        self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, proto: int = 0, fileno: int | None = None
    ) -> None:
        super().__init__(family, kind, proto, fileno)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._highest = limit - max(limit // 10, _FEWEST_SPARE) if limit != resource.RLIM_INFINITY else 1 << 30
        self._told = -_REFUSAL_LOG_SECONDS

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that there is room for. BlockingIOError when there is none."""
        for _ in range(_REFUSALS_AT_ONCE):
            connection, address = super().accept()
            if connection.fileno() < self._highest:
                return connection, address
            connection.close()
            now = time.monotonic()
            if now - self._told >= _REFUSAL_LOG_SECONDS:
                self._told = now
                log.warning("Connections are refused: nearly all file descriptors are in use", limit=self._highest)
        raise BlockingIOError


def bind(host: str, port: int) -> socket.socket:
    """A bound TCP socket; an OSError reads `listen tcp 127.0.0.1:6443: bind: address already in use`."""
    try:
        family = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
    except socket.gaierror as error:
        raise OSError(error.errno, f"listen tcp: lookup {host}: no such host") from None
    listener = _Listener(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tune(listener)  # accepted sockets inherit it
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise OSError(error.errno, f"listen tcp {join_host_port(host, port)}: bind: {reason}") from None
    listener.setblocking(False)
    return listener


def tune(connection: socket.socket) -> None:
    """A peer that vanished without a word is noticed after a minute and a half. Small writes leave at once: an answer
    right behind TLS 1.3's session tickets would otherwise wait 40 ms for the peer's delayed acknowledgement."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)


def limit_silence(transport: asyncio.BaseTransport, seconds: float) -> None:
    """A peer that vanished without a word is noticed after so long, with data on the way to it or without. Only for a
    peer that always reads: one that leaves its window closed for that long is taken for gone too."""
    connection = transport.get_extra_info("socket")
    if connection is None:
        return
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(int(seconds / 3), 1))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(int(seconds / 6), 1))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def join_host_port(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Accepting(Protocol):
    """A listener at work."""

    def close(self) -> None:
        """Accept no more; connections go on."""

    def abort(self) -> None:
        """Accept no more, nor complete what has not become a connection yet."""


class _Plain:
    def __init__(self, server: asyncio.AbstractServer) -> None:
        self.close = self.abort = server.close


async def listen(
    factory: Callable[[], asyncio.Protocol], listener: socket.socket, tls: ssl.SSLContext | None
) -> Accepting:
    """Accept connections on a bound socket."""
    loop = asyncio.get_running_loop()
    if tls is not None:
        return TlsListener(listener, functools.partial(_handshake, factory, tls))
    if _HAS_AIOFASTNET:
        import aiofastnet

        return _Plain(await aiofastnet.create_server(loop, factory, sock=listener, backlog=1024))
    return _Plain(await loop.create_server(factory, sock=listener, backlog=1024))


async def _handshake(
    factory: Callable[[], asyncio.Protocol], tls: ssl.SSLContext, connection: socket.socket
) -> asyncio.BaseTransport:
    loop = asyncio.get_running_loop()
    if _HAS_AIOFASTNET:
        import aiofastnet

        transport, _ = await aiofastnet.connect_accepted_socket(
            loop, factory, connection, ssl=tls, ssl_handshake_timeout=_HANDSHAKE_SECONDS
        )
    else:
        transport, _ = await loop.connect_accepted_socket(
            factory, connection, ssl=tls, ssl_handshake_timeout=_HANDSHAKE_SECONDS
        )
    return transport


async def connect(
    factory: Callable[[], asyncio.Protocol], host: str, port: int, tls: ssl.SSLContext | None, server_name: str | None
) -> asyncio.Transport:
    """A TCP connection, inside TLS when a context is given. OSError (ssl.SSLError among them) when it fails."""
    loop = asyncio.get_running_loop()
    name = (server_name or host) if tls is not None else None
    if _HAS_AIOFASTNET:
        import aiofastnet

        transport, _ = await aiofastnet.create_connection(loop, factory, host, port, ssl=tls, server_hostname=name)
    else:
        transport, _ = await loop.create_connection(factory, host, port, ssl=tls, server_hostname=name)
    connection = transport.get_extra_info("socket")
    if connection is not None:
        tune(connection)
    return transport


async def connect_unix(factory: Callable[[], asyncio.Protocol], path: str) -> asyncio.Transport:
    """A connection to a Unix socket."""
    transport, _ = await asyncio.get_running_loop().create_unix_connection(factory, path)
    return transport


def peer_of(transport: asyncio.BaseTransport) -> tuple[bytes | None, str]:
    """The peer's verified certificate (DER) and IP address, as far as there are any."""
    tls = transport.get_extra_info("ssl_object")
    peer = transport.get_extra_info("peername")
    certificate = tls.getpeercert(True) if tls is not None else None
    return certificate, str(peer[0]) if isinstance(peer, tuple) else ""
