"""A webhook named by a kubeconfig file: where token reviews, access reviews and audit events are sent.

The cluster's `server` is the whole URL that is posted to; the user's credentials are shown there.
"""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from ..base.backoff import Backoff
from ..base.http.client import HttpTransport, TransportError
from ..base.http.message import Request

Object = dict[str, Any]

_ATTEMPTS = 5


class WebhookError(Exception):
    """There is no usable answer."""


class RemoteWebhook:
    """`post` sends one document and gives the answer's; what fails in a way that may pass is tried again."""

    def __init__(self, kubeconfig: str, *, timeout_seconds: float = 30.0) -> None:
        from ..client.config import tls_context
        from ..client.kubeconfig import read, resolve

        config = resolve(read(Path(kubeconfig)))
        parts = urlsplit(config.server)
        base = f"{parts.scheme}://{parts.netloc}"
        headers = [("authorization", f"Bearer {config.token}")] if config.token else []
        self._transport = HttpTransport(
            base, tls=tls_context(config), headers=headers, server_name=config.server_name or None
        )
        self._path, self._query = parts.path or "/", parts.query
        self._timeout_seconds = timeout_seconds
        self.url = config.server

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
