"""The shell of the persistent volume binder: read, decide (plan.py), write, record.

    PersistentVolumeClaim ─▶ "claim ns/name" ─┐
    PersistentVolume      ─▶ "volume name"   ─┴▶ one worker ─▶ decide ─▶ writes, each on the state it was decided for

A cache that is behind makes a write conflict, and the key comes back: two claims never get one volume.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from ...api.core import ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod
from ...api.status import StatusError, is_not_found
from ...api.storage import StorageClass
from ...client.view import key_of, split_key
from ...reconcile.controller import Result
from ...reconcile.manager import ControllerContext
from ...reconcile.pod_claims import CLAIMS, index_claims
from ...reconcile.pods import node_of, structs_equal
from .match import class_of_claim, class_of_volume
from .plan import (
    BIND_COMPLETED,
    BOUND_BY_CONTROLLER,
    IN_TREE,
    Do,
    Step,
    default_class,
    plan_claim,
    plan_volume,
    undeletable,
)

PROVISIONER = "volume.kubernetes.io/storage-provisioner"
BETA_PROVISIONER = "volume.beta.kubernetes.io/storage-provisioner"
TELL_AGAIN_SECONDS = 1800.0
"""Events are kept for an hour: what a claim waits for is told again before nobody can read it any more."""
_CLAIM, _VOLUME = "claim ", "volume "


class VolumeBinder:
    """See the module docstring."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._recorder = context.recorder("persistentvolume-controller")
        self._claims = context.informers.of(PersistentVolumeClaim)
        self._volumes = context.informers.of(PersistentVolume)
        self._classes = context.informers.of(StorageClass)
        self._pods = context.informers.of(Pod)
        index_claims(self._pods)
        self._controller = context.controller("claims", self._reconcile, workers=1)
        self._claims.add_handler(self._claim_changed)
        self._volumes.add_handler(self._volume_changed)
        self._classes.add_handler(self._class_changed)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    def _claim_changed(self, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None) -> None:
        found = new or old
        assert found is not None
        if new is not None:
            self._controller.enqueue(_CLAIM + key_of(new))
        if found.spec.volume_name and (new is None or old is None):
            self._controller.enqueue(_VOLUME + found.spec.volume_name)

    def _volume_changed(self, old: PersistentVolume | None, new: PersistentVolume | None) -> None:
        found = new or old
        assert found is not None
        if new is not None:
            self._controller.enqueue(_VOLUME + (new.metadata.name or ""))
        reference = found.spec.claim_ref
        if reference is not None:
            self._controller.enqueue(f"{_CLAIM}{reference.namespace}/{reference.name}")
        elif new is not None and new.status.phase == "Available":
            self._wake_pending(class_of_volume(new))

    def _class_changed(self, old: StorageClass | None, new: StorageClass | None) -> None:
        if new is not None:
            self._wake_pending(None)

    def _wake_pending(self, storage_class: str | None) -> None:
        """Have the claims that wait look again: those of one class, or all."""
        for claim in self._claims.list():
            if claim.status.phase != "Bound" and storage_class in (None, class_of_claim(claim)):
                self._controller.enqueue(_CLAIM + key_of(claim))

    async def _reconcile(self, key: str) -> Result | None:
        try:
            if key.startswith(_VOLUME):
                return await self._sync_volume(key.removeprefix(_VOLUME))
            return await self._sync_claim(key.removeprefix(_CLAIM))
        except StatusError as error:
            if is_not_found(error):
                return None
            raise

    async def _sync_claim(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        claim = self._claims.get(name, namespace)
        if claim is None:
            return None
        claim = await self._with_default_class(claim)
        storage_class = self._classes.get(class_of_claim(claim))
        volumes = {volume.metadata.name or "": volume for volume in self._volumes.list()}
        step = plan_claim(claim, volumes, storage_class, self._waiting_pods(key))
        match step.do:
            case Do.BIND:
                assert step.volume is not None
                await self._bind(claim, step.volume)
                return None
            case Do.LOSE:
                await self._set_claim(claim, "Lost", None, step)
                return None
            case Do.PROVISION:
                claim = await self._provision(claim, storage_class)
            case _:
                self._tell(claim, step)
        await self._set_claim(claim, "Pending", None, None)
        return Result(TELL_AGAIN_SECONDS) if step.reason else None

    def _waiting_pods(self, key: str) -> Iterable[str]:
        return [pod.metadata.name or "" for pod in self._pods.by_index(CLAIMS, key) if not node_of(pod)]

    async def _with_default_class(self, claim: PersistentVolumeClaim) -> PersistentVolumeClaim:
        """A claim that says nothing of classes gets the default one, also when there was none before (KEP-3333)."""
        if claim.spec.storage_class_name is not None or claim.spec.volume_name or class_of_claim(claim):
            return claim
        found = default_class(self._classes.list())
        if found is None:
            return claim
        spec = msgspec.structs.replace(claim.spec, storage_class_name=found.metadata.name)
        return await self._client.update(msgspec.structs.replace(claim, spec=spec))

    def _tell(self, claim: PersistentVolumeClaim, step: Step) -> None:
        if step.reason in ("VolumeMismatch", "ClaimLost", "ClaimMisbound"):
            self._recorder.warning(claim, step.reason, step.message)
        elif step.reason:
            self._recorder.normal(claim, step.reason, step.message)

    async def _bind(self, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
        """The four writes of a bind; those that were made already are left out."""
        volume = await self._claim_volume(volume, claim)
        volume = await self._set_volume(volume, "Bound")
        annotations = dict(claim.metadata.annotations or {})
        if not claim.spec.volume_name:
            annotations[BOUND_BY_CONTROLLER] = "yes"
        annotations[BIND_COMPLETED] = "yes"
        if claim.spec.volume_name != volume.metadata.name or annotations != (claim.metadata.annotations or {}):
            claim = await self._client.update(
                msgspec.structs.replace(
                    claim,
                    metadata=msgspec.structs.replace(claim.metadata, annotations=annotations),
                    spec=msgspec.structs.replace(claim.spec, volume_name=volume.metadata.name),
                )
            )
        await self._set_claim(claim, "Bound", volume, None)

    async def _claim_volume(self, volume: PersistentVolume, claim: PersistentVolumeClaim) -> PersistentVolume:
        """Have the volume refer to this very claim."""
        reference = volume.spec.claim_ref
        if reference is not None and reference.uid == claim.metadata.uid:
            return volume
        annotations = dict(volume.metadata.annotations or {})
        if reference is None:
            annotations[BOUND_BY_CONTROLLER] = "yes"
        fresh = ObjectReference(
            api_version="v1",
            kind="PersistentVolumeClaim",
            namespace=claim.metadata.namespace,
            name=claim.metadata.name,
            uid=claim.metadata.uid,
            resource_version=claim.metadata.resource_version,
        )
        return await self._client.update(
            msgspec.structs.replace(
                volume,
                metadata=msgspec.structs.replace(volume.metadata, annotations=annotations or None),
                spec=msgspec.structs.replace(volume.spec, claim_ref=fresh),
            )
        )

    async def _provision(
        self, claim: PersistentVolumeClaim, storage_class: StorageClass | None
    ) -> PersistentVolumeClaim:
        """Tell the provisioner of the class, which watches claims for its own name."""
        if storage_class is None:
            message = f'storageclass.storage.k8s.io "{class_of_claim(claim)}" not found'
            self._recorder.warning(claim, "ProvisioningFailed", message)
            return claim
        provisioner = storage_class.provisioner
        if provisioner.startswith(IN_TREE):
            message = f"no volume plugin matched name: {provisioner}"
            self._recorder.warning(claim, "ProvisioningFailed", message)
            return claim
        annotations = {**(claim.metadata.annotations or {}), PROVISIONER: provisioner, BETA_PROVISIONER: provisioner}
        if annotations != claim.metadata.annotations:
            metadata = msgspec.structs.replace(claim.metadata, annotations=annotations)
            claim = await self._client.update(msgspec.structs.replace(claim, metadata=metadata))
        message = (
            f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the "
            "system administrator. If volume creation is delayed, please verify that the provisioner is running and "
            "correctly registered."
        )
        self._recorder.normal(claim, "ExternalProvisioning", message)
        return claim

    async def _set_claim(
        self, claim: PersistentVolumeClaim, phase: str, volume: PersistentVolume | None, step: Step | None
    ) -> None:
        status = msgspec.structs.replace(claim.status, phase=phase)
        if volume is None:
            status.access_modes = status.capacity = None
        elif claim.status.phase != "Bound":
            # Later the one who expands the volume reports its capacity.
            status.access_modes = volume.spec.access_modes
            status.capacity = volume.spec.capacity
            status.current_volume_attributes_class_name = volume.spec.volume_attributes_class_name
        if not structs_equal(status, claim.status):
            await self._client.update_status(msgspec.structs.replace(claim, status=status))
            if step is not None:
                self._tell(claim, step)

    async def _sync_volume(self, name: str) -> Result | None:
        volume = self._volumes.get(name)
        if volume is None:
            return None
        claim = await self._claim_of(volume)
        step = plan_volume(volume, claim)
        match step.do:
            case Do.AVAILABLE:
                await self._set_volume(volume, "Available")
            case Do.BOUND:
                await self._set_volume(volume, "Bound")
            case Do.SYNC_CLAIM:
                assert claim is not None
                self._controller.enqueue(_CLAIM + key_of(claim))
            case Do.UNBIND:
                await self._unbind(volume)
            case Do.RELEASE:
                await self._release(volume)
        return None

    async def _claim_of(self, volume: PersistentVolume) -> PersistentVolumeClaim | None:
        """The claim a volume refers to, asked of the API before it is taken for gone."""
        reference = volume.spec.claim_ref
        if reference is None or not reference.uid:
            return None
        name, namespace = reference.name or "", reference.namespace or ""
        found = self._claims.get(name, namespace)
        if found is not None and found.metadata.uid == reference.uid:
            return found
        try:
            return await self._client.get(PersistentVolumeClaim, name, namespace)
        except StatusError as error:
            if is_not_found(error):
                return None
            raise

    async def _unbind(self, volume: PersistentVolume) -> None:
        """Let go of a claim that has another volume: wholly what we reserved, only the uid of what a user reserved."""
        annotations = dict(volume.metadata.annotations or {})
        reference = volume.spec.claim_ref
        assert reference is not None
        kept: ObjectReference | None = msgspec.structs.replace(reference, uid=None, resource_version=None)
        if annotations.pop(BOUND_BY_CONTROLLER, None) is not None:
            kept = None
        volume = await self._client.update(
            msgspec.structs.replace(
                volume,
                metadata=msgspec.structs.replace(volume.metadata, annotations=annotations or None),
                spec=msgspec.structs.replace(volume.spec, claim_ref=kept),
            )
        )
        await self._set_volume(volume, "Available")

    async def _release(self, volume: PersistentVolume) -> None:
        if volume.status.phase not in ("Released", "Failed"):
            volume = await self._set_volume(volume, "Released")
        match volume.spec.persistent_volume_reclaim_policy:
            case "Delete":
                await self._delete(volume)
            case "Recycle":
                await self._fail(volume, "VolumeFailedRecycle", "No recycler plugin found for the volume!")

    async def _delete(self, volume: PersistentVolume) -> None:
        """The provisioner that made the volume deletes it; of one that nobody made we can only say so."""
        problem = undeletable(volume)
        if problem:
            await self._fail(volume, "VolumeFailedDelete", problem)

    async def _fail(self, volume: PersistentVolume, reason: str, message: str) -> None:
        if volume.status.phase != "Failed":
            await self._set_volume(volume, "Failed", message)
            self._recorder.warning(volume, reason, message)

    async def _set_volume(self, volume: PersistentVolume, phase: str, message: str | None = None) -> PersistentVolume:
        if volume.status.phase == phase:
            return volume
        status = msgspec.structs.replace(
            volume.status, phase=phase, message=message, last_phase_transition_time=self._clock.now()
        )
        return await self._client.update_status(msgspec.structs.replace(volume, status=status))
