"""A webhook named by a kubeconfig file: where token reviews, access reviews and audit events are sent.

The cluster's `server` is the whole URL that is posted to; the user's credentials are shown there.
"""

import asyncio
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import orjson

from ..base.backoff import Backoff
from ..base.http.client import HttpTransport, TransportError
from ..base.http.message import Headers, Request

Object = dict[str, Any]

_ATTEMPTS = 5


def _basic(address: SplitResult) -> Headers:
    """The credentials in an address as a header."""
    if address.username is None:
        return []
    pair = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return [("authorization", f"Basic {b64encode(pair.encode()).decode()}")]


class WebhookError(Exception):
    """There is no usable answer."""


class RemoteWebhook:
    """`post` sends one document and gives the answer's; what fails in a way that may pass is tried again."""

    def __init__(self, kubeconfig: str, *, timeout_seconds: float = 30.0) -> None:
        from ..client.config import tls_context
        from ..client.kubeconfig import read, resolve

        config = resolve(read(Path(kubeconfig)))
        parts = urlsplit(config.server)
        host = parts.netloc.rpartition("@")[2]
        base = f"{parts.scheme}://{host}"
        headers = [("authorization", f"Bearer {config.token}")] if config.token else _basic(parts)
        self._transport = HttpTransport(
            base, tls=tls_context(config), headers=headers, server_name=config.server_name or None
        )
        self._path, self._query = parts.path or "/", parts.query
        self._timeout_seconds = timeout_seconds
        self.url = parts._replace(netloc=f"{parts.username}:***@{host}" if parts.password else parts.netloc).geturl()
        """As messages show it, without the password that it may have."""

    async def post(self, body: bytes, *, attempts: int = _ATTEMPTS) -> Object:
        """The answer's document, {} when it has none. WebhookError when nobody answers, or not with success."""
        backoff = Backoff(initial=0.5, maximum=10.0)
        for attempt in range(attempts):
            try:
                return await self._once(body)
            except WebhookError:
                if attempt + 1 == attempts:
                    raise
            await asyncio.sleep(backoff.next())
        raise WebhookError("no attempt was made")

    async def _once(self, body: bytes) -> Object:
        headers = [("content-type", "application/json"), ("accept", "application/json, */*")]
        request = Request("POST", self._path, self._query, headers, body)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                response = await self._transport(request)
                data = response.body
                if not isinstance(data, bytes):
                    data = b"".join([piece async for piece in data])  # type: ignore[union-attr]
        except TransportError as error:
            raise WebhookError(f'Post "{self.url}": {error}') from None
        except TimeoutError:
            raise WebhookError(f'Post "{self.url}": context deadline exceeded') from None
        if not 200 <= response.status < 300:
            raise WebhookError(f'Post "{self.url}": status {response.status}')
        try:
            found = orjson.loads(data) if data else {}
        except ValueError as error:
            raise WebhookError(f'Post "{self.url}": {error}') from None
        return found if isinstance(found, dict) else {}

    async def close(self) -> None:
        """End all connections."""
        await self._transport.close()
