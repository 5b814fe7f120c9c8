"""ValidatingAdmissionPolicy: policies that may refuse, warn or note, once the object is final (KEP-3488)."""

from typing import Any

import msgspec
import orjson

from ....api import status
from ....api.resource import ResourceInfo
from ....api.status import StatusError
from ...audit import annotate
from ..plugin import AdmissionRequest
from .evaluation import Evaluation, Failed, OutOfBudget, Run
from .matching import Matcher, concerns
from .params import Misconfigured, Params
from .source import Binding, Policies, Policy

Object = dict[str, Any]

MESSAGE_LIMIT = 5 * 1024
_ANNOTATION_LIMIT = 10 * 1024
_CODES = {"Unauthorized": 401, "Forbidden": 403, "RequestEntityTooLarge": 413, "Invalid": 422}


class Denial(msgspec.Struct, frozen=True):
    """One reason to refuse. `binding` is "" when the policy itself is at fault."""

    policy: str
    binding: str
    message: str
    reason: str = "Invalid"


class ValidatingAdmissionPolicy:
    """Follows upstream's plugin of the same name; of several denials the first in order is told."""

    name = "ValidatingAdmissionPolicy"

    def __init__(self, policies: Policies, matcher: Matcher, params: Params, evaluation: Evaluation) -> None:
        self._policies = policies
        self._matcher = matcher
        self._params = params
        self._evaluation = evaluation

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return concerns(resource)

    async def admit(self, request: AdmissionRequest) -> None:
        """Nothing: these policies speak when the object is final."""

    async def validate(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin."""
        denials: list[Denial] = []
        seen: dict[str, Object] = {}
        for policy, bindings in self._policies.hooks():
            info = self._matcher.policy(policy.constraints, request)
            if info is None:
                continue
            notes: dict[str, list[str]] = {}
            for binding in bindings:
                if self._matcher.binding(binding.constraints, request):
                    await self._bound(policy, binding, info, request, seen, denials, notes)
            for key, values in notes.items():
                annotate(f"{policy.name}/{key}", ", ".join(values))
        if denials:
            raise _refusal(denials[0], request)

    async def _bound(
        self,
        policy: Policy,
        binding: Binding,
        info: ResourceInfo,
        request: AdmissionRequest,
        seen: dict[str, Object],
        denials: list[Denial],
        notes: dict[str, list[str]],
    ) -> None:
        try:
            params = await self._params.of(policy, binding, request.namespace)
        except Misconfigured as error:
            if policy.fail:
                denials.append(Denial(policy.name, binding.name, f"failed to configure binding: {error}"))
            return
        known = seen.get(info.group_version)
        if known is None:
            review = await self._matcher.question(request, info)
            known = seen[info.group_version] = self._evaluation.known(review, request)
        for param in params:
            run = self._evaluation.run(policy.expressions, known, request.user, param)
            for index, decision in await self._decisions(policy, binding, run, notes, denials):
                self._act(binding, policy, index, decision, request, denials)

    async def _decisions(
        self, policy: Policy, binding: Binding, run: Run, notes: dict[str, list[str]], denials: list[Denial]
    ) -> list[tuple[int, Denial]]:
        """The validations that do not hold."""

        def failed(error: Exception) -> list[Denial]:
            return [Denial(policy.name, binding.name, str(error))] if policy.fail else []

        try:
            if not await run.matches(policy.fail):
                return []
        except Failed as error:
            return [(0, denial) for denial in failed(error)]
        found: list[tuple[int, Denial]] = []
        for index, validation in enumerate(run.expressions.validations):
            try:
                holds = await run.value(validation.expression)
                if holds is True:
                    continue
                message = await _message(validation, run)
            except OutOfBudget as error:
                return [*found, *((index, denial) for denial in failed(error))]
            except Failed as error:
                found += [(index, denial) for denial in failed(error)]
                continue
            reason = validation.raw.get("reason") or "Invalid"
            found.append((index, Denial(policy.name, binding.name, message, reason)))
        for key, expression in run.expressions.annotations:
            try:
                value = await run.value(expression)
            except (Failed, OutOfBudget) as error:
                denials += failed(error)
                continue
            text = value.strip() if isinstance(value, str) else ""
            if text and text not in notes.setdefault(key, []):
                notes[key].append(text[:_ANNOTATION_LIMIT])
        return found

    def _act(
        self,
        binding: Binding,
        policy: Policy,
        index: int,
        denial: Denial,
        request: AdmissionRequest,
        denials: list[Denial],
    ) -> None:
        """What the binding says to do about a denial."""
        for action in binding.actions:
            match action:
                case "Deny":
                    denials.append(denial)
                case "Warn":
                    request.warnings.append(
                        f"Validation failed for ValidatingAdmissionPolicy '{policy.name}' with binding "
                        f"'{binding.name}': {denial.message}"
                    )
                case "Audit":
                    record = {
                        "message": denial.message,
                        "policy": policy.name,
                        "binding": binding.name,
                        "expressionIndex": index,
                        "validationActions": binding.actions,
                    }
                    annotate("validation.policy.admission.k8s.io/validation_failure", orjson.dumps([record]).decode())


async def _message(validation: Any, run: Run) -> str:
    """Of a validation that does not hold."""
    if validation.message is not None:
        try:
            text = await run.value(validation.message)
        except Failed:
            text = ""
        except OutOfBudget as error:
            raise Failed(f"failed messageExpression: {error}") from None
        text = text.strip() if isinstance(text, str) else ""
        if text and "\n" not in text and len(text.encode()) <= MESSAGE_LIMIT:
            return str(text)
    message = (validation.raw.get("message") or "").strip()
    return message or f"failed expression: {validation.raw.get('expression', '').strip()}"


def _refusal(denial: Denial, request: AdmissionRequest) -> StatusError:
    bound = f" with binding '{denial.binding}'" if denial.binding else ""
    message = f"ValidatingAdmissionPolicy '{denial.policy}'{bound} denied request: {denial.message}"
    error = status.forbidden(request.resource.group, request.resource.plural, request.name, message)
    error.reason = denial.reason
    error.code = _CODES.get(denial.reason, 422)
    error.details = {**(error.details or {}), "causes": [{"message": message}]}
    return error
