"""What is left on the node of pods that nobody knows any more: their containers, volumes, cgroups and logs.

After a restart the kubelet first learns its pods from the API (and from files) and adopts what runs of them; whatever
else the runtime or the disk has of pods is an orphan. `sweep` removes those and is repeated now and then, so a pod that
was force-deleted while the kubelet was down leaves nothing behind.
"""

import os
import shutil
from collections.abc import Collection

from ..base.log import logger
from .cri.protocol import ContainerRuntime, RuntimeServiceError
from .parts import Parts, VolumeError
from .pod_runtime import GRACE_ANNOTATION

log = logger(__name__)

DEFAULT_GRACE_SECONDS = 30
UID_SEPARATOR = "_"


async def remove_runtime_orphans(runtime: ContainerRuntime, known: Collection[str], found: Collection[str]) -> None:
    """Stop and remove what the runtime has of pods outside of `known`."""
    for uid in [u for u in found if u not in known]:
        log.info("Removing what is left of an unknown pod", uid=uid)
        try:
            await remove_pod(runtime, uid)
        except RuntimeServiceError as error:
            log.warning("Orphaned pod was not removed", uid=uid, err=error)


async def remove_pod(runtime: ContainerRuntime, uid: str) -> None:
    """End a pod known to the runtime alone, with the grace period its containers were created with."""
    for container in await runtime.list_containers(pod_uid=uid):
        grace = container.annotations.get(GRACE_ANNOTATION, "")
        await runtime.stop_container(container.id, int(grace) if grace.isdigit() else DEFAULT_GRACE_SECONDS)
    for sandbox in await runtime.list_sandboxes(pod_uid=uid):
        await runtime.stop_sandbox(sandbox.id)
        await runtime.remove_sandbox(sandbox.id)


async def remove_file_orphans(parts: Parts, root_directory: str, logs_directory: str, known: Collection[str]) -> None:
    """Unmount and delete volumes, cgroups and logs of pods outside of `known`."""
    for uid in _listed(os.path.join(root_directory, "pods")):
        if uid in known:
            continue
        try:
            await parts.volumes.unmount(uid)
            parts.cgroups.remove(uid)
            shutil.rmtree(os.path.join(root_directory, "pods", uid), ignore_errors=True)
        except (VolumeError, OSError) as error:
            log.warning("Orphaned pod directory was not removed", uid=uid, err=error)
    if parts.devices is not None:
        await parts.devices.sweep(known)
    for name in _listed(logs_directory):
        if name.count(UID_SEPARATOR) == 2 and name.rsplit(UID_SEPARATOR, 1)[1] not in known:
            shutil.rmtree(os.path.join(logs_directory, name), ignore_errors=True)


def _listed(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []
