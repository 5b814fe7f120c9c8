"""A request in the version somebody wants to judge it in: webhooks by their rules, policies by their constraints."""

from typing import Any

from ....api.resource import ResourceInfo
from ....base.random_ids import uuid4_text
from ..plugin import AdmissionRequest
from .review import Question
from .versions import Versions


def take_scale(versions: Versions, request: AdmissionRequest, scale: dict[str, Any]) -> bool:
    """Write a changed Scale into the object it is of; the number of replicas is all that it can change. Whether it
    did."""
    from ...resources.scale import set_replicas

    assert request.object is not None
    wanted = (scale.get("spec") or {}).get("replicas") or 0
    return set_replicas(request.object, wanted, versions.scale_paths(request.served or request.resource))


async def question_of(versions: Versions, request: AdmissionRequest, info: ResourceInfo) -> Question:
    """The request with its objects in the version `info`. StatusError when a conversion webhook fails."""
    obj, old = request.object, request.old_object
    if request.subresource == "scale":
        from ...resources.scale import scale_of

        paths = versions.scale_paths(request.served or request.resource)
        obj, old = (scale_of(one, paths) if one is not None else None for one in (obj, old))
    served, stored = request.served or request.resource, request.resource
    own = obj if obj is not None else old
    kind = (str((own or {}).get("apiVersion") or ""), str((own or {}).get("kind") or ""))
    requested_kind = kind
    if kind == (stored.group_version, stored.kind):
        kind, requested_kind = (info.group_version, stored.kind), (served.group_version, stored.kind)
        if obj is not None:
            obj = await versions.convert(obj, stored, info)
        if old is not None:
            old = await versions.convert(old, stored, info)
    is_namespace = stored.group_resource == "namespaces" and request.operation != "CREATE"
    return Question(
        uid=uuid4_text(),
        operation=request.operation,
        info=info,
        requested=served,
        subresource=request.subresource,
        kind=kind,
        requested_kind=requested_kind,
        namespace=request.name if is_namespace else request.namespace,
        name=request.name,
        user=request.user,
        object=obj,
        old_object=old,
        options=request.options,
        dry_run=request.dry_run,
    )
