"""persistentVolumeClaim: a claim that is bound to a volume of this node (hostPath or local) or of a CSI driver.

The claim and its volume are read once, when the pod starts. A local volume is bind-mounted, so that a read-only claim
is read-only and its directory stays in use while the pod lives; a hostPath volume is used where it lies; a CSI volume
is its driver's (`kubelet/csi`). Volumes of other drivers (NFS, iSCSI, ...) are refused.
"""

import os

from pybernetes.api.core import PersistentVolume, PersistentVolumeClaim, Volume
from pybernetes.api.status import StatusError

from .host_path_type import check_type
from .ownership import set_group
from .volume import MountContext, ObjectReference, SetUpError


def claim_name(context: MountContext) -> str:
    """The claim's name: the one that is given, or for an ephemeral volume the one made for this pod (KEP-1698)."""
    source = context.volume.persistent_volume_claim
    if source is not None:
        return source.claim_name or ""
    pod_name = context.pod.metadata.name or ""
    return f"{pod_name}-{context.volume.name}"


async def bound_volume(context: MountContext, name: str) -> tuple[PersistentVolume, PersistentVolumeClaim]:
    """The volume the claim is bound to, and the claim. SetUpError as upstream's volume populator words it."""
    prefix = f"error processing PVC {context.namespace}/{name}: "
    try:
        claim = await context.objects.get(PersistentVolumeClaim, name, context.namespace)
    except StatusError as error:
        raise SetUpError(f"{prefix}failed to fetch PVC from API server: {error.message}") from error
    if claim.metadata.deletion_timestamp is not None:
        raise SetUpError(prefix + "PVC is being deleted")
    volume_name = claim.spec.volume_name or ""
    if not volume_name or claim.status.phase != "Bound":
        raise SetUpError(prefix + "PVC is not bound")
    try:
        volume = await context.objects.get(PersistentVolume, volume_name)
    except StatusError as error:
        raise SetUpError(f"failed to fetch PV {volume_name} from API server: {error.message}") from error
    owner = volume.spec.claim_ref
    uid = claim.metadata.uid
    if owner is None:
        raise SetUpError(
            f"found PV object {volume_name} with nil pv.Spec.ClaimRef indicating it is not yet bound to the claim"
        )
    if owner.uid != uid:
        raise SetUpError(f"found PV object {volume_name} with an unexpected pv.Spec.ClaimRef.UID: {owner.uid}")
    return volume, claim


class PersistentVolumeClaimVolume:
    """`VolumeKind` for `persistentVolumeClaim` and `ephemeral`."""

    plugin = "kubernetes.io/local-volume"

    async def set_up(self, context: MountContext) -> str:
        source = context.volume.persistent_volume_claim
        volume, claim = await bound_volume(context, claim_name(context))
        if volume.spec.csi is not None and context.csi is not None:
            return await context.csi.mount_persistent(context, volume, claim)
        if volume.spec.volume_mode == "Block":
            raise SetUpError("volumes of mode Block are not supported by this kubelet")
        read_only = source is not None and bool(source.read_only)
        if volume.spec.host_path is not None:
            path = volume.spec.host_path.path or ""
            check_type(path, volume.spec.host_path.type or "")
            return path
        if volume.spec.local is not None:
            return self._bind(context, volume.spec.local.path or "", read_only)
        name = volume.metadata.name
        raise SetUpError(
            f'volume "{name}" needs a storage driver; this kubelet mounts volumes of type hostPath, local and csi'
        )

    def _bind(self, context: MountContext, path: str, read_only: bool) -> str:
        if not os.path.exists(path):
            raise SetUpError(f'path "{path}" does not exist')
        directory = context.directory
        if os.path.isdir(path):
            os.makedirs(directory, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(directory), exist_ok=True)
            os.close(os.open(directory, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o640))
        if not context.kernel.is_mount_point(directory):
            context.kernel.bind_mount(path, directory, read_only=read_only)
            security = context.pod.spec.security_context
            policy = (security.fs_group_change_policy if security is not None else "") or ""
            if not read_only:
                set_group(directory, context.fs_group, change_policy=policy)
        return directory

    async def refresh(self, context: MountContext) -> None:
        if context.csi is not None:
            await context.csi.refresh(context)

    def references(self, volume: Volume) -> list[ObjectReference]:
        return []
