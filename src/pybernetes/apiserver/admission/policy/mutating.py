"""MutatingAdmissionPolicy: policies that change the object, one after another (KEP-3962).

Like webhooks, a policy that changed the object lets those before it with `reinvocationPolicy: IfNeeded` look again in a
second round.
"""

from typing import Any

import orjson
from msgspec import Struct, field

from ....api import status
from ....api.managed_fields.builtin import BuiltinSchema
from ....api.resource import ResourceInfo
from ....api.status import StatusError
from ...kind_schema import BuiltinKind
from ..plugin import AdmissionRequest
from ..webhook.question import take_scale
from ..webhook.review import Question
from ..webhook.versions import Versions
from .evaluation import Evaluation, Failed, OutOfBudget, Run
from .matching import Matcher, concerns
from .mutations import CannotApply, configured, patched
from .params import Misconfigured, Params
from .source import Binding, Policies, Policy

Object = dict[str, Any]
Key = tuple[str, str, str, str]


class _Notes(Struct):
    """What one request's first round leaves for the second."""

    asked: set[Key] = field(default_factory=set)
    again: set[Key] = field(default_factory=set)
    output: bytes = b""

    def changed(self) -> None:
        self.again |= self.asked
        self.asked.clear()


class MutatingAdmissionPolicy:
    """Follows upstream's plugin of the same name."""

    name = "MutatingAdmissionPolicy"

    def __init__(
        self, policies: Policies, matcher: Matcher, params: Params, evaluation: Evaluation, versions: Versions
    ) -> None:
        self._policies = policies
        self._matcher = matcher
        self._params = params
        self._evaluation = evaluation
        self._versions = versions

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return concerns(resource)

    async def validate(self, request: AdmissionRequest) -> None:
        """Nothing: these policies speak while the object can still change."""

    async def admit(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin."""
        hooks = self._policies.hooks()
        if not hooks:
            return
        notes: _Notes = request.notes.setdefault(self.name, _Notes())
        if request.round and _encoded(request.object) != notes.output:
            notes.changed()
        errors: list[str] = []
        for policy, bindings in hooks:
            info = self._matcher.policy(policy.constraints, request)
            if info is None:
                continue
            for binding in bindings:
                if self._matcher.binding(binding.constraints, request):
                    await self._bound(policy, binding, info, request, notes, errors)
        notes.output = _encoded(request.object)
        if errors:
            raise _refusal(errors, request)

    async def _bound(
        self,
        policy: Policy,
        binding: Binding,
        info: ResourceInfo,
        request: AdmissionRequest,
        notes: _Notes,
        errors: list[str],
    ) -> None:
        def failed(error: Exception) -> None:
            if policy.fail:
                errors.append(f"policy '{policy.name}' with binding '{binding.name}' denied request: {error}")

        try:
            params = await self._params.of(policy, binding, request.namespace)
        except Misconfigured as error:
            failed(error)
            return
        for param in params:
            about = (param or {}).get("metadata") or {}
            key = (policy.name, binding.name, about.get("namespace") or "", about.get("name") or "")
            review = await self._matcher.question(request, info)
            known = self._evaluation.known(review, request)
            run = self._evaluation.run(policy.expressions, known, request.user, param)
            try:
                if not await run.matches(policy.fail):
                    continue
            except Failed as error:
                failed(error)
                continue
            if request.round and key not in notes.again:
                continue
            notes.again.discard(key)
            if review.object is not None and request.operation != "DELETE":
                try:
                    if await self._mutate(run, info, review, request):
                        notes.changed()
                        request.reinvoke = True
                except (Failed, OutOfBudget, CannotApply) as error:
                    failed(error)
            if policy.reinvoke:
                notes.asked.add(key)

    async def _mutate(self, run: Run, info: ResourceInfo, review: Question, request: AdmissionRequest) -> bool:
        """Whether the mutations, one after another, changed the object. That of a subresource may be of a kind of its
        own (Scale, Eviction, Binding, the options of a stream), which has one version only."""
        before = orjson.dumps(review.object)
        obj: Object = orjson.loads(before)
        own = review.kind == (info.group_version, info.kind)
        merging = self._versions.merging(info) if own else BuiltinSchema(*review.kind)
        for mutation in run.expressions.mutations:
            run.use(obj)
            value = await run.value(mutation.expression)
            if mutation.patch_type == "JSONPatch":
                obj = patched(orjson.loads(orjson.dumps(obj)), value)
            else:
                obj = configured(obj, value, merging)
            obj = orjson.loads(orjson.dumps(obj))
            if own:
                obj = await self._versions.conform(obj, info)
            else:
                BuiltinKind(*review.kind).decode(obj, unknown="ignore")
        if orjson.dumps(obj) == before:
            return False
        if request.subresource == "scale":
            return take_scale(self._versions, request, obj)
        new = await self._versions.convert(obj, info, request.resource) if own else obj
        assert request.object is not None
        if new is not request.object:
            request.object.clear()
            request.object.update(new)
        return True


def _encoded(obj: Object | None) -> bytes:
    return orjson.dumps(obj) if obj is not None else b""


def _refusal(errors: list[str], request: AdmissionRequest) -> StatusError:
    words = "admission request denied by policy"
    error = status.forbidden(request.resource.group, request.resource.plural, request.name, f"{words}: {errors[0]}")
    error.details = {**(error.details or {}), "causes": [{"message": message} for message in errors]}
    return error
