"""ValidatingAdmissionWebhook: webhooks that may only refuse, all asked at the same time once the object is final."""

import asyncio

from ....api.resource import ResourceInfo
from ....api.status import StatusError
from ..plugin import AdmissionRequest
from . import rules
from .calling import Calling
from .configuration import Webhook, Webhooks
from .invocation import Selection
from .review import Question


class ValidatingAdmissionWebhook:
    """Follows upstream's plugin of the same name; of several refusals the first in order is told."""

    name = "ValidatingAdmissionWebhook"

    def __init__(self, webhooks: Webhooks, selection: Selection, calling: Calling) -> None:
        self._webhooks = webhooks
        self._selection = selection
        self._calling = calling

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return not rules.is_exempt(resource)

    async def admit(self, request: AdmissionRequest) -> None:
        """Nothing: these webhooks speak when the object is final."""

    async def validate(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin."""
        webhooks = self._webhooks.all()
        if not webhooks:
            return
        wanted: list[tuple[int, Webhook, Question]] = []
        for index, webhook in enumerate(webhooks):
            invocation = self._selection.invocation(webhook, request)
            if invocation is None:
                continue
            question = await self._selection.question(invocation, request)
            if await self._calling.concerns(webhook, question, request):
                wanted.append((index, webhook, question))
        if len(wanted) == 1:
            index, webhook, question = wanted[0]
            await self._calling.ask(webhook, question, request, index)
        elif wanted:
            await self._ask_all(wanted, request)

    async def _ask_all(self, wanted: list[tuple[int, Webhook, Question]], request: AdmissionRequest) -> None:
        calls = [
            asyncio.ensure_future(self._calling.ask(webhook, question, request, index))
            for index, webhook, question in wanted
        ]
        try:
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
        finally:
            for call in calls:
                call.cancel()
        for outcome in outcomes:
            if isinstance(outcome, StatusError):
                raise outcome
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
