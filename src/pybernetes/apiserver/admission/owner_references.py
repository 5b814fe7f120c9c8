"""OwnerReferencesPermissionEnforcement: who ties objects together must be allowed to delete the one, and to touch the
finalizers of the other when he blocks its deletion."""

from typing import Any

from ...api import status
from ...api.resource import ResourceInfo, resource_for_kind
from ..authz.authorizer import Attributes, Authorizer
from .plugin import AdmissionRequest

Object = dict[str, Any]


class OwnerReferencesPermissionEnforcement:
    """Follows upstream's plugin of the same name."""

    name = "OwnerReferencesPermissionEnforcement"

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return operation in ("CREATE", "UPDATE") and subresource != "status"

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403."""
        new, old = _references(request.object), _references(request.old_object)
        if new == old or (request.old_object is not None and not (new or old)):
            return
        if request.operation == "UPDATE" or new:
            await self._may_delete(request)
        for reference in _newly_blocking(new, old):
            await self._may_block(reference, request)

    async def _may_delete(self, request: AdmissionRequest) -> None:
        info = request.resource
        if request.operation == "CREATE":
            return
        asked = Attributes(
            request.user, "delete", info.group, info.version, info.plural, "", request.namespace, request.name
        )
        decision = await self._authorizer.authorize(asked)
        if not decision.allowed:
            why = f"cannot set an ownerRef on a resource you can't delete: {decision.reason}, <nil>"
            raise status.forbidden(info.group, info.plural, request.name, why)

    async def _may_block(self, reference: Object, request: AdmissionRequest) -> None:
        info = request.resource
        words = "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on"
        try:
            owner = resource_for_kind(str(reference.get("apiVersion")), str(reference.get("kind")))
        except KeyError:
            kind = f"APIVersion {reference.get('apiVersion')} Kind {reference.get('kind')}"
            why = f"cannot set blockOwnerDeletion in this case because cannot find RESTMapping for {kind}"
            raise status.forbidden(info.group, info.plural, request.name, why) from None
        namespace = request.namespace if owner.namespaced else ""
        asked = Attributes(
            request.user,
            "update",
            owner.group,
            owner.version,
            owner.plural,
            "finalizers",
            namespace,
            str(reference.get("name")),
        )
        decision = await self._authorizer.authorize(asked)
        if not decision.allowed:
            raise status.forbidden(info.group, info.plural, request.name, f"{words}: {decision.reason}, <nil>")


def _references(obj: Object | None) -> list[Object]:
    return ((obj or {}).get("metadata") or {}).get("ownerReferences") or []


def _newly_blocking(new: list[Object], old: list[Object]) -> list[Object]:
    before = {row.get("uid"): row for row in old}
    return [
        row
        for row in new
        if row.get("blockOwnerDeletion") and not (before.get(row.get("uid")) or {}).get("blockOwnerDeletion")
    ]
