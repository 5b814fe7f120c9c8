"""Connections to extension API servers: TLS by their CA bundle, our front-proxy certificate, pooled by address."""

import base64
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from ...api.user import UserInfo
from ...base.http.client import HttpTransport
from ...base.http.message import Headers, Request, Response
from ..reader import ObjectReader
from .service_resolver import resolve
from .services import Remote

if TYPE_CHECKING:
    from ..reload.pairs import FollowedPair

_KEPT = 64


class Connections:
    """`send` resolves the Service anew for every request; `close` ends all connections."""

    def __init__(self, reader: ObjectReader, identity: "FollowedPair | None") -> None:
        self._reader = reader
        self._identity = identity
        self._transports: dict[tuple[Remote, str, int], HttpTransport] = {}
        self._context = lru_cache(maxsize=128)(self._made_context)

    async def send(self, remote: Remote, request: Request) -> Response:
        """StatusError 404 or 503 when there is no address, TransportError when it does not answer."""
        host, port = resolve(self._reader, remote.namespace, remote.service, remote.port)
        key = (remote, host, port)
        found = self._transports.pop(key, None)
        if found is None:
            tls = self._context(remote.authority, remote.insecure)
            found = HttpTransport(f"https://{remote.host}:{remote.port}", tls=tls, connect_to=(host, port))
        self._transports[key] = found
        if len(self._transports) > _KEPT:
            await self._transports.pop(next(iter(self._transports))).close()
        return await found(request)

    async def close(self) -> None:
        """End all connections; running requests fail."""
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.close()

    def _made_context(self, authority: str, insecure: bool) -> ssl.SSLContext:
        from ...base.x509 import client_context

        if insecure:
            context = client_context(None)
        elif authority:
            context = client_context(base64.b64decode(authority))
        else:
            context = ssl.create_default_context()
        return context if self._identity is None else self._identity.known_by(context)


def identity_headers(user: UserInfo) -> Headers:
    """`X-Remote-*`: whom the request is made for, believed because of our certificate."""
    found: Headers = [("x-remote-user", user.name)]
    if user.uid:
        found.append(("x-remote-uid", user.uid))
    found += [("x-remote-group", group) for group in user.groups]
    for key, values in user.extra.items():
        name = f"x-remote-extra-{quote(key.lower(), safe='')}"
        found += [(name, value) for value in values]
    return found
