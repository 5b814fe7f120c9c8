"""Match conditions: expressions on the request that all must hold (KEP-3716). Imported when a webhook has some.

An expression may ask the authorizer, which may have to wait: the evaluation then stops, is answered and starts anew.
"""

from typing import Any

from ....api import status
from ....api.cel import PER_CALL_LIMIT, CelError
from ....api.cel.functions.authorization import Decision, Question, Undecided
from ....api.match_conditions import compiled
from ....api.user import UserInfo
from ...authz.authorizer import Authorizer
from ..expressions import decide, variables_of
from ..plugin import AdmissionRequest
from .configuration import Webhook
from .review import Question as Review


class Conditions:
    """Evaluates the conditions of webhooks."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    async def holds(self, webhook: Webhook, question: Review, request: AdmissionRequest) -> bool:
        """Whether every match condition holds. StatusError 403 when one cannot be decided and the policy is Fail."""
        decisions: dict[Question, Decision] = {}
        variables = variables_of(question, decisions)
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
                decisions[missing.question] = await decide(self._authorizer, missing.question, user)
                continue
            if failure is not None:
                return None, f"expression '{expression}' resulted in error: {failure}"
            return value, ""
