"""Whether a webhook is asked about a request, and with what.

rules (in the client's version, else in an equivalent one) -> namespaceSelector -> objectSelector -> matchConditions
"""

import msgspec

from ....api import status
from ....api.resource import ResourceInfo, resource
from ...reader import Object, ObjectReader
from ..plugin import AdmissionRequest
from . import rules
from .configuration import Webhook
from .question import question_of
from .review import Question
from .versions import Versions


class Invocation(msgspec.Struct, frozen=True):
    """One webhook that is to be asked, and the version it wants the objects in."""

    webhook: Webhook
    info: ResourceInfo


class Selection:
    """Picks the webhooks of a request and words the questions."""

    def __init__(self, reader: ObjectReader, versions: Versions) -> None:
        self._reader = reader
        self._versions = versions
        self._namespaces = resource("namespaces")

    def invocation(self, webhook: Webhook, request: AdmissionRequest) -> Invocation | None:
        """None when rules or selectors leave the request out. StatusError 404 when its namespace is not there."""
        info = self._wanted(webhook, request)
        if info is None or not self._in_namespaces(webhook, request) or not _is_selected(webhook, request):
            return None
        return Invocation(webhook, info)

    def _wanted(self, webhook: Webhook, request: AdmissionRequest) -> ResourceInfo | None:
        served = request.served or request.resource
        if self._covered(webhook, request, served):
            return served
        if webhook.equivalent:
            for other in self._versions.equivalents(served):
                if other is not served and self._covered(webhook, request, other):
                    return other
        return None

    def _covered(self, webhook: Webhook, request: AdmissionRequest, info: ResourceInfo) -> bool:
        target = rules.Target(
            request.operation, info.group, info.version, info.plural, request.subresource, request.namespace
        )
        return any(rules.matches(rule, target) for rule in webhook.rules)

    def _in_namespaces(self, webhook: Webhook, request: AdmissionRequest) -> bool:
        if webhook.namespace_selector.empty:
            return True
        is_namespace = request.resource.group_resource == "namespaces"
        if is_namespace and request.operation in ("CREATE", "UPDATE") and request.object is not None:
            return webhook.namespace_selector.matches(_labels(request.object))
        name = request.name if is_namespace else request.namespace
        if not name:
            return True
        found = self._reader.get(self._namespaces, "", name)
        if found is None:
            raise status.not_found("", "namespaces", name)
        return webhook.namespace_selector.matches(_labels(found))

    async def question(self, invocation: Invocation, request: AdmissionRequest) -> Question:
        """The request as this webhook gets to see it."""
        return await question_of(self._versions, request, invocation.info)


def _labels(obj: Object) -> dict[str, str]:
    return (obj.get("metadata") or {}).get("labels") or {}


def _is_selected(webhook: Webhook, request: AdmissionRequest) -> bool:
    """The object, or the one it replaces, has the labels; what has no metadata is only selected by everything."""
    selector = webhook.object_selector
    if selector.empty:
        return True
    objects = [obj for obj in (request.object, request.old_object) if obj is not None and "metadata" in obj]
    return any(selector.matches(_labels(obj)) for obj in objects)
