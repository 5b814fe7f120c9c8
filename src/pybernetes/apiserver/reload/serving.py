"""The serving certificate and the CAs of clients, of every port that the server listens on."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from ...base.http.message import App
from ...base.http.server import HttpServer
from ...base.x509 import KeyPair, server_context
from ..config import TlsFiles
from .files import FollowedFiles

Trust = Callable[[bytes, bytes], Awaitable[None]]
"""Called with the CAs of clients and of front proxies when one of the files has changed."""


class ServingTls:
    """Makes listeners, and gives all of them what the files say when these change."""

    def __init__(self, files: TlsFiles, request_header_ca: str, trust: Trust) -> None:
        """CertificateError or OSError when the files cannot be used."""
        self._paths = [files.certificate, files.key]
        self._client_ca = files.client_ca
        self._request_header_ca = request_header_ca
        self._paths += [path for path in (files.client_ca, request_header_ca) if path]
        self._trust = trust
        self._listeners: list[HttpServer] = []
        self.files = FollowedFiles("serving certificate and client CAs", self._paths, self._apply)

    def listener(self, app: App, host: str, port: int) -> HttpServer:
        """A server on this address."""
        contents = []
        for path in self._paths:
            with open(path, "rb") as file:
                contents.append(file.read())
        made = HttpServer(app, host=host, port=port, tls=_context(contents), name="apiserver")
        self._listeners.append(made)
        return made

    async def serve(self, ready: asyncio.Event) -> None:
        """Follow the files until cancelled."""
        await self.files.serve(ready)

    async def _apply(self, contents: list[bytes]) -> None:
        context = _context(contents)
        for listener in self._listeners:
            await listener.use_tls(context)
        authorities = iter(contents[2:])
        client_ca = next(authorities) if self._client_ca else b""
        await self._trust(client_ca, next(authorities) if self._request_header_ca else b"")


def _context(contents: list[bytes]) -> ssl.SSLContext:
    """Certificate, key, CAs. Front proxies have a CA of their own; authentication tells the two apart again."""
    certificate, key, *authorities = contents
    return server_context(KeyPair(certificate, key), client_ca=b"\n".join(authorities) or None)
