"""Writing down which devices claims got, for whom, and taking it back; and waiting until the devices are ready.

Every write is made against the claim as it is now, again after a conflict. What was decided and is not yet to be seen
in the statuses of claims is in `Assumed`, which belongs to the plugin.
"""

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from pybernetes.api.dynamic_resource import DeviceClass, ResourceClaim
from pybernetes.api.status import StatusError, is_conflict, is_not_found
from pybernetes.base.clock import Clock
from pybernetes.client.client import Client
from pybernetes.client.informer import Informer
from pybernetes.scheduler.claim_allocation import BINDING_TIMEOUT_SECONDS, BindingFailed, allocation_of, is_ready
from pybernetes.scheduler.extended_resources import Use
from pybernetes.scheduler.pod_info import PodInfo

if TYPE_CHECKING:
    from pybernetes.scheduler.devices import Allocation

FINALIZER = "resource.kubernetes.io/delete-protection"
Assumed = dict[str, tuple[str, "Allocation"]]
"""Claim uid -> (pod uid, devices)."""


class ClaimWriter:
    """See the module docstring. StatusError and OSError are the caller's."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        claims: Informer[ResourceClaim],
        classes: Informer[DeviceClass],
        assumed: Assumed,
    ) -> None:
        self._client = client
        self._clock = clock
        self._claims = claims
        self._classes = classes
        self._assumed = assumed

    async def write(self, claim: ResourceClaim, pod: PodInfo, node_name: str) -> ResourceClaim:
        """Allocate the claim if that was decided, and name the pod among its users."""
        name, uid = claim.metadata.name or "", claim.metadata.uid or ""
        while True:
            latest = await self._client.get(ResourceClaim, name, pod.namespace)
            if latest.metadata.uid != uid or latest.metadata.deletion_timestamp is not None:
                raise StatusError(409, "Conflict", f'claim "{pod.namespace}/{name}" got deleted in the meantime')
            assumed = self._assumed.get(uid)
            if latest.status.allocation is None and assumed is None:
                raise StatusError(409, "Conflict", f'claim "{pod.namespace}/{name}" got deallocated in the meantime')
            try:
                if assumed is not None and FINALIZER not in (latest.metadata.finalizers or ()):
                    finalizers = [*(latest.metadata.finalizers or ()), FINALIZER]
                    metadata = msgspec.structs.replace(latest.metadata, finalizers=finalizers)
                    latest = await self._client.update(msgspec.structs.replace(latest, metadata=metadata))
                body = {
                    "metadata": {"resourceVersion": latest.metadata.resource_version},
                    "status": self._status(latest, pod, node_name),
                }
                return await self._client.patch(ResourceClaim, name, pod.namespace, body=body, subresource="status")
            except StatusError as error:
                if not is_conflict(error):
                    raise

    def _status(self, latest: ResourceClaim, pod: PodInfo, node_name: str) -> dict[str, Any]:
        """What changes: the pod uses it from now on, and it is allocated if it was not."""
        users = [user for user in latest.status.reserved_for or () if user.uid != pod.uid]
        me = {"resource": "pods", "name": pod.name, "uid": pod.pod.metadata.uid or ""}
        status: dict[str, Any] = {"reservedFor": [*msgspec.to_builtins(users), me]}
        allocation = latest.status.allocation
        assumed = self._assumed.get(latest.metadata.uid or "")
        if allocation is None and assumed is not None:
            status["allocation"] = allocation_of(latest, assumed[1], self._classes.get, node_name)
        if allocation is None or allocation.allocation_timestamp is None:
            now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
            status.setdefault("allocation", {})["allocationTimestamp"] = now
        return status

    async def make(self, claim: ResourceClaim, uses: list[Use], pod: PodInfo, node_name: str) -> ResourceClaim:
        """Create the claim for extended resources, and tell in the pod's status who uses it; or leave nothing."""
        metadata = msgspec.structs.replace(claim.metadata, uid=None)
        created = await self._client.create(msgspec.structs.replace(claim, metadata=metadata))
        decided = self._assumed.pop(claim.metadata.uid or "", None)
        if decided is not None:
            self._assumed[created.metadata.uid or ""] = decided
        try:
            written = await self.write(created, pod, node_name)
            status = {"resourceClaimName": created.metadata.name, "requestMappings": uses}
            body = {"metadata": {"uid": pod.pod.metadata.uid}, "status": {"extendedResourceClaimStatus": status}}
            await self._client.patch(type(pod.pod), pod.name, pod.namespace, body=body, subresource="status")
        except Exception:
            await self.delete(created)
            raise
        return written

    async def until_ready(self, claims: list[ResourceClaim]) -> None:
        """Wait until all of their devices are. BindingFailed when that will not be."""
        try:
            async with asyncio.timeout(BINDING_TIMEOUT_SECONDS):
                await self._claims.until(lambda: all(map(self._is_ready, claims)))
        except TimeoutError:
            raise BindingFailed("device binding timeout") from None

    def _is_ready(self, claim: ResourceClaim) -> bool:
        name = claim.metadata.name or ""
        latest = self._claims.get(name, claim.metadata.namespace or "")
        if latest is None:
            return False  # just made, or gone: then the kubelet will say so
        return is_ready(latest)

    async def give_back(self, claim: ResourceClaim) -> None:
        """Take its devices from a claim."""
        body = {
            "metadata": {"resourceVersion": claim.metadata.resource_version},
            "status": {"reservedFor": None, "allocation": None, "devices": None},
        }
        name, namespace = claim.metadata.name or "", claim.metadata.namespace or ""
        await self._client.patch(ResourceClaim, name, namespace, body=body, subresource="status")

    async def delete(self, claim: ResourceClaim) -> None:
        """Delete a claim that `make` made."""
        name, namespace = claim.metadata.name or "", claim.metadata.namespace or ""
        try:
            await self._client.patch(ResourceClaim, name, namespace, body={"metadata": {"finalizers": None}})
            await self._client.delete(ResourceClaim, name, namespace)
        except StatusError as error:
            if not is_not_found(error):
                raise
