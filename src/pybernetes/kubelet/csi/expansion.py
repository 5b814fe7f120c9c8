"""Volumes that grow while they are used: the node's half of expanding a claim (pages "Resizing", KEP-1790).

    claim asks for more ──▶ the driver's controller grows the PersistentVolume ──▶ NodeExpandVolume here
    ──▶ status.capacity of the claim, its conditions of resizing gone

A node may not watch claims, so the claim is read once a minute while a pod uses it, as upstream does.
"""

from collections.abc import Callable
from typing import Any

from pybernetes.api import quantity
from pybernetes.api.codec import to_wire
from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.client.client import MERGE_PATCH, Client

from . import messages as m
from .driver import CsiDriver

OVER = frozenset({"Resizing", "FileSystemResizePending", "NodeResizeError", "ControllerResizeError"})


def _bytes(text: str | None) -> int:
    try:
        return quantity.value(text or "0")
    except quantity.QuantityError:
        return 0


def has_grown(claim: PersistentVolumeClaim, capacity: str) -> bool:
    """Whether the volume's capacity is more than the claim says it has."""
    shown = (claim.status.capacity or {}).get("storage")
    return shown is not None and _bytes(capacity) > _bytes(shown)


def asks_for_more(claim: PersistentVolumeClaim) -> bool:
    """Whether the claim has less than it asks for."""
    resources = claim.spec.resources
    wanted = (resources.requests or {}).get("storage") if resources is not None else None
    return has_grown(claim, wanted or "0")


def status_patch(claim: PersistentVolumeClaim, capacity: str) -> dict[str, Any]:
    """The claim's status once its volume has this capacity: a merge patch."""
    conditions = [to_wire(found) for found in claim.status.conditions or () if found.type not in OVER]
    status: dict[str, Any] = {"capacity": {"storage": capacity}, "conditions": conditions or None}
    if claim.status.allocated_resource_statuses:
        status["allocatedResourceStatuses"] = {"storage": None}
    return {"status": status}


class Expansion:
    """See the module docstring."""

    def __init__(self, client: Client, event: Callable[[Any, str, str, str], None]) -> None:
        self._client = client
        self._event = event

    async def is_due(self, claim: tuple[str, str]) -> bool:
        """Whether the claim waits for more. StatusError."""
        return asks_for_more(await self._client.get(PersistentVolumeClaim, claim[1], claim[0]))

    async def expand(
        self, driver: CsiDriver, request: m.NodeExpandVolumeRequest, pod: Pod, name: tuple[str, str], node_name: str
    ) -> None:
        """Have the driver expand the volume if it has grown, and tell the claim. RpcError, StatusError."""
        claim = await self._client.get(PersistentVolumeClaim, name[1], name[0])
        volume = await self._client.get(PersistentVolume, claim.spec.volume_name or "")
        capacity = (volume.spec.capacity or {}).get("storage", "")
        if not has_grown(claim, capacity):
            return
        request.capacity_range = m.CapacityRange(required_bytes=_bytes(capacity))
        await driver.expand(request)
        await self._client.patch(
            PersistentVolumeClaim,
            name[1],
            name[0],
            body=status_patch(claim, capacity),
            content_type=MERGE_PATCH,
            subresource="status",
        )
        text = f'MountVolume.NodeExpandVolume succeeded for volume "{volume.metadata.name}" {node_name}'
        for told in (pod, claim):
            self._event(told, "Normal", "FileSystemResizeSuccessful", text)
