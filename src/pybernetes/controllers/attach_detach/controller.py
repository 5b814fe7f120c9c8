"""The shell of the attach-detach controller.

    Pod, claim, volume, Node, VolumeAttachment ─▶ key of the node ─▶ attach what is missing, detach what nobody uses,
                                                                     `status.volumesAttached` of the node

A volume leaves `volumesAttached` before its attachment is deleted, so that no kubelet starts to use it meanwhile.
"""

import asyncio

from ...api.codec import to_wire
from ...api.core import AttachedVolume, Node, PersistentVolume, PersistentVolumeClaim, Pod
from ...api.status import StatusError, is_already_exists, is_not_found
from ...api.storage import CSIDriver, VolumeAttachment
from ...client.view import key_of
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.pod_claims import CLAIMS, claims_of, index_claims
from ...reconcile.pod_index import NODE, index_pods
from ...reconcile.pods import is_terminal, node_of
from ...reconcile.sources import source
from ...reconcile.status_patches import patch_status
from .plan import (
    FORCE_DETACH_SECONDS,
    Wanted,
    attachment_name,
    attachment_of,
    device_of,
    is_exclusive,
    may_detach,
    multi_attach_message,
    wanted_on,
)

BY_NODE = "attachments of node"
BY_VOLUME = "attachments of volume"


