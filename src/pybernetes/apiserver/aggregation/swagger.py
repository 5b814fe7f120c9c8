"""`/openapi/v2` with the documents of extension servers in it.

Our own document and those of the others change seldom and are large: merging them takes 25 ms. The merged document is
kept for as long as its parts are the same. A remote's document is asked for again after a minute, with its ETag, as
upstream's aggregator does; one that does not answer leaves its part out.
"""

import asyncio
import hashlib
from typing import Any

import msgspec
import orjson

from ...api.status import StatusError
from ...base.clock import Clock
from ...base.http.client import TransportError
from ...base.http.message import App, Request, Response
from ..openapi import swagger_protobuf
from .availability import AGGREGATOR
from .connections import Connections, identity_headers
from .services import ApiServices, Remote

PATH = "/openapi/v2"
_JSON = "application/json"
_OWN = frozenset({"accept", "accept-encoding", "if-none-match"})
"""Headers of a request that are about its answer, which is made of several here."""
_REMOTE_SECONDS = 10.0
_KEPT_SECONDS = 60.0


class _Part(msgspec.Struct):
    """A remote's document, as bytes: decoded it takes eight times the room. `etag` is what it calls it, `digest` what
    we do."""

    body: bytes
    digest: str
    etag: str
    asked_at: float


class MergedSwagger:
    """Answers `/openapi/v2` where there are remotes."""

    def __init__(self, services: ApiServices, connections: Connections, clock: Clock) -> None:
        self._services = services
        self._connections = connections
        self._clock = clock
        self._parts: dict[str, _Part] = {}
        self._made_of: tuple[Any, ...] = ()
        self._encoded: dict[str, tuple[bytes, str]] = {}

    async def answer(self, request: Request, next: App) -> Response:
        """The document in the form the client accepts; our own when that is not to be had as JSON."""
        headers = [header for header in request.headers if header[0] not in _OWN]
        asked = Request("GET", PATH, "", [*headers, ("accept", _JSON)], context=request.context)
        own = await next(asked)
        if own.status != 200 or not isinstance(own.body, bytes):
            return own
        await self._merge(own.body, own.header("etag") or "")
        accept = request.header("accept") or "*/*"
        by_protobuf = swagger_protobuf.MEDIA_TYPE in accept or swagger_protobuf.ANSWERED_TYPE in accept
        if _JSON not in accept and "*/*" not in accept and by_protobuf:
            return self._respond(request, swagger_protobuf.ANSWERED_TYPE)
        if _JSON not in accept and "*/*" not in accept:
            return await next(request)
        return self._respond(request, _JSON)

    async def _merge(self, own: bytes, etag: str) -> None:
        remotes = [remote for remote in self._services.remotes.values() if remote.name in self._services.available]
        parts = [(remote, part) for remote in remotes if (part := await self._part(remote)) is not None]
        made_of = (etag, *((remote.name, part.digest) for remote, part in parts))
        if made_of == self._made_of:
            return
        document = orjson.loads(own)
        paths, definitions = dict(document.get("paths") or {}), dict(document.get("definitions") or {})
        for remote, part in parts:
            prefix, found = remote.path + "/", orjson.loads(part.body)
            paths |= {key: item for key, item in (found.get("paths") or {}).items() if key.startswith(prefix)}
            definitions = {**(found.get("definitions") or {}), **definitions}
        merged = orjson.dumps({**document, "paths": paths, "definitions": definitions})
        self._encoded = {_JSON: (merged, _etag(merged))}
        self._made_of = made_of
        known = {remote.name for remote in remotes}
        self._parts = {name: part for name, part in self._parts.items() if name in known}

    async def _part(self, remote: Remote) -> _Part | None:
        """The remote's own document; None while it does not answer and never has."""
        kept, now = self._parts.get(remote.name), self._clock.monotonic()
        if kept is not None and now - kept.asked_at < _KEPT_SECONDS:
            return kept
        headers = [("accept", _JSON), *identity_headers(AGGREGATOR)]
        if kept is not None and kept.etag:
            headers.append(("if-none-match", kept.etag))
        try:
            async with asyncio.timeout(_REMOTE_SECONDS):
                response = await self._connections.send(remote, Request("GET", PATH, "", headers))
                body = response.body
                if not isinstance(body, bytes):
                    body = b"".join([piece async for piece in body])  # type: ignore[union-attr]
        except (TransportError, StatusError, TimeoutError):
            return kept
        if kept is not None and response.status == 304:
            kept.asked_at = now
            return kept
        if response.status != 200 or not _is_object(body):
            return kept
        part = _Part(body, hashlib.sha256(body).hexdigest(), response.header("etag") or "", now)
        self._parts[remote.name] = part
        return part

    def _respond(self, request: Request, media: str) -> Response:
        if media not in self._encoded:
            body = swagger_protobuf.encode(orjson.loads(self._encoded[_JSON][0]))
            self._encoded[media] = (body, _etag(body))
        body, etag = self._encoded[media]
        headers = [("etag", etag), ("vary", "Accept-Encoding, Accept"), ("cache-control", "no-cache, private")]
        if request.header("if-none-match") == etag:
            return Response(304, headers)
        return Response(200, [("content-type", media), *headers], body)


def _etag(body: bytes) -> str:
    return '"' + hashlib.sha512(body).hexdigest().upper() + '"'


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(orjson.loads(body), dict)
    except ValueError:
        return False
