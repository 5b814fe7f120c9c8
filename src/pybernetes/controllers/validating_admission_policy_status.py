"""Type checking of ValidatingAdmissionPolicies: `status.typeChecking` warns of expressions that cannot be right for the
resources a policy is about; `observedGeneration` tells for which policy.
"""

import asyncio
from typing import Any

import orjson

from ..api.admissionregistration import ValidatingAdmissionPolicy
from ..api.codec import to_wire
from ..api.resource import resources
from ..client.client import read_body
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext

Object = dict[str, Any]


class ValidatingAdmissionPolicyStatus:
    """See the module docstring. Keys are the names of policies."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._policies = context.informers.of(ValidatingAdmissionPolicy)
        self._controller = context.controller("validatingadmissionpolicy-status", self._reconcile, workers=1)
        self._policies.add_handler(self._changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _changed(self, old: ValidatingAdmissionPolicy | None, new: ValidatingAdmissionPolicy | None) -> None:
        if new is not None and _is_due(new):
            self._controller.enqueue(new.metadata.name or "")

    async def _reconcile(self, key: str) -> Result | None:
        policy = self._policies.get(key)
        if policy is None or not _is_due(policy):
            return None
        from ..api import policy_type_checking  # CEL is loaded with the first policy

        wire: Object = to_wire(policy)
        custom = {wanted[:2] for wanted in policy_type_checking.resources(wire) if wanted not in resources()}
        documents = {group_version: await self._document(*group_version) for group_version in custom}
        found = policy_type_checking.warnings(wire, lambda *wanted: _known(documents, *wanted))
        status = {"observedGeneration": policy.metadata.generation, "typeChecking": {"expressionWarnings": found}}
        await self._client.patch(ValidatingAdmissionPolicy, key, body={"status": status}, subresource="status")
        return None

    async def _document(self, group: str, version: str) -> Object:
        """The published schemas of a group version; empty when it is not served."""
        response = await self._client.request("GET", f"/openapi/v3/apis/{group}/{version}")
        data = await read_body(response)
        found: Object = orjson.loads(data) if response.status == 200 else {}
        return found


def _is_due(policy: ValidatingAdmissionPolicy) -> bool:
    return policy.status.observed_generation != policy.metadata.generation


def _known(documents: dict[tuple[str, str], Object], group: str, version: str, name: str) -> Any:
    """See `policy_type_checking.Known`."""
    from ..api.builtin_cel_types import builtin_type
    from ..api.structural.cel_types import cel_type
    from ..api.structural.schema import Structural

    info = resources().get((group, version, name))
    if info is not None:
        kind = builtin_type(info.group_version, info.kind)
        return (info.group_version, info.kind, kind) if kind is not None else None
    document = documents.get((group, version)) or {}
    for path, item in (document.get("paths") or {}).items():
        if path.rpartition("/")[2] != name or "get" not in item:
            continue
        wanted = item["get"].get("x-kubernetes-group-version-kind")
        for schema in document["components"]["schemas"].values():
            if wanted in (schema.get("x-kubernetes-group-version-kind") or ()):
                typed = cel_type(Structural(schema, root=True), root=True)
                return (f"{group}/{version}", wanted["kind"], typed) if typed is not None else None
    return None
