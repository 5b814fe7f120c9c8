"""csi: a storage driver's volume that is made for one pod and gone with it (KEP-596); the work is in `kubelet/csi`."""

from pybernetes.api.core import Volume

from .volume import MountContext, ObjectReference, SetUpError


class CsiVolume:
    """`VolumeKind` for `csi`."""

    plugin = "kubernetes.io/csi"

    async def set_up(self, context: MountContext) -> str:
        if context.csi is None:
            raise SetUpError("volumes of type csi are not supported by this kubelet")
        return await context.csi.mount_inline(context)

    async def refresh(self, context: MountContext) -> None:
        if context.csi is not None:
            await context.csi.refresh(context)

    def references(self, volume: Volume) -> list[ObjectReference]:
        return []
