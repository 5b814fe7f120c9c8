"""configMap: the keys of a config map as files, on disk, kept up to date."""

from pybernetes.api.core import Volume

from .payload import DEFAULT_MODE, config_map_payload, public_directory, show
from .volume import MountContext, ObjectReference


class ConfigMapVolume:
    """`VolumeKind` for `configMap`."""

    plugin = "kubernetes.io/configmap"

    async def set_up(self, context: MountContext) -> str:
        source = context.volume.config_map
        assert source is not None
        mode = source.default_mode if source.default_mode is not None else DEFAULT_MODE
        payload = await config_map_payload(context, source.name or "", source.items, source.optional, mode)
        public_directory(context)
        return show(context, payload)

    async def refresh(self, context: MountContext) -> None:
        await self.set_up(context)

    def references(self, volume: Volume) -> list[ObjectReference]:
        source = volume.config_map
        return [("ConfigMap", source.name or "")] if source is not None else []
