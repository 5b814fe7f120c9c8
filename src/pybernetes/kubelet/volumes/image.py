"""`image`: the content of an image (KEP-4639).

A directory only: pulling and mounting belong to the start of a container, as waiting for an image does
(`image_volumes.py`).
"""

import os

from pybernetes.api.core import Volume

from .volume import MountContext, ObjectReference


class ImageVolume:
    """`VolumeKind` for `image`."""

    plugin = "kubernetes.io/image"

    async def set_up(self, context: MountContext) -> str:
        os.makedirs(context.directory, exist_ok=True)
        return context.directory

    async def refresh(self, context: MountContext) -> None:
        return

    def references(self, volume: Volume) -> list[ObjectReference]:
        return []
