"""Asks one webhook: refuse what it cannot do, send, wait at most its timeout, read the answer, note the annotations."""

import asyncio
import time
from typing import TYPE_CHECKING

from ....api import status
from ....base.log import logger
from ...audit import annotate
from ...authz.authorizer import Authorizer
from ..plugin import AdmissionRequest
from .client import CallFailed, CannotCall, WebhookClient, url_of
from .configuration import Webhook
from .review import Answer, BadAnswer, Question, decode, denial, encode

if TYPE_CHECKING:
    from .conditions import Conditions

log = logger(__name__)


class Calling:
    """What both kinds of webhooks share; `kind` is `mutation` or `validating`, as audit annotations name it."""

    def __init__(self, client: WebhookClient, authorizer: Authorizer, *, mutating: bool) -> None:
        self._client = client
        self._authorizer = authorizer
        self._conditions: Conditions | None = None
        self._mutating = mutating
        self._annotation = "mutation" if mutating else "validating"

    async def concerns(self, webhook: Webhook, question: Question, request: AdmissionRequest) -> bool:
        """Whether the webhook's conditions hold. StatusError 403 when one cannot be decided and the policy is Fail."""
        if not webhook.conditions:
            return True
        if self._conditions is None:
            from .conditions import Conditions

            self._conditions = Conditions(self._authorizer)
        return await self._conditions.holds(webhook, question, request)

    async def ask(self, webhook: Webhook, question: Question, request: AdmissionRequest, index: int) -> Answer | None:
        """The answer when it allows; None when the call failed and the policy is Ignore. StatusError 4xx when the
        webhook denies, 400 when it cannot do a dry run, 500 when it fails and the policy is Fail."""
        if question.dry_run and webhook.has_side_effects:
            raise status.bad_request(f'admission webhook "{webhook.name}" does not support dry run')
        begun = time.perf_counter()
        rejected = "true"
        try:
            answer = await self._ask(webhook, question, request, index)
            rejected = "false"
            return answer
        finally:
            labels = (webhook.name, "admit" if self._mutating else "validating", request.operation, rejected)
            self._client.durations.observe(time.perf_counter() - begun, labels)

    async def _ask(self, webhook: Webhook, question: Question, request: AdmissionRequest, index: int) -> Answer | None:
        try:
            answer = await self._call(webhook, question)
        except (CallFailed, BadAnswer) as error:
            text = f'failed calling webhook "{webhook.name}": {error}'
            if webhook.fail:
                log.warning("Webhook failed, the request is refused", webhook=webhook.name, err=error)
                raise status.internal_error(text) from None
            log.warning("Webhook failed, the request passes", webhook=webhook.name, err=error)
            key = f"failed-open.{self._annotation}.webhook.admission.k8s.io/round_{request.round}_index_{index}"
            annotate(key, webhook.name)
            return None
        for name, value in answer.annotations.items():
            annotate(f"{webhook.name}/{name}", str(value))
        request.warnings += answer.warnings
        if not answer.allowed:
            raise denial(webhook.name, answer.status)
        return answer

    async def _call(self, webhook: Webhook, question: Question) -> Answer:
        body = encode(question, webhook.review_version)
        try:
            async with asyncio.timeout(webhook.timeout_seconds) as limit:
                data = await self._client.post(webhook.client, body, webhook.timeout_seconds)
        except TimeoutError:
            if not limit.expired():
                raise
            url = url_of(webhook.client, webhook.timeout_seconds)
            raise CallFailed(f'failed to call webhook: Post "{url}": context deadline exceeded') from None
        except CannotCall as error:
            raise CallFailed(f"could not get REST client: {error}") from None
        except CallFailed as error:
            raise CallFailed(f"failed to call webhook: {error}") from None
        return decode(data, question, webhook.review_version, mutating=self._mutating)
