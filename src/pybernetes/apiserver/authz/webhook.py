"""Authorization by webhook: a SubjectAccessReview is sent to another server (Webhook Mode, KEP-3221).

Match conditions leave out requests that are none of its business; answers are remembered by what was asked.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import orjson

from ...api.user import UserInfo
from ...base.clock import Clock
from ...base.log import logger
from ..remote_webhook import RemoteWebhook, WebhookError
from .authorizer import NO_OPINION, Attributes, Decision

_REMEMBERED = 8192

log = logger(__name__)


class WebhookAuthorizer:
    """See Authorizer. `fail_closed`: no answer means no, else no opinion. ValueError for conditions that are none."""

    def __init__(
        self,
        webhook: RemoteWebhook,
        clock: Clock,
        *,
        allowed_seconds: float = 300.0,
        denied_seconds: float = 30.0,
        fail_closed: bool = False,
        conditions: Sequence[str] = (),
    ) -> None:
        self._webhook = webhook
        self._clock = clock
        self._allowed_seconds = allowed_seconds
        self._denied_seconds = denied_seconds
        self._failed = Decision(denied=True, reason="webhook failed") if fail_closed else NO_OPINION
        self._conditions = _compiled(conditions)
        self._known: OrderedDict[bytes, tuple[float, Decision]] = OrderedDict()

    async def authorize(self, attributes: Attributes) -> Decision:
        """See Authorizer."""
        spec = spec_of(attributes)
        for program in self._conditions:
            value, error, _ = program.run({"request": spec}, 1_000_000)
            if error is not None:
                log.warning("Authorization condition failed", err=error)
                return self._failed
            if value is not True:
                return NO_OPINION
        key = orjson.dumps(spec)
        now = self._clock.monotonic()
        known = self._known.get(key)
        if known is not None and known[0] > now:
            return known[1]
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec}
        try:
            answer = await self._webhook.post(orjson.dumps(review))
        except WebhookError as error:
            log.warning("Authorization webhook failed", err=error)
            return self._failed
        status = answer.get("status") or {}
        allowed, denied = status.get("allowed") is True, status.get("denied") is True
        reason = str(status.get("reason") or "")
        if allowed and denied:
            decision = Decision(
                denied=True, reason="webhook subject access review returned both allow and deny response"
            )
        else:
            decision = Decision(allowed=allowed, denied=denied, reason=reason)
        self._known[key] = (now + (self._allowed_seconds if allowed else self._denied_seconds), decision)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return decision

    async def close(self) -> None:
        """End its connections; a question that is in the air fails."""
        await self._webhook.close()

    def rules_for(
        self, user: UserInfo, namespace: str
    ) -> tuple[list[dict[str, object]], list[dict[str, object]], bool]:
        """Nothing is known beforehand."""
        return [], [], True


def spec_of(attributes: Attributes) -> dict[str, Any]:
    """The spec of a SubjectAccessReview."""
    user = attributes.user
    spec: dict[str, Any] = {"user": user.name}
    for key, value in (("uid", user.uid), ("groups", list(user.groups)), ("extra", user.extra)):
        if value:
            spec[key] = value
    if not attributes.is_resource:
        return {**spec, "nonResourceAttributes": {"path": attributes.path, "verb": attributes.verb}}
    asked = {
        "namespace": attributes.namespace,
        "verb": attributes.verb,
        "group": attributes.group,
        "version": attributes.version,
        "resource": attributes.resource,
        "subresource": attributes.subresource,
        "name": attributes.name,
    }
    return {**spec, "resourceAttributes": {key: value for key, value in asked.items() if value}}


def _compiled(conditions: Sequence[str]) -> list[Any]:
    if not conditions:
        return []
    from ...api.cel import CelError, Environment
    from ...api.cel.types import BOOL, DYN

    environment = Environment({"request": DYN})
    try:
        return [environment.compile(condition, expect=(BOOL,)) for condition in conditions]
    except CelError as error:
        raise ValueError(f"matchConditions: compilation failed: {error}") from None
