"""Tokens that another server knows: a TokenReview is sent there (Webhook Token Authentication).

Answers are remembered for a while, so that a busy client costs one review in that time.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import orjson

from ...api.user import UserInfo
from ...base.clock import Clock
from ..remote_webhook import RemoteWebhook, WebhookError
from .tokens import InvalidToken, TokenIdentity

_REMEMBERED = 4096


class TokenWebhook:
    """See RemoteTokenAuthenticator."""

    def __init__(self, webhook: RemoteWebhook, clock: Clock, *, cache_seconds: float = 120.0) -> None:
        self._webhook = webhook
        self._clock = clock
        self._cache_seconds = cache_seconds
        self._known: OrderedDict[tuple[bytes, tuple[str, ...]], tuple[float, TokenIdentity | None]] = OrderedDict()

    async def authenticate_token(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        """See RemoteTokenAuthenticator."""
        key = (hashlib.sha256(token.encode()).digest(), tuple(audiences))
        now = self._clock.monotonic()
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        found = await self._ask(token, audiences)
        self._known[key] = (now + self._cache_seconds, found)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def _ask(self, token: str, audiences: Sequence[str]) -> TokenIdentity | None:
        spec: dict[str, Any] = {"token": token}
        if audiences:
            spec["audiences"] = list(audiences)
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        try:
            answer = await self._webhook.post(orjson.dumps(review))
        except WebhookError as error:
            raise InvalidToken(str(error)) from None
        status = answer.get("status") or {}
        if status.get("error"):
            raise InvalidToken(str(status["error"]))
        if status.get("authenticated") is not True:
            return None
        user = status.get("user") or {}
        good_for = tuple(audience for audience in status.get("audiences") or audiences if audience in audiences)
        if audiences and not good_for:
            return None
        identity = UserInfo(
            str(user.get("username") or ""),
            str(user.get("uid") or ""),
            tuple(user.get("groups") or ()),
            user.get("extra") or {},
        )
        return TokenIdentity(identity, good_for)
