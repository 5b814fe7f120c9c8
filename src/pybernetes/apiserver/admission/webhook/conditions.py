"""Match conditions: expressions on the request that all must hold (KEP-3716). Imported when a webhook has some.

An expression may ask the authorizer, which may have to wait: the evaluation then stops, is answered and starts anew.
"""

from typing import Any

from ....api import status
from ....api.cel import PER_CALL_LIMIT, CelError
from ....api.cel.functions.authorization import Decision, Question, Undecided, authorizer
from ....api.match_conditions import compiled
from ....api.status import StatusError
from ....api.user import AUTHENTICATED, UserInfo
from ...authn.service_account import user_groups, user_name
from ...authz.authorizer import Attributes, Authorizer
from ..plugin import AdmissionRequest
from .configuration import Webhook
from .review import Question as Review
from .review import request_body


class Conditions:
    """Evaluates the conditions of webhooks."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def holds(self, webhook: Webhook, question: Review, request: AdmissionRequest) -> bool:
        """Whether every match condition holds. StatusError 403 when one cannot be decided and the policy is Fail."""
        body = request_body(question)
        variables: dict[str, Any] = {
            "object": body.pop("object", None),
            "oldObject": body.pop("oldObject", None),
            "request": body,
        }
        decisions: dict[Question, Decision] = {}
        info = question.info
        about = Question(
            group=info.group,
            resource=info.plural,
            subresource=question.subresource,
            namespace=question.namespace,
            name=question.name,
        )
        variables["authorizer"] = authorizer(decisions)
        variables["authorizer.requestResource"] = authorizer(decisions, about)
        errors: list[str] = []
        for _, expression in webhook.conditions:
            value, error = await self._evaluated(expression, variables, decisions, request.user)
            if error:
                errors.append(error)
            elif value is not True:
                return False
        if not errors:
            return True
        if not webhook.fail:
            return False
        why = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
        raise status.forbidden(request.resource.group, request.resource.plural, request.name, why)

    async def _evaluated(
        self, expression: str, variables: dict[str, Any], decisions: dict[Question, Decision], user: UserInfo
    ) -> tuple[Any, str]:
        try:
            program = compiled(expression)
        except CelError as error:
            return None, f"compilation failed: {error}"
        while True:
            try:
                value, failure, _ = program.run(variables, PER_CALL_LIMIT)
            except Undecided as missing:
                decisions[missing.question] = await self._decide(missing.question, user)
                continue
            if failure is not None:
                return None, f"expression '{expression}' resulted in error: {failure}"
            return value, ""

    async def _decide(self, question: Question, user: UserInfo) -> Decision:
        namespace, account = question.service_account
        if account:
            name = user_name(namespace, account)
            user = UserInfo(name, groups=(*user_groups(namespace), AUTHENTICATED))
        if question.path:
            asked = Attributes(user, question.verb, path=question.path, is_resource=False)
        else:
            asked = Attributes(
                user,
                question.verb,
                question.group,
                "*",
                question.resource,
                question.subresource,
                question.namespace,
                question.name,
                field_selector=question.field_selector,
            )
        try:
            found = await self._authorizer.authorize(asked)
        except StatusError as error:
            return Decision(False, error=error.message)
        return Decision(found.allowed, found.reason)
