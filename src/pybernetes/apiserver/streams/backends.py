"""Outgoing connections, one pooled `HttpTransport` per address, the least recently used idle one closed first."""

import ssl
from collections.abc import AsyncIterator
from functools import cache

from ...base.http.client import HttpTransport
from ...base.http.followed import FollowedBody
from ...base.http.message import Request, Response

_KEPT = 64


@cache
def unverified_context() -> ssl.SSLContext:
    """TLS without a check of the server: for pods, whose certificates nobody vouches for, as upstream does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _Backend:
    __slots__ = ("transport", "users")

    def __init__(self, transport: HttpTransport) -> None:
        self.transport = transport
        self.users = 0

    def left(self) -> None:
        """One user less."""
        self.users -= 1


class Backends:
    """Requests to any address. `close` ends all of them."""

    def __init__(self) -> None:
        self._backends: dict[tuple[str, ssl.SSLContext | None], _Backend] = {}

    async def send(self, base_url: str, tls: ssl.SSLContext | None, request: Request) -> Response:
        """Send to `scheme://host:port`. TransportError when there is no answer.

        The connection counts as used until the body was read to its end or closed.
        """
        key = (base_url, tls)
        backend = self._backends.pop(key, None) or _Backend(HttpTransport(base_url, tls=tls))
        self._backends[key] = backend
        backend.users += 1
        try:
            await self._evict()
            response = await backend.transport(request)
        except BaseException:
            backend.left()
            raise
        if isinstance(response.body, bytes):
            backend.left()
        else:
            assert isinstance(response.body, AsyncIterator)
            response.body = FollowedBody(response.body, backend.left)
        return response

    async def close(self) -> None:
        """Close every connection that is not upgraded; running requests fail."""
        backends = list(self._backends.values())
        self._backends.clear()
        for backend in backends:
            await backend.transport.close()

    async def _evict(self) -> None:
        if len(self._backends) <= _KEPT:
            return
        idle = next((key for key, backend in self._backends.items() if not backend.users), None)
        if idle is not None:
            await self._backends.pop(idle).transport.close()
