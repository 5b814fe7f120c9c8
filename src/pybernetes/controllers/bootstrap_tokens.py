"""Bootstrap tokens: signing `cluster-info` with them, removing expired ones.

    kube-public/cluster-info  data.kubeconfig                 what a joining node needs to know, readable by everybody
                              data.jws-kubeconfig-<token id>  the signature that proves it to a holder of the token

A token signs when it has `usage-bootstrap-signing: "true"` and is not expired. Its Secret goes at its `expiration`.
"""

import asyncio
from datetime import datetime

import msgspec

from ..api.core import ConfigMap, Secret
from ..api.instants import parse_time
from ..api.status import StatusError, is_not_found
from ..client.view import split_key
from ..reconcile.controller import Result
from ..reconcile.jws import detached
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source

SECRET_TYPE = "bootstrap.kubernetes.io/token"
TOKEN_NAMESPACE, INFO_NAMESPACE, INFO_NAME = "kube-system", "kube-public", "cluster-info"
SIGNATURE_PREFIX = "jws-kubeconfig-"
_TOKENS = f"type={SECRET_TYPE}"


def expires_at(secret: Secret) -> datetime | None:
    """When the token expires; None for never. An unreadable instant counts as expired long ago."""
    text = (secret.data or {}).get("expiration", b"").decode("utf-8", "replace")
    if not text:
        return None
    try:
        return parse_time(text)
    except ValueError:
        return parse_time("1970-01-01T00:00:00Z")


def signing_token(secret: Secret, now: datetime) -> tuple[str, str] | None:
    """(id, secret) of a token that signs; None when it does not."""
    data = {key: value.decode("utf-8", "replace") for key, value in (secret.data or {}).items()}
    token_id, token_secret = data.get("token-id", ""), data.get("token-secret", "")
    if secret.metadata.name != f"bootstrap-token-{token_id}" or not token_secret:
        return None
    expires = expires_at(secret)
    if data.get("usage-bootstrap-signing") != "true" or (expires is not None and expires <= now):
        return None
    return token_id, token_secret


class BootstrapSigner:
    """Keeps the signatures in `cluster-info` equal to the tokens there are."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._infos = context.informers.of(
            ConfigMap, namespace=INFO_NAMESPACE, field_selector=f"metadata.name={INFO_NAME}"
        )
        self._tokens = context.informers.of(Secret, namespace=TOKEN_NAMESPACE, field_selector=_TOKENS)
        self._controller = context.controller("bootstrap_signer_queue", self._reconcile, workers=1)
        source(self._infos, self._controller.enqueue, keys=lambda found: [INFO_NAME])
        source(self._tokens, self._controller.enqueue, keys=lambda found: [INFO_NAME])

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        info = self._infos.get(INFO_NAME, INFO_NAMESPACE)
        content = ((info.data if info is not None else None) or {}).get("kubeconfig")
        if info is None or not content:
            return None
        now = self._clock.now()
        data = {name: value for name, value in (info.data or {}).items() if not name.startswith(SIGNATURE_PREFIX)}
        for secret in self._tokens.list():
            token = signing_token(secret, now)
            if token is not None:
                data[SIGNATURE_PREFIX + token[0]] = detached(content, *token)
        if data != info.data:
            await self._client.update(msgspec.structs.replace(info, data=data))
        return None


class TokenCleaner:
    """Deletes each expired token at its own deadline. Keys are those of Secrets."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._tokens = context.informers.of(Secret, namespace=TOKEN_NAMESPACE, field_selector=_TOKENS)
        self._controller = context.controller("token_cleaner", self._reconcile, workers=1)
        source(self._tokens, self._controller.enqueue, when=lambda old, new: new is not None)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        secret = self._tokens.get(name, namespace)
        expires = expires_at(secret) if secret is not None else None
        if secret is None or expires is None:
            return None
        seconds = (expires - self._clock.now()).total_seconds()
        if seconds > 0:
            return Result(seconds + 0.1)
        try:
            await self._client.delete(Secret, name, namespace, uid=secret.metadata.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise
        return None
