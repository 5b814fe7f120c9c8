"""Service-account tokens of projected volumes: fetched by TokenRequest, shared, and renewed before they end.

A token is bound to its pod, so it dies with it. It is due for renewal once 80 % of its life or 24 hours have passed,
ten seconds of jitter aside (upstream's `pkg/kubelet/token`). A renewal that fails leaves the old token in use while it
lives. `next_due` tells the manager when to refresh a pod's volumes.
"""

import random
from datetime import UTC, datetime, timedelta

import msgspec

from pybernetes.api.authentication import BoundObjectReference, TokenRequest, TokenRequestSpec
from pybernetes.api.core import Pod
from pybernetes.api.meta import ObjectMeta
from pybernetes.api.status import StatusError
from pybernetes.base.clock import Clock
from pybernetes.base.log import logger
from pybernetes.client.client import Client

log = logger(__name__)

MAXIMUM_AGE_SECONDS = 24 * 3600
RENEW_AT = 0.8
JITTER_SECONDS = 10.0
RETRY_SECONDS = 60.0


class _Token(msgspec.Struct):
    text: str
    expires: datetime
    due: datetime


def due_time(issued: datetime, expires: datetime, jitter_seconds: float) -> datetime:
    """When a token shall be renewed."""
    life = (expires - issued).total_seconds()
    return issued + timedelta(seconds=max(min(life * RENEW_AT, MAXIMUM_AGE_SECONDS) - jitter_seconds, 0))


class Tokens:
    """The tokens of this node's pods."""

    def __init__(self, client: Client, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._tokens: dict[str, dict[tuple[str, int], _Token]] = {}

    async def token(self, pod: Pod, audience: str, expiration_seconds: int) -> str:
        """A token for the pod's service account, from memory while it is not due. StatusError when none can be had."""
        return (await self.issued(pod, audience, expiration_seconds))[0]

    async def issued(self, pod: Pod, audience: str, expiration_seconds: int) -> tuple[str, datetime]:
        """As `token`, with the time of the token's end."""
        uid = pod.metadata.uid or ""
        key = (audience, expiration_seconds)
        now = self._clock.now()
        kept = self._tokens.get(uid, {}).get(key)
        if kept is not None and now < kept.due:
            return kept.text, kept.expires
        try:
            text, expires = await self._request(pod, audience, expiration_seconds)
        except (StatusError, OSError) as error:
            if kept is None or now >= kept.expires:
                if isinstance(error, StatusError):
                    raise
                raise StatusError(503, "ServiceUnavailable", str(error)) from error
            log.warning("Token was not renewed, the old one stays in use", pod=pod.metadata.name, err=error)
            kept.due = now + timedelta(seconds=RETRY_SECONDS)
            return kept.text, kept.expires
        due = due_time(now, expires, random.uniform(0, JITTER_SECONDS))
        self._tokens.setdefault(uid, {})[key] = _Token(text, expires, due)
        return text, expires

    async def _request(self, pod: Pod, audience: str, expiration_seconds: int) -> tuple[str, datetime]:
        account = pod.spec.service_account_name or "default"
        request = TokenRequest(
            metadata=ObjectMeta(name=account, namespace=pod.metadata.namespace),
            spec=TokenRequestSpec(
                audiences=[audience] if audience else [],
                expiration_seconds=expiration_seconds,
                bound_object_ref=BoundObjectReference(
                    kind="Pod", api_version="v1", name=pod.metadata.name, uid=pod.metadata.uid
                ),
            ),
        )
        answer = await self._client.create(request, subresource="token", name=account)
        status = answer.status
        if status is None or not status.token:
            raise StatusError(500, "InternalError", f"the server issued no token for service account {account}")
        return status.token, status.expiration_timestamp or datetime.max.replace(tzinfo=UTC)

    def next_due(self, pod_uid: str) -> datetime | None:
        """When the first of the pod's tokens is due; None when it has none."""
        return min((token.due for token in self._tokens.get(pod_uid, {}).values()), default=None)

    def forget(self, pod_uid: str) -> None:
        """The pod is gone."""
        self._tokens.pop(pod_uid, None)
