"""emptyDir: scratch space that lives as long as the pod, on disk or (medium Memory) on a tmpfs of its own.

A memory-backed one is only as large as the smallest of its sizeLimit, the pod's memory limit and the node's allocatable
memory (KEP-1967), so that filling it cannot take more than the pod may use.
"""

import os

from pybernetes.api import quantity
from pybernetes.api.core import Volume

from ..kernel.resources import memory_bytes, pod_resources
from .ownership import set_group
from .volume import MountContext, ObjectReference, SetUpError

MODE = 0o777


def memory_size_bytes(context: MountContext) -> int:
    """How large a memory-backed volume may grow; 0 when nothing bounds it."""
    source = context.volume.empty_dir
    bounds = [memory_bytes(context.node_allocatable), pod_resources(context.pod).memory_limit_bytes or 0]
    if source is not None and source.size_limit:
        bounds.append(quantity.value(source.size_limit))
    return min((bound for bound in bounds if bound > 0), default=0)


class EmptyDirVolume:
    """`VolumeKind` for `emptyDir`."""

    plugin = "kubernetes.io/empty-dir"

    async def set_up(self, context: MountContext) -> str:
        source = context.volume.empty_dir
        assert source is not None
        medium = source.medium or ""
        if medium.startswith("HugePages"):
            raise SetUpError(f'medium "{medium}" of an emptyDir is not supported by this kubelet')
        directory = context.directory
        fresh = not os.path.isdir(directory)
        os.makedirs(directory, exist_ok=True)
        if medium == "Memory" and not context.kernel.is_mount_point(directory):
            context.kernel.mount_tmpfs(directory, size_bytes=memory_size_bytes(context), mode=MODE)
            fresh = True
        if fresh:
            os.chmod(directory, MODE)
            set_group(directory, context.fs_group)
        return directory

    async def refresh(self, context: MountContext) -> None:
        return

    def references(self, volume: Volume) -> list[ObjectReference]:
        return []
