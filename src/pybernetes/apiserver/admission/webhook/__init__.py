"""Admission by webhook (Dynamic Admission Control): other servers change and refuse what is about to be stored.

configuration.py   the webhooks there are           rules.py        which requests they are about
invocation.py      selectors, versions              conditions.py   expressions
    review.py          question and answer, pure
client.py          pooled HTTPS                     calling.py      one call: time limit, failure policy
mutating.py, validating.py                          the two plugins
"""

from typing import TYPE_CHECKING

from ....api.resource import resource
from .calling import Calling
from .configuration import Webhooks
from .invocation import Selection
from .mutating import MutatingAdmissionWebhook
from .validating import ValidatingAdmissionWebhook

if TYPE_CHECKING:
    from ..context import AdmissionContext

__all__ = ["mutating_webhooks", "validating_webhooks"]

_GROUP = "admissionregistration.k8s.io"


def mutating_webhooks(context: "AdmissionContext") -> MutatingAdmissionWebhook:
    """The plugin MutatingAdmissionWebhook."""
    webhooks = Webhooks(context.reader, resource("mutatingwebhookconfigurations", _GROUP))
    selection = Selection(context.reader, context.versions)
    return MutatingAdmissionWebhook(
        webhooks, selection, Calling(context.webhooks, context.authorizer, mutating=True), context.versions
    )


def validating_webhooks(context: "AdmissionContext") -> ValidatingAdmissionWebhook:
    """The plugin ValidatingAdmissionWebhook."""
    webhooks = Webhooks(context.reader, resource("validatingwebhookconfigurations", _GROUP))
    selection = Selection(context.reader, context.versions)
    return ValidatingAdmissionWebhook(
        webhooks, selection, Calling(context.webhooks, context.authorizer, mutating=False)
    )
