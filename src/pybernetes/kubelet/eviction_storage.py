"""Pods that use more disk than they may: emptyDir size limits and ephemeral-storage limits.

Such a pod is evicted whether the node is short of disk or not (page "Local ephemeral storage"). Only pods that have
such a limit are measured; memory-backed volumes need no measuring, since their tmpfs is only as large as the limit.
"""

import os
from collections.abc import Mapping

from pybernetes.api import quantity
from pybernetes.api.core import Pod, Volume

from .kernel.resources import limits_of

EMPTY_DIR_DIRECTORY = "kubernetes.io~empty-dir"


def limited_volumes(pod: Pod) -> list[Volume]:
    """The pod's emptyDir volumes on disk that have a size limit."""
    return [
        volume
        for volume in pod.spec.volumes or ()
        if volume.empty_dir is not None and volume.empty_dir.size_limit and volume.empty_dir.medium != "Memory"
    ]


def is_limited(pod: Pod) -> bool:
    """Whether the pod has any limit on local storage."""
    return bool(limited_volumes(pod)) or any("ephemeral-storage" in limits_of(c) for c in pod.spec.containers or ())


def used_bytes(directory: str) -> int:
    """What the files below a directory take on disk, as `du` counts; 0 when it is gone."""
    total = 0
    for parent, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_blocks * 512
            except FileNotFoundError:
                continue
    return total


def volume_usage(pod: Pod, pods_directory: str) -> dict[str, int]:
    """Bytes on disk of each emptyDir volume of the pod, by name."""
    base = os.path.join(pods_directory, pod.metadata.uid or "", "volumes", EMPTY_DIR_DIRECTORY)
    return {
        volume.name: used_bytes(os.path.join(base, volume.name))
        for volume in pod.spec.volumes or ()
        if volume.empty_dir is not None and volume.empty_dir.medium != "Memory"
    }


def storage_excess(pod: Pod, volumes: Mapping[str, int], containers: Mapping[str, int]) -> str:
    """Which limit the pod exceeds, in upstream's words; "" when none.

    volumes: bytes per emptyDir volume; containers: bytes of writable layer and logs per container."""
    for volume in limited_volumes(pod):
        size = (volume.empty_dir.size_limit if volume.empty_dir is not None else None) or "0"
        if volumes.get(volume.name, 0) > quantity.value(size):
            return f'Usage of EmptyDir volume "{volume.name}" exceeds the limit "{size}". '
    limits = {c.name: limits_of(c).get("ephemeral-storage") for c in pod.spec.containers or ()}
    known = [limit for limit in limits.values() if limit is not None]
    if known and len(known) == len(limits):
        total = sum(quantity.value(limit) for limit in known)
        if sum(volumes.values()) + sum(containers.values()) > total:
            shown = known[0] if len(known) == 1 else str(total)
            return f"Pod ephemeral local storage usage exceeds the total limit of containers {shown}. "
    for name, limit in limits.items():
        if limit is not None and containers.get(name, 0) > quantity.value(limit):
            return f'Container {name} exceeded its local ephemeral storage limit "{limit}". '
    return ""
