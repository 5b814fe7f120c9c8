"""Runs the expressions of a policy on one request.

Variables are evaluated when an expression first asks for them. An expression may ask the authorizer, which may have to
wait: the evaluation then stops, is answered and starts anew. All expressions of a policy share one budget of cost.
"""

from typing import Any

from ....api.cel import PER_CALL_LIMIT, CelError, EvaluationError
from ....api.cel.functions.authorization import Decision, Question, Undecided
from ....api.policy_expressions import Expression, PolicyExpressions
from ....api.user import UserInfo
from ...authz.authorizer import Authorizer
from ..expressions import decide, variables_of
from ..plugin import AdmissionRequest
from ..webhook.review import Question as Review
from .matching import Matcher
from .params import Misconfigured

Object = dict[str, Any]

BUDGET = 10_000_000


class OutOfBudget(Exception):
    """The policy's expressions cost too much together."""

    def __init__(self) -> None:
        super().__init__("validation failed due to running out of cost budget, no further validation rules will be run")


class Failed(Exception):
    """An expression has no value; the text is upstream's."""


class Variables(dict[str, Any]):
    """`variables`: evaluated when asked for, once."""

    def __init__(self, expressions: dict[str, Expression], known: Object) -> None:
        super().__init__()
        self._expressions = expressions
        self._known = known
        self.cost = 0

    def __missing__(self, name: str) -> Any:
        expression = self._expressions[name]
        if expression.program is None:
            raise EvaluationError(f'composited variable "{name}" fails to compile: {expression.error}')
        value, error, cost = expression.program.run(self._known, PER_CALL_LIMIT)
        self.cost += cost
        if error is not None:
            raise EvaluationError(f'composited variable "{name}" fails to evaluate: {error}')
        self[name] = value
        return value

    def __contains__(self, name: object) -> bool:
        return name in self._expressions


class Run:
    """One policy, one request, one parameter."""

    def __init__(self, evaluation: "Evaluation", expressions: PolicyExpressions, known: Object, user: UserInfo) -> None:
        self._evaluation = evaluation
        self._user = user
        self._decisions: dict[Question, Decision] = known["authorizer"].decisions
        self.expressions = expressions
        self.known = known
        self.variables = Variables(expressions.variables, known)
        known["variables"] = self.variables
        self.budget = BUDGET

    def use(self, obj: Object | None) -> None:
        """Another object from now on (a changed one); variables are evaluated anew."""
        self.known["object"] = obj
        self.variables = self.known["variables"] = Variables(self.expressions.variables, self.known)

    async def value(self, expression: Expression) -> Any:
        """What an expression gives. Failed, OutOfBudget."""
        if expression.program is None:
            raise Failed(f"compilation error: {expression.error}")
        while True:
            before = self.variables.cost
            try:
                value, error, cost = expression.program.run(self.known, PER_CALL_LIMIT)
            except Undecided as missing:
                self._decisions[missing.question] = await self._evaluation.decide(missing.question, self._user)
                continue
            self.budget -= cost + self.variables.cost - before
            if self.budget < 0:
                raise OutOfBudget
            if error is not None:
                raise Failed(_words(expression, error))
            return value

    async def matches(self, fail: bool) -> bool:
        """Whether all match conditions hold. Failed when one cannot be told and the policy fails then."""
        errors: list[str] = []
        for _, expression in self.expressions.conditions:
            try:
                if await self.value(expression) is not True:
                    return False
            except (Failed, OutOfBudget) as error:
                errors.append(str(error))
        if not errors:
            return True
        if not fail:
            return False
        raise Failed(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")


def _words(expression: Expression, error: CelError) -> str:
    return f"expression '{expression.source}' resulted in error: {error}"


class Evaluation:
    """Makes runs and answers their questions to the authorizer."""

    def __init__(self, authorizer: Authorizer, matcher: Matcher) -> None:
        self._authorizer = authorizer
        self._matcher = matcher

    def known(self, review: Review, request: AdmissionRequest) -> Object:
        """What all policies see of a request in one version. StatusError 404 when its namespace is not there."""
        return {**variables_of(review, {}), "namespaceObject": self._matcher.namespace_of(request)}

    def run(self, expressions: PolicyExpressions, known: Object, user: UserInfo, param: Object | None) -> Run:
        """One evaluation of a policy."""
        return Run(self, expressions, {**known, "params": param}, user)

    async def decide(self, question: Question, user: UserInfo) -> Decision:
        """What the authorizer says."""
        return await decide(self._authorizer, question, user)


__all__ = ["BUDGET", "Evaluation", "Failed", "Misconfigured", "OutOfBudget", "Run", "Variables"]
