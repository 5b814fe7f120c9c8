"""secret: the keys of a secret as files, in memory only, kept up to date."""

from pybernetes.api.core import Volume

from .payload import DEFAULT_MODE, private_directory, secret_payload, show
from .volume import MountContext, ObjectReference


class SecretVolume:
    """`VolumeKind` for `secret`."""

    plugin = "kubernetes.io/secret"

    async def set_up(self, context: MountContext) -> str:
        source = context.volume.secret
        assert source is not None
        mode = source.default_mode if source.default_mode is not None else DEFAULT_MODE
        payload = await secret_payload(context, source.secret_name or "", source.items, source.optional, mode)
        private_directory(context)
        return show(context, payload)

    async def refresh(self, context: MountContext) -> None:
        await self.set_up(context)

    def references(self, volume: Volume) -> list[ObjectReference]:
        source = volume.secret
        return [("Secret", source.secret_name or "")] if source is not None else []
