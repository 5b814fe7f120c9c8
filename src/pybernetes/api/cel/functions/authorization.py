"""The `authorizer` variable: building a check step by step, asking, reading the decision.

An authorizer may have to wait (a webhook), an expression cannot. `check` therefore looks the answer up in `decisions`;
when it is not there yet it raises `Undecided`, the caller finds out and evaluates again (`apiserver/admission/policy`).
"""

from collections.abc import Callable, MutableMapping
from typing import Any

import msgspec

from ..errors import CelError, EvaluationError

DECLARATIONS = """
kubernetes.authorization.Authorizer::path(string) -> kubernetes.authorization.PathCheck
kubernetes.authorization.PathCheck::check(string) -> kubernetes.authorization.Decision
kubernetes.authorization.Authorizer::group(string) -> kubernetes.authorization.GroupCheck
kubernetes.authorization.Authorizer::serviceAccount(string, string) -> kubernetes.authorization.Authorizer
kubernetes.authorization.GroupCheck::resource(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck::subresource(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck::namespace(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck::name(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck::fieldSelector(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck::labelSelector(string) -> kubernetes.authorization.ResourceCheck
kubernetes.authorization.ResourceCheck::check(string) -> kubernetes.authorization.Decision
kubernetes.authorization.Decision::allowed() -> bool
kubernetes.authorization.Decision::reason() -> string
kubernetes.authorization.Decision::error() -> string
kubernetes.authorization.Decision::errored() -> bool
"""


class Question(msgspec.Struct, frozen=True):
    """What is asked; the service account is "" for the request's own user."""

    verb: str = ""
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""
    service_account: tuple[str, str] = ("", "")


class Decision(msgspec.Struct, frozen=True):
    """The answer."""

    allowed: bool
    reason: str = ""
    error: str = ""
    cel_type = "kubernetes.authorization.Decision"


class Undecided(CelError):
    """An answer is missing; never absorbed by `&&` and `||`."""

    def __init__(self, question: Question) -> None:
        super().__init__(f"authorization of {question.verb} is not decided yet")
        self.question = question


Decisions = MutableMapping[Question, Decision]


class Check:
    """The authorizer itself, and every step of building a question."""

    cel_type = "kubernetes.authorization.Authorizer"
    __slots__ = ("decisions", "question")

    def __init__(self, decisions: Decisions, question: Question) -> None:
        self.decisions = decisions
        self.question = question

    def with_(self, **changes: Any) -> "Check":
        return Check(self.decisions, msgspec.structs.replace(self.question, **changes))


def authorizer(decisions: Decisions, resource: Question | None = None) -> Check:
    """The `authorizer` variable; with `resource`, what the request is about, `authorizer.requestResource`."""
    return Check(decisions, resource or Question())


def _step(field: str) -> Callable[[Check, str], Check]:
    return lambda check, value: check.with_(**{field: value})


def _check(check: Check, verb: str) -> Decision:
    question = msgspec.structs.replace(check.question, verb=verb)
    found = check.decisions.get(question)
    if found is None:
        raise Undecided(question)
    return found


def _service_account(check: Check, namespace: str, name: str) -> Check:
    from ... import names

    for value, what in ((namespace, "Invalid service account namespace"), (name, "Invalid service account name")):
        wrong = names.dns1123_label(value) if value is namespace else names.dns1123_subdomain(value)
        if wrong:
            raise EvaluationError(what)
    return check.with_(service_account=(namespace, name))


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "path": _step("path"),
    "group": _step("group"),
    "resource": _step("resource"),
    "subresource": _step("subresource"),
    "namespace": _step("namespace"),
    "name": _step("name"),
    "fieldSelector": _step("field_selector"),
    "labelSelector": _step("label_selector"),
    "serviceAccount": _service_account,
    "check": _check,
    "allowed": lambda decision: decision.allowed,
    "reason": lambda decision: decision.reason,
    "error": lambda decision: decision.error,
    "errored": lambda decision: bool(decision.error),
}