class AttachDetach:
    """See the module docstring. Keys are node names."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("attachdetach-controller")
        self._unwanted_since: dict[str, float] = {}
        self._told: set[str] = set()
        self._nodes = context.informers.of(Node)
        self._claims = context.informers.of(PersistentVolumeClaim)
        self._volumes = context.informers.of(PersistentVolume)
        self._drivers = context.informers.of(CSIDriver)
        self._attachments = context.informers.of(VolumeAttachment)
        self._attachments.add_index(BY_NODE, lambda found: (found.spec.node_name,))
        self._attachments.add_index(BY_VOLUME, lambda found: (found.spec.source.persistent_volume_name or "",))
        self._pods = context.informers.of(Pod)
        index_pods(self._pods)
        index_claims(self._pods)
        self._controller = context.controller("pvcs", self._reconcile, workers=context.config.concurrent_reconciles)
        self._pods.add_handler(self._pod_changed)
        self._claims.add_handler(self._claim_changed)
        source(self._attachments, self._controller.enqueue, keys=lambda found: [found.spec.node_name])
        self._attachments.add_handler(self._attachment_changed)
        source(self._nodes, self._controller.enqueue, keys=lambda node: [node.metadata.name], when=_node_matters)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _pod_changed(self, old: Pod | None, new: Pod | None) -> None:
        pod = new or old
        assert pod is not None
        if not node_of(pod) or not any(True for _ in claims_of(pod)):
            return
        if old is None or new is None or node_of(old) != node_of(new) or is_terminal(old) != is_terminal(new):
            self._controller.enqueue(node_of(pod))

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        if new is not None and (old is None or old.spec.volume_name != new.spec.volume_name):
            for pod in self._pods.by_index(CLAIMS, key_of(new)):
                if node_of(pod):
                    self._controller.enqueue(node_of(pod))

    def _attachment_changed(self, old: VolumeAttachment | None, new: VolumeAttachment | None) -> None:
        """A volume that was let go of may be what another node waits for."""
        if new is not None or old is None:
            return
        self._unwanted_since.pop(old.metadata.name or "", None)
        self._told.discard(old.metadata.name or "")
        volume = self._volumes.get(old.spec.source.persistent_volume_name or "")
        reference = volume.spec.claim_ref if volume is not None else None
        if reference is not None:
            for pod in self._pods.by_index(CLAIMS, f"{reference.namespace}/{reference.name}"):
                if node_of(pod):
                    self._controller.enqueue(node_of(pod))

    async def _reconcile(self, key: str) -> Result | None:
        node = self._nodes.get(key)
        drivers = {driver.metadata.name or "": driver for driver in self._drivers.list()}
        pods = self._pods.by_index(NODE, key) if node is not None else []
        wanted = wanted_on(pods, self._claims.get, self._volumes.get, drivers)
        present = {found.metadata.name or "": found for found in self._attachments.by_index(BY_NODE, key)}
        going, waits = self._to_detach(node, wanted, present)
        if node is not None:
            await self._report(node, [found for name, found in present.items() if name not in going])
        for name in going:
            await self._detach(name)
        for entry in wanted.values():
            name = attachment_name(entry.volume, key)
            attachment = present.get(name)
            if attachment is None or attachment.metadata.deletion_timestamp is not None:
                await self._attach(key, entry)
            else:
                self._tell(entry, attachment)
        return Result(waits) if waits else None

    def _to_detach(
        self, node: Node | None, wanted: dict[str, Wanted], present: dict[str, VolumeAttachment]
    ) -> tuple[list[str], float]:
        """The attachments to delete, and in how many seconds to look again at those that may not go yet."""
        going: list[str] = []
        waits = 0.0
        now = self._clock.monotonic()
        for name, attachment in present.items():
            volume_name = attachment.spec.source.persistent_volume_name or ""
            volume = self._volumes.get(volume_name)
            if volume is not None and name != attachment_name(volume, attachment.spec.node_name):
                continue  # Somebody else's.
            if volume_name in wanted:
                self._unwanted_since.pop(name, None)
                continue
            since = self._unwanted_since.setdefault(name, now)
            device = device_of(volume) if volume is not None else ""
            if may_detach(attachment, device, node, now - since):
                going.append(name)
            else:
                waits = max(1.0, since + FORCE_DETACH_SECONDS - now)
        return going, waits

    async def _report(self, node: Node, attachments: list[VolumeAttachment]) -> None:
        devices = []
        for attachment in attachments:
            volume = self._volumes.get(attachment.spec.source.persistent_volume_name or "")
            if volume is not None and attachment.status.attached and attachment.metadata.deletion_timestamp is None:
                devices.append(device_of(volume))
        current = sorted(found.name for found in node.status.volumes_attached or ())
        if sorted(devices) == current:
            return
        entries = [to_wire(AttachedVolume(name=device, device_path="")) for device in sorted(devices)]
        await patch_status(self._client, node, {"volumesAttached": entries or None})

    async def _detach(self, name: str) -> None:
        found = self._attachments.get(name)
        if found is None or found.metadata.deletion_timestamp is not None:
            return
        try:
            await self._client.delete(VolumeAttachment, name, uid=found.metadata.uid or "")
        except StatusError as error:
            if not is_not_found(error):
                raise

    async def _attach(self, node: str, entry: Wanted) -> None:
        volume = entry.volume
        others = [
            found
            for found in self._attachments.by_index(BY_VOLUME, volume.metadata.name or "")
            if found.spec.node_name != node
        ]
        if others and is_exclusive(volume):
            users = {
                pod.metadata.name or ""
                for found in others
                for pod in self._pods.by_index(NODE, found.spec.node_name)
                if not is_terminal(pod) and volume.spec.claim_ref is not None
                if pod.metadata.namespace == volume.spec.claim_ref.namespace
                if (volume.spec.claim_ref.name or "") in claims_of(pod)
            }
            for pod in entry.pods:
                self._recorder.warning(pod, "FailedAttachVolume", multi_attach_message(volume, users))
            return
        try:
            await self._client.create(attachment_of(volume, node))
        except StatusError as error:
            if is_already_exists(error):
                return
            for pod in entry.pods:
                message = f'AttachVolume.Attach failed for volume "{volume.metadata.name}" : {error.message}'
                self._recorder.warning(pod, "FailedAttachVolume", message)
            raise

    def _tell(self, entry: Wanted, attachment: VolumeAttachment) -> None:
        """Tell the pods, once, how the attaching went."""
        name, volume = attachment.metadata.name or "", entry.volume.metadata.name
        failure = attachment.status.attach_error
        if attachment.status.attached:
            if name not in self._told:
                self._told.add(name)
                for pod in entry.pods:
                    message = f'AttachVolume.Attach succeeded for volume "{volume}" '
                    self._recorder.normal(pod, "SuccessfulAttachVolume", message)
        elif failure is not None:
            for pod in entry.pods:
                message = f'AttachVolume.Attach failed for volume "{volume}" : {failure.message}'
                self._recorder.warning(pod, "FailedAttachVolume", message)


def _node_matters(old: Node | None, new: Node | None) -> bool:
    if old is None or new is None:
        return True
    return (
        old.status.volumes_in_use != new.status.volumes_in_use
        or old.status.volumes_attached != new.status.volumes_attached
        or old.spec.taints != new.spec.taints
    )
