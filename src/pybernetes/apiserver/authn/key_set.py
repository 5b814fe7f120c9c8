"""The keys of an OIDC issuer: found by discovery, fetched when first needed and when a token names a new one.

DISCOVERY_URL -> {"issuer", "jwks_uri"} -> {"keys": [...]}
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import orjson

from ...base.clock import Clock
from ...base.http.client import HttpTransport, TransportError
from ...base.http.message import Request
from .jwk import JsonWebKey

_AGAIN_SECONDS = 10.0
_TIMEOUT_SECONDS = 10.0


class KeysUnavailable(Exception):
    """The issuer does not answer, or not with keys."""


class KeySet:
    """`key(kid)` asks the issuer at most every ten seconds for a key it does not have yet."""

    def __init__(self, issuer: str, discovery_url: str, authority_pem: str, clock: Clock) -> None:
        self._issuer = issuer
        self._discovery = discovery_url or issuer.rstrip("/") + "/.well-known/openid-configuration"
        self._authority = authority_pem
        self._clock = clock
        self._keys: list[JsonWebKey] = []
        self._fetched = float("-inf")
        self._lock = asyncio.Lock()

    async def candidates(self, key_id: str) -> list[JsonWebKey]:
        """The keys that may have signed a token. KeysUnavailable when none is known and the issuer does not answer."""
        found = self._named(key_id)
        if found:
            return found
        async with self._lock:
            found = self._named(key_id)
            if not found and self._clock.monotonic() - self._fetched >= _AGAIN_SECONDS:
                self._fetched = self._clock.monotonic()
                try:
                    await self._fetch()
                except KeysUnavailable:
                    self._fetched = float("-inf")
                    raise
        return self._named(key_id)

    def _named(self, key_id: str) -> list[JsonWebKey]:
        return [key for key in self._keys if not key_id or not key.key_id or key.key_id == key_id]

    async def _fetch(self) -> None:
        configuration = await self._get(self._discovery)
        if configuration.get("issuer") != self._issuer:
            found = configuration.get("issuer")
            words = (
                f'oidc: issuer did not match the issuer returned by provider, expected "{self._issuer}" got "{found}"'
            )
            raise KeysUnavailable(words)
        keys = []
        for fields in (await self._get(str(configuration.get("jwks_uri")))).get("keys") or ():
            try:
                keys.append(JsonWebKey(fields))
            except ValueError:
                continue  # an issuer may publish keys of kinds that are not for tokens
        self._keys = keys

    async def _get(self, url: str) -> dict[str, Any]:
        parts = urlsplit(url)
        tls = _context(self._authority) if parts.scheme == "https" else None
        transport = HttpTransport(f"{parts.scheme}://{parts.netloc}", tls=tls)
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                response = await transport(Request("GET", parts.path or "/", parts.query))
                body = response.body
                if not isinstance(body, bytes):
                    body = b"".join([piece async for piece in body])  # type: ignore[union-attr]
            if response.status != 200:
                raise KeysUnavailable(f"oidc: {url}: status {response.status}")
            found = orjson.loads(body)
        except (TransportError, TimeoutError, ValueError) as error:
            raise KeysUnavailable(f'Get "{url}": {error or "context deadline exceeded"}') from None
        finally:
            await transport.close()
        if not isinstance(found, dict):
            raise KeysUnavailable(f"oidc: {url}: not an object")
        return found


def _context(authority_pem: str) -> Any:
    import ssl

    from ...base.x509 import client_context

    return client_context(authority_pem.encode()) if authority_pem else ssl.create_default_context()
