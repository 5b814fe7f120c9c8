"""The resource claim controller: claims of devices are made for pods, reserved for them, and given back (KEP-4381).

    Pod with `resourceClaims[].resourceClaimTemplateName` ─▶ a ResourceClaim of its own, named in the pod's status
    claim reserved for a pod that ended or is gone        ─▶ the reservation goes
    claim whose last user is gone, or that nobody has
    reserved and that is being deleted or was generated
    for a pod that ended                                  ─▶ the allocation goes; a generated claim is deleted

A pod that was put on a node without the scheduler gets its reservation here.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from ..api.core import Pod, PodResourceClaim
from ..api.dynamic_resource import (
    ResourceClaim,
    ResourceClaimConsumerReference,
    ResourceClaimTemplate,
)
from ..api.meta import ObjectMeta
from ..api.status import StatusError, is_not_found
from ..client.view import key_of, split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.ownership import controller_of, controller_reference, is_controlled_by
from ..reconcile.pods import is_terminal, node_of
from ..reconcile.protection import has_finalizer, without_finalizer
from ..reconcile.status_patches import patch_status

FINALIZER = "resource.kubernetes.io/delete-protection"
POD_CLAIM = "resource.kubernetes.io/pod-claim-name"
BY_CLAIM, BY_OWNER = "resource claims", "owner pod"
_POD, _CLAIM = "pod ", "claim "


def is_done(pod: Pod) -> bool:
    """Whether the pod needs its claims no longer: it ended, or was deleted before a node was chosen."""
    return is_terminal(pod) or (pod.metadata.deletion_timestamp is not None and not node_of(pod))


def claim_names(pod: Pod) -> dict[str, str]:
    """Pod claim name -> ResourceClaim, for those that exist: named in the spec, or generated and in the status."""
    generated = {found.name: found.resource_claim_name or "" for found in pod.status.resource_claim_statuses or ()}
    names = {
        claim.name: claim.resource_claim_name or generated.get(claim.name, "")
        for claim in pod.spec.resource_claims or ()
    }
    return {name: claim for name, claim in names.items() if claim}


def claim_for(pod: Pod, wanted: PodResourceClaim, template: ResourceClaimTemplate) -> ResourceClaim:
    """The claim of one of a pod's needs, from its template."""
    meta = template.spec.metadata
    return ResourceClaim(
        metadata=ObjectMeta(
            generate_name=f"{pod.metadata.name}-{wanted.name}-",
            namespace=pod.metadata.namespace,
            labels=dict(meta.labels or {}) or None,
            annotations={**(meta.annotations or {}), POD_CLAIM: wanted.name},
            owner_references=[controller_reference(pod)],
        ),
        spec=template.spec.spec,
    )


