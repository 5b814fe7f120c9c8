"""MutatingAdmissionWebhook: webhooks that may change the object, asked one after another by configuration name.

A webhook that changes the object lets those before it with `reinvocationPolicy: IfNeeded` look again: the whole chain
of mutating plugins then runs a second time, in which only those are asked (KEP-492).
"""

import orjson
from msgspec import Struct, field

from ....api.patch.json_patch import PatchError, apply_operations
from ....api.resource import ResourceInfo
from ....api.status import internal_error
from ...audit import annotate
from ...reader import Object
from ..plugin import AdmissionRequest
from . import rules
from .calling import Calling
from .configuration import Webhook, Webhooks
from .invocation import Invocation, Selection
from .question import take_scale
from .review import Answer, Question
from .versions import Versions


class _Notes(Struct):
    """What one request's first round leaves for the second."""

    asked: set[str] = field(default_factory=set)
    again: set[str] = field(default_factory=set)
    output: bytes = b""

    def changed(self) -> None:
        """All who were asked before want to look again."""
        self.again |= self.asked
        self.asked.clear()


class MutatingAdmissionWebhook:
    """Follows upstream's plugin of the same name."""

    name = "MutatingAdmissionWebhook"

    def __init__(self, webhooks: Webhooks, selection: Selection, calling: Calling, versions: Versions) -> None:
        self._webhooks = webhooks
        self._selection = selection
        self._calling = calling
        self._versions = versions

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return not rules.is_exempt(resource)

    async def validate(self, request: AdmissionRequest) -> None:
        """Nothing: these webhooks speak while the object can still change."""

    async def admit(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin."""
        webhooks = self._webhooks.all()
        if not webhooks:
            return
        notes = self._notes(request)
        if request.round and _encoded(request.object) != notes.output:
            notes.changed()
        for index, webhook in enumerate(webhooks):
            if request.round and webhook.uid not in notes.again:
                continue
            notes.again.discard(webhook.uid)
            await self._ask(webhook, request, notes, index)
        notes.output = _encoded(request.object)

    @staticmethod
    def _notes(request: AdmissionRequest) -> _Notes:
        found: _Notes = request.notes.setdefault(MutatingAdmissionWebhook.name, _Notes())
        return found

    async def _ask(self, webhook: Webhook, request: AdmissionRequest, notes: _Notes, index: int) -> None:
        invocation = self._selection.invocation(webhook, request)
        if invocation is None:
            return
        question = await self._selection.question(invocation, request)
        if not await self._calling.concerns(webhook, question, request):
            return
        answer = await self._calling.ask(webhook, question, request, index)
        changed = answer is not None and await self._apply(invocation, question, answer, request)
        record = {"configuration": webhook.configuration, "webhook": webhook.name, "mutated": changed}
        annotate(
            f"mutation.webhook.admission.k8s.io/round_{request.round}_index_{index}", orjson.dumps(record).decode()
        )
        if changed:
            assert answer is not None
            record = {"configuration": webhook.configuration, "webhook": webhook.name, "patch": answer.patch}
            record["patchType"] = "JSONPatch"
            key = f"patch.webhook.admission.k8s.io/round_{request.round}_index_{index}"
            annotate(key, orjson.dumps(record).decode())
            notes.changed()
            request.reinvoke = True
        if answer is not None and webhook.reinvoke:
            notes.asked.add(webhook.uid)

    async def _apply(
        self, invocation: Invocation, question: Question, answer: Answer, request: AdmissionRequest
    ) -> bool:
        """Whether the patch changed anything. StatusError 500 when it does not fit."""
        if not answer.patch:
            return False
        obj = question.object
        if obj is None:
            name = invocation.webhook.name
            raise internal_error(
                f'admission webhook "{name}" attempted to modify the object, which is not supported for this operation'
            )
        before = orjson.dumps(obj)
        try:
            patched = apply_operations(orjson.loads(before), answer.patch)
        except PatchError as error:
            raise internal_error(str(error)) from None
        if not isinstance(patched, dict):
            raise internal_error("the patched object is no JSON object")
        if request.subresource == "scale":
            return take_scale(self._versions, request, patched)
        if question.kind == (invocation.info.group_version, invocation.info.kind):
            patched = await self._versions.conform(patched, invocation.info)
            if orjson.dumps(patched) == before:
                return False
            patched = await self._versions.convert(patched, invocation.info, request.resource)
        elif orjson.dumps(patched) == before:
            return False
        _replace(request, patched)
        return True


def _replace(request: AdmissionRequest, new: Object) -> None:
    """Change the content in place: whoever holds the object sees it."""
    assert request.object is not None
    request.object.clear()
    request.object.update(new)


def _encoded(obj: Object | None) -> bytes:
    return orjson.dumps(obj) if obj is not None else b""
