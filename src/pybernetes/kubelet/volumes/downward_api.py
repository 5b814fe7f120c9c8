"""downwardAPI: the pod's own labels, annotations, name and resources as files, kept up to date."""

from pybernetes.api.core import Volume

from .payload import DEFAULT_MODE, downward_payload, private_directory, show
from .volume import MountContext, ObjectReference


class DownwardAPIVolume:
    """`VolumeKind` for `downwardAPI`."""

    plugin = "kubernetes.io/downward-api"

    async def set_up(self, context: MountContext) -> str:
        source = context.volume.downward_api
        assert source is not None
        mode = source.default_mode if source.default_mode is not None else DEFAULT_MODE
        payload = downward_payload(context, source.items, mode)
        private_directory(context)
        return show(context, payload)

    async def refresh(self, context: MountContext) -> None:
        await self.set_up(context)

    def references(self, volume: Volume) -> list[ObjectReference]:
        return []