class ResourceClaimController:
    """See the module docstring. Keys are `pod namespace/name` and `claim namespace/name`."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._recorder = context.recorder("resource_claim")
        self._pods = context.informers.of(Pod)
        self._pods.add_index(BY_CLAIM, _claim_keys)
        self._claims = context.informers.of(ResourceClaim)
        self._claims.add_index(BY_OWNER, _owner_uid)
        self._templates = context.informers.of(ResourceClaimTemplate)
        self._controller = context.controller("resource_claim", self._reconcile)
        self._pods.add_handler(self._pod_changed)
        self._claims.add_handler(self._claim_changed)
        self._templates.add_handler(self._template_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        if not pod.spec.resource_claims:
            return
        if new is not None and not is_done(new):
            self._controller.enqueue(_POD + key_of(new))
        if new is None or is_done(new):
            for key in _claim_keys(pod):
                self._controller.enqueue(_CLAIM + key)
            for claim in self._claims.by_index(BY_OWNER, pod.metadata.uid or ""):
                self._controller.enqueue(_CLAIM + key_of(claim))

    def _claim_changed(self, old: ResourceClaim | None, new: ResourceClaim | None) -> None:
        claim = new or old
        assert claim is not None
        if new is not None:
            self._controller.enqueue(_CLAIM + key_of(new))
        for pod in self._pods.by_index(BY_CLAIM, key_of(claim)):
            self._controller.enqueue(_POD + key_of(pod))
        owner = controller_of(claim)
        if owner is not None and owner.kind == "Pod":
            self._controller.enqueue(f"{_POD}{claim.metadata.namespace}/{owner.name}")

    def _template_changed(self, old: ResourceClaimTemplate | None, new: ResourceClaimTemplate | None) -> None:
        """A template that appears may be what pods wait for."""
        if old is None and new is not None:
            for pod in self._pods.list(new.metadata.namespace or ""):
                wanted = pod.spec.resource_claims or ()
                if any(one.resource_claim_template_name == new.metadata.name for one in wanted):
                    self._controller.enqueue(_POD + key_of(pod))

    async def _reconcile(self, key: str) -> Result | None:
        try:
            if key.startswith(_POD):
                await self._sync_pod(key.removeprefix(_POD))
            else:
                await self._sync_claim(key.removeprefix(_CLAIM))
        except StatusError as error:
            if not is_not_found(error) or key.startswith(_POD):
                raise
        return None

    async def _sync_pod(self, key: str) -> None:
        namespace, name = split_key(key)
        pod = self._pods.get(name, namespace)
        if pod is None or pod.metadata.deletion_timestamp is not None or is_done(pod):
            return
        known = claim_names(pod)
        fresh: list[dict[str, str]] = []
        for wanted in pod.spec.resource_claims or ():
            if wanted.resource_claim_template_name is None:
                continue
            if wanted.name in known and self._claims.get(known[wanted.name], namespace) is not None:
                continue
            claim = await self._generated(pod, wanted)
            if known.get(wanted.name) != claim.metadata.name:
                fresh.append({"name": wanted.name, "resourceClaimName": claim.metadata.name or ""})
        if fresh:
            await patch_status(self._client, pod, {"resourceClaimStatuses": fresh})
        elif node_of(pod):
            for claim_name in known.values():
                found = self._claims.get(claim_name, namespace)
                if found is not None:
                    await self._reserve(pod, found)

    async def _generated(self, pod: Pod, wanted: PodResourceClaim) -> ResourceClaim:
        """The claim made for one need of a pod: an earlier one, before a crash, or a new one."""
        for claim in self._claims.by_index(BY_OWNER, pod.metadata.uid or ""):
            annotations = claim.metadata.annotations or {}
            if annotations.get(POD_CLAIM) == wanted.name and claim.metadata.deletion_timestamp is None:
                return claim
        name, namespace = wanted.resource_claim_template_name or "", pod.metadata.namespace or ""
        template = self._templates.get(name, namespace)
        try:
            if template is None:
                raise StatusError(404, "NotFound", f'resourceclaimtemplate.resource.k8s.io "{name}" not found')
            return await self._client.create(claim_for(pod, wanted, template))
        except StatusError as error:
            message = f"PodResourceClaim {wanted.name}: {error.message}"
            self._recorder.warning(pod, "FailedResourceClaimCreation", message)
            raise

    async def _reserve(self, pod: Pod, claim: ResourceClaim) -> None:
        """Reserve an allocated claim for a pod that is on a node already."""
        reserved = claim.status.reserved_for or []
        if claim.status.allocation is None or any(one.uid == pod.metadata.uid for one in reserved):
            return
        reference = ResourceClaimConsumerReference(
            resource="pods", name=pod.metadata.name or "", uid=pod.metadata.uid or ""
        )
        await self._write(claim, reserved_for=[*reserved, reference])

    async def _sync_claim(self, key: str) -> None:
        namespace, name = split_key(key)
        claim = self._claims.get(name, namespace)
        if claim is None:
            return
        valid = [one for one in claim.status.reserved_for or () if await self._is_valid(one, namespace)]
        is_orphan = await self._is_orphan(claim)
        was_used = bool(claim.status.reserved_for)
        # The devices are given back when the last user is gone; what nobody has used yet stays allocated.
        free = not valid and (was_used or claim.metadata.deletion_timestamp is not None or is_orphan)
        if len(valid) != len(claim.status.reserved_for or ()) or (free and claim.status.allocation is not None):
            allocation, devices = (None, None) if free else (claim.status.allocation, claim.status.devices)
            claim = await self._write(claim, reserved_for=valid or None, allocation=allocation, devices=devices)
        if free and claim.status.allocation is None and has_finalizer(claim, FINALIZER):
            claim = await self._client.update(without_finalizer(claim, FINALIZER))
        if is_orphan and claim.metadata.deletion_timestamp is None:
            await self._client.delete(ResourceClaim, name, namespace, uid=claim.metadata.uid or "")

    async def _write(self, claim: ResourceClaim, **fields: object) -> ResourceClaim:
        status = msgspec.structs.replace(claim.status, **fields)
        return await self._client.update_status(msgspec.structs.replace(claim, status=status))

    async def _is_valid(self, consumer: ResourceClaimConsumerReference, namespace: str) -> bool:
        """Whether the one a claim is reserved for still needs it. Only pods can be told; the API has the last word."""
        if consumer.api_group or consumer.resource != "pods":
            return True
        pod = await self._pod(consumer.name, namespace, consumer.uid)
        return pod is not None and not is_done(pod)

    async def _is_orphan(self, claim: ResourceClaim) -> bool:
        """Whether the claim was generated for a pod that needs it no longer."""
        owner = controller_of(claim)
        if owner is None or owner.kind != "Pod" or POD_CLAIM not in (claim.metadata.annotations or {}):
            return False
        pod = await self._pod(owner.name, claim.metadata.namespace or "", owner.uid)
        return pod is None or is_done(pod) or not is_controlled_by(claim, pod)

    async def _pod(self, name: str, namespace: str, uid: str) -> Pod | None:
        found = self._pods.get(name, namespace)
        if found is None or found.metadata.uid != uid:
            try:
                found = await self._client.get(Pod, name, namespace)
            except StatusError as error:
                if is_not_found(error):
                    return None
                raise
        return found if found.metadata.uid == uid else None


def _claim_keys(pod: Pod) -> set[str]:
    return {f"{pod.metadata.namespace}/{name}" for name in claim_names(pod).values()}


def _owner_uid(claim: ResourceClaim) -> Iterable[str]:
    reference = controller_of(claim)
    return (reference.uid,) if reference is not None and reference.kind == "Pod" else ()
