"""hostPath: a file or directory of the node itself. The path must have its stated type."""

from pybernetes.api.core import Volume

from .host_path_type import check_type
from .volume import MountContext, ObjectReference


class HostPathVolume:
    """`VolumeKind` for `hostPath`."""

    plugin = "kubernetes.io/host-path"

    async def set_up(self, context: MountContext) -> str:
        source = context.volume.host_path
        assert source is not None
        path = source.path or ""
        check_type(path, source.type or "")
        return path

    async def refresh(self, context: MountContext) -> None:
        return

    def references(self, volume: Volume) -> list[ObjectReference]:
        return []
