"""Admission by policy: CEL expressions that refuse (ValidatingAdmissionPolicy) or change (MutatingAdmissionPolicy) what
is about to be stored, put in force by bindings.

source.py       the policies and bindings there are     matching.py     which requests they are about
params.py       parameters of a binding                 evaluation.py   running expressions on a request
mutations.py    what expressions make of an object      type_checking.py, status.py   warnings on policies
validating.py, mutating.py                              the two plugins
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ....api.resource import ResourceInfo, resource
from ..plugin import AdmissionPlugin, AdmissionRequest
from .matching import Matcher, concerns
from .params import Params
from .source import Policies

if TYPE_CHECKING:
    from ..context import AdmissionContext

__all__ = ["PolicyPlugin", "mutating_policies", "validating_policies"]

_GROUP = "admissionregistration.k8s.io"


class PolicyPlugin:
    """Costs nothing, not even the loading of CEL, until there is a policy with a binding."""

    def __init__(self, name: str, policies: Policies, make: Callable[[], AdmissionPlugin]) -> None:
        self.name = name
        self._policies = policies
        self._make = make
        self._plugin: AdmissionPlugin | None = None

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return concerns(resource)

    def _made(self) -> AdmissionPlugin | None:
        if not self._policies.hooks():
            return None
        if self._plugin is None:
            self._plugin = self._make()
        return self._plugin

    async def admit(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin."""
        plugin = self._made()
        if plugin is not None:
            await plugin.admit(request)

    async def validate(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin."""
        plugin = self._made()
        if plugin is not None:
            await plugin.validate(request)


def validating_policies(context: "AdmissionContext") -> PolicyPlugin:
    """The plugin ValidatingAdmissionPolicy."""
    policies = Policies(
        context.reader,
        resource("validatingadmissionpolicies", _GROUP),
        resource("validatingadmissionpolicybindings", _GROUP),
    )

    def make() -> AdmissionPlugin:
        from .evaluation import Evaluation
        from .validating import ValidatingAdmissionPolicy

        matcher, params = Matcher(context.reader, context.versions), Params(context.reader, context.versions)
        return ValidatingAdmissionPolicy(policies, matcher, params, Evaluation(context.authorizer, matcher))

    return PolicyPlugin("ValidatingAdmissionPolicy", policies, make)


def mutating_policies(context: "AdmissionContext") -> PolicyPlugin:
    """The plugin MutatingAdmissionPolicy."""
    policies = Policies(
        context.reader,
        resource("mutatingadmissionpolicies", _GROUP),
        resource("mutatingadmissionpolicybindings", _GROUP),
        mutating=True,
    )

    def make() -> AdmissionPlugin:
        from .evaluation import Evaluation
        from .mutating import MutatingAdmissionPolicy

        matcher, params = Matcher(context.reader, context.versions), Params(context.reader, context.versions)
        evaluation = Evaluation(context.authorizer, matcher)
        return MutatingAdmissionPolicy(policies, matcher, params, evaluation, context.versions)

    return PolicyPlugin("MutatingAdmissionPolicy", policies, make)
