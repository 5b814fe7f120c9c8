"""Keeping container logs within bounds: 10 MiB a file, five files a container (upstream's defaults).

    0.log ──rename──▶ 0.log.20260102-030405 ──next time──▶ 0.log.20260102-030405.gz ──▶ deleted as the oldest

The runtime goes on writing into the renamed file until it is told to reopen its log. The newest rotated file stays
uncompressed, so that followers can finish it. Sizes are looked at every ten seconds, as upstream does: file growth
itself would be an event per line.
"""

import asyncio
import gzip
import os
import shutil
from datetime import datetime

from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.log import logger

from .cri.messages import ContainerState
from .cri.protocol import CONTAINER_NAME_LABEL, POD_UID_LABEL, RuntimeServiceError
from .parts import RuntimeView

log = logger(__name__)

MAXIMUM_BYTES = 10 << 20
MAXIMUM_FILES = 5
PERIOD_SECONDS = 10.0
COMPRESSED = ".gz"
TEMPORARY = ".tmp"


def rotated_files(path: str) -> list[str]:
    """The rotated files of a log, oldest first; half-written compressions are not among them."""
    directory, name = os.path.split(path)
    try:
        found = os.listdir(directory)
    except FileNotFoundError:
        return []
    return [
        os.path.join(directory, entry)
        for entry in sorted(found)
        if entry.startswith(name + ".") and not entry.endswith(TEMPORARY)
    ]


def compress(path: str) -> None:
    """Replace a file by its gzip form."""
    temporary = path + TEMPORARY
    with open(path, "rb") as source, gzip.open(temporary, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    os.rename(temporary, path + COMPRESSED)
    os.unlink(path)


def make_room(path: str, maximum_files: int) -> None:
    """Delete the oldest rotated files and compress the others, before the log itself is rotated.

    Two of the files are the log to come and the one that is about to be rotated."""
    directory, name = os.path.split(path)
    for entry in os.listdir(directory):
        if entry.startswith(name + ".") and entry.endswith(TEMPORARY):
            os.unlink(os.path.join(directory, entry))
    found = rotated_files(path)
    keep = max(maximum_files - 2, 0)
    for old in found[: max(len(found) - keep, 0)]:
        os.unlink(old)
    for kept in found[max(len(found) - keep, 0) :]:
        if not kept.endswith(COMPRESSED):
            compress(kept)


def rotated_name(path: str, now: datetime) -> str:
    """What the log is called once it is rotated."""
    return f"{path}.{now:%Y%m%d-%H%M%S}"


class LogRotation:
    """Rotates the logs of this node's containers."""

    def __init__(
        self,
        view: RuntimeView,
        *,
        maximum_bytes: int = MAXIMUM_BYTES,
        maximum_files: int = MAXIMUM_FILES,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._view = view
        self._maximum_bytes = maximum_bytes
        self._maximum_files = maximum_files
        self._clock = clock

    async def serve(self, ready: asyncio.Event) -> None:
        """Look after the logs until cancelled."""
        ready.set()
        while True:
            await self._clock.sleep(PERIOD_SECONDS)
            try:
                await self.rotate_all()
            except RuntimeServiceError as error:
                log.warning("Container logs were not rotated", err=error)

    async def rotate_all(self) -> int:
        """Rotate every log that is too large; how many were."""
        pods = {pod.metadata.uid: pod for pod in self._view.pods()}
        rotated = 0
        for container in await self._view.cri.list_containers():
            pod = pods.get(container.labels.get(POD_UID_LABEL, ""))
            if pod is None or container.state != ContainerState.RUNNING:
                continue
            path = self._view.log_path(pod, container.labels.get(CONTAINER_NAME_LABEL, ""))
            if path is None:
                continue
            try:
                if os.stat(path).st_size >= self._maximum_bytes:
                    await self._rotate(path, container.id)
                    rotated += 1
            except OSError as error:
                log.warning("Container log was not rotated", path=path, err=error)
        return rotated

    async def _rotate(self, path: str, container_id: str) -> None:
        await asyncio.to_thread(make_room, path, self._maximum_files)
        renamed = rotated_name(path, self._clock.now())
        os.rename(path, renamed)
        try:
            await self._view.cri.reopen_log(container_id)
        except RuntimeServiceError as error:
            # The runtime still writes into the renamed file: give it its name back, and try again later.
            os.rename(renamed, path)
            log.warning("Container log was not rotated", path=path, err=error)
