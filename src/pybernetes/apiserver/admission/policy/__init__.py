"""Admission by policy: CEL expressions that refuse (ValidatingAdmissionPolicy) or change (MutatingAdmissionPolicy) what
is about to be stored, put in force by bindings.

source.py       the policies and bindings there are     matching.py     which requests they are about
params.py       parameters of a binding                 evaluation.py   running expressions on a request
mutations.py    what expressions make of an object      type_checking.py, status.py   warnings on policies
validating.py, mutating.py                              the two plugins
"""

from typing import TYPE_CHECKING

from ....api.resource import resource
from .evaluation import Evaluation
from .matching import Matcher
from .mutating import MutatingAdmissionPolicy
from .params import Params
from .source import Policies
from .validating import ValidatingAdmissionPolicy

if TYPE_CHECKING:
    from ..context import AdmissionContext

__all__ = ["mutating_policies", "validating_policies"]

_GROUP = "admissionregistration.k8s.io"


def validating_policies(context: "AdmissionContext") -> ValidatingAdmissionPolicy:
    """The plugin ValidatingAdmissionPolicy."""
    policies = Policies(
        context.reader,
        resource("validatingadmissionpolicies", _GROUP),
        resource("validatingadmissionpolicybindings", _GROUP),
    )
    matcher = Matcher(context.reader, context.versions)
    return ValidatingAdmissionPolicy(
        policies, matcher, Params(context.reader, context.versions), Evaluation(context.authorizer, matcher)
    )


def mutating_policies(context: "AdmissionContext") -> MutatingAdmissionPolicy:
    """The plugin MutatingAdmissionPolicy."""
    policies = Policies(
        context.reader,
        resource("mutatingadmissionpolicies", _GROUP),
        resource("mutatingadmissionpolicybindings", _GROUP),
        mutating=True,
    )
    matcher = Matcher(context.reader, context.versions)
    return MutatingAdmissionPolicy(
        policies,
        matcher,
        Params(context.reader, context.versions),
        Evaluation(context.authorizer, matcher),
        context.versions,
    )
