"""Image garbage collection: when the images' file system is too full, the least recently used ones go.

Above `high_percent` images are removed until `low_percent` is reached: those no container uses, unpinned, last used
longest ago first, and not younger than `minimum_age_seconds` (page "Garbage Collection"). What `kept` names stays in
any case: without the image of its sandboxes a node starts no pod any more, and older runtimes do not pin it.
"""

import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping
from datetime import datetime

import msgspec

from ..base.clock import Clock
from ..base.log import logger
from .cri.messages import Image
from .cri.protocol import ContainerRuntime, RuntimeServiceError

log = logger(__name__)


class Disk(msgspec.Struct, frozen=True):
    """A file system's size and what is free, in bytes."""

    total: int
    free: int


def to_remove(
    images: Iterable[Image],
    in_use: frozenset[str],
    used_at: Mapping[str, datetime],
    seen_at: Mapping[str, datetime],
    *,
    bytes_to_free: int,
    minimum_age_seconds: float,
    now: datetime,
) -> list[Image]:
    """Which images to remove to free that much, in order. Pure. `in_use` holds ids and references of containers."""
    candidates = []
    for image in images:
        names = {image.id, *image.repo_tags, *image.repo_digests}
        first_seen = seen_at.get(image.id, now)
        if image.pinned or names & in_use or (now - first_seen).total_seconds() < minimum_age_seconds:
            continue
        candidates.append((used_at.get(image.id, first_seen), first_seen, image))
    candidates.sort(key=lambda entry: entry[:2])
    chosen: list[Image] = []
    freed = 0
    for _, _, image in candidates:
        if freed >= bytes_to_free:
            break
        chosen.append(image)
        freed += image.size
    return chosen


def excess_bytes(disk: Disk, high_percent: int, low_percent: int) -> int:
    """How much has to go: 0 below the high mark, else what leads down to the low mark. Pure."""
    if disk.total == 0 or (disk.total - disk.free) * 100 < disk.total * high_percent:
        return 0
    return max(disk.total * (100 - low_percent) // 100 - disk.free, 0)


def disk_of(path: str) -> Disk:
    usage = shutil.disk_usage(path)
    return Disk(usage.total, usage.free)


class ImageCollector:
    """Removes images of one runtime; `collect` is called now and then."""

    def __init__(
        self,
        runtime: ContainerRuntime,
        clock: Clock,
        used_at: MutableMapping[str, datetime],
        *,
        high_percent: int = 85,
        low_percent: int = 80,
        minimum_age_seconds: float = 120.0,
        kept: Collection[str] = (),
        disk: Callable[[str], Disk] = disk_of,
    ) -> None:
        self._runtime = runtime
        self._clock = clock
        self._used_at = used_at
        self._high = high_percent
        self._low = low_percent
        self._minimum_age = minimum_age_seconds
        self._kept = kept
        self._disk = disk
        self._seen_at: dict[str, datetime] = {}

    async def collect(self, images: Iterable[Image] | None = None) -> int:
        """Free space if it is needed; the bytes freed. `images`: what the runtime has, if that was asked already.
        RuntimeServiceError."""
        if images is None:
            images = await self._runtime.list_images()
        now = self._clock.now()
        self._seen_at = {image.id: self._seen_at.get(image.id, now) for image in images}
        for gone in self._used_at.keys() - self._seen_at.keys():
            del self._used_at[gone]
        excess = 0
        for usage in await self._runtime.image_fs_info():
            if usage.fs_id is not None:
                excess = max(excess, excess_bytes(self._disk(usage.fs_id.mountpoint), self._high, self._low))
        return await self.free(excess, images) if excess else 0

    async def free(self, bytes_to_free: int, images: Iterable[Image] | None = None) -> int:
        """Remove unused images for at least that many bytes, as far as there are any; the bytes freed."""
        if images is None:
            images = await self._runtime.list_images()
        in_use = set(self._kept)
        for container in await self._runtime.list_containers():
            in_use |= {container.image_ref, container.image.image if container.image is not None else ""}
        chosen = to_remove(
            images,
            frozenset(in_use),
            self._used_at,
            self._seen_at,
            bytes_to_free=bytes_to_free,
            minimum_age_seconds=self._minimum_age,
            now=self._clock.now(),
        )
        freed = 0
        for image in chosen:
            try:
                await self._runtime.remove_image(image.id)
                freed += image.size
                log.info("Image removed", image=(image.repo_tags or [image.id])[0], bytes=image.size)
            except RuntimeServiceError as error:
                log.warning("Image was not removed", image=image.id, err=error)
        return freed
