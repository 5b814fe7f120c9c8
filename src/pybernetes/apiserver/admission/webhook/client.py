"""HTTPS to webhooks: one pooled, kept-alive transport per address and trust (`clientConfig`)."""

import base64
import binascii
import ssl
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from ....api.status import StatusError
from ....base.http.client import HttpTransport, TransportError
from ....base.http.message import Request, Response
from ....base.metrics import Histogram
from ...aggregation.service_resolver import resolve
from ...reader import ObjectReader

Object = dict[str, Any]

_KEPT = 64
_DURATIONS = (0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25)
_LARGEST_ANSWER = 8 * 1024 * 1024
_HEADERS = [
    ("content-type", "application/json"),
    ("accept", "application/json, */*"),
    ("user-agent", "kube-apiserver-admission"),
]


class CallFailed(Exception):
    """There is no usable answer; the text is what upstream says after `failed to call webhook: `."""


class CannotCall(CallFailed):
    """There is no client to call with; the text is what upstream says after `could not get REST client: `."""


class WebhookClient:
    """`post` sends one document. `close` ends every connection."""

    def __init__(self, reader: ObjectReader) -> None:
        self.durations = Histogram(
            "apiserver_admission_webhook_admission_duration_seconds",
            "Admission webhook latency histogram in seconds, identified by name and broken out for each operation and "
            "API resource and type (validate or admit).",
            ("name", "type", "operation", "rejected"),
            _DURATIONS,
        )
        self._reader = reader
        self._transports: dict[tuple[str, str, int, str], HttpTransport] = {}

    async def post(self, config: Object, body: bytes, timeout_seconds: int) -> bytes:
        """The body of a 200. CallFailed otherwise; TimeoutError is the caller's to raise and to name (`url_of`)."""
        url = url_of(config, timeout_seconds)
        transport = await self._transport(config, url)
        parts = urlsplit(url)
        request = Request("POST", parts.path or "/", parts.query, list(_HEADERS), body)
        try:
            response = await transport(request)
            data = await _whole(response)
        except TransportError as error:
            raise CallFailed(f'Post "{url}": {error}') from None
        if response.status != 200:
            raise CallFailed(_refused(response.status, data))
        return data

    async def close(self) -> None:
        """End all connections; running calls fail."""
        transports = list(self._transports.values())
        self._transports.clear()
        for transport in transports:
            await transport.close()

    async def _transport(self, config: Object, url: str) -> HttpTransport:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
        service = config.get("service")
        if service is not None:
            try:
                host, port = resolve(self._reader, service["namespace"], service["name"], port)
            except StatusError as error:
                raise CallFailed(f'Post "{url}": {error.message}') from None
        authority = str(config.get("caBundle") or "")
        key = (parts.netloc, host, port, authority)
        found = self._transports.pop(key, None)
        if found is None:
            base = f"{parts.scheme}://{parts.netloc}"
            found = HttpTransport(base, tls=_context(authority), connect_to=(host, port))
        self._transports[key] = found
        if len(self._transports) > _KEPT:
            oldest = next(iter(self._transports))
            await self._transports.pop(oldest).close()
        return found


def url_of(config: Object, timeout_seconds: int) -> str:
    """What is posted to, as errors show it."""
    service = config.get("service")
    if service is None:
        base = str(config.get("url"))
    else:
        path = str(service.get("path") or "/")
        path = path if path.startswith("/") else f"/{path}"
        base = f"https://{service['name']}.{service['namespace']}.svc:{service.get('port') or 443}{path}"
    return f"{base}?timeout={timeout_seconds}s"


@lru_cache(maxsize=256)
def _context(authority: str) -> ssl.SSLContext:
    if not authority:
        return ssl.create_default_context()
    from ....base.x509 import authority_fault, client_context  # its cryptography costs 60 ms at the start

    try:
        bundle = base64.b64decode(authority)
        fault = authority_fault(bundle)
        if not fault:
            return client_context(bundle)
    except (binascii.Error, UnicodeDecodeError, ssl.SSLError) as error:
        fault = str(error)
    raise CannotCall(f"unable to load root certificates: {fault}")


async def _whole(response: Response) -> bytes:
    body = response.body
    if isinstance(body, bytes):
        return body
    assert isinstance(body, AsyncIterator)
    found = bytearray()
    async for piece in body:
        found += piece
        if len(found) > _LARGEST_ANSWER:
            await body.aclose()  # type: ignore[attr-defined]
            raise CallFailed("the answer is too large")
    return bytes(found)


def _refused(code: int, data: bytes) -> str:
    """A status other than 200, in the words of client-go's generic errors."""
    match code:
        case 404:
            return "the server could not find the requested resource"
        case 401:
            return "the server has asked for the client to provide credentials"
        case 403:
            return "unknown"
        case _ if code >= 500:
            shown = data.decode(errors="replace").strip() or "unknown"
            return f'an error on the server ("{shown}") has prevented the request from succeeding'
    return f"the server rejected our request for an unknown reason ({code})"
