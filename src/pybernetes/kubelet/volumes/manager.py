"""All volumes of all pods on this node: set up, kept current, taken away.

    mount(pod) ──▶ one directory per volume, set up at the same time ──▶ {volume name: host path}
    change of a followed object | token due ──▶ serve() ──▶ refresh(pod)
    unmount(uid) ──▶ CSI drivers take theirs away ──▶ unmount whatever lies below pods/UID, then delete it

What is mounted is never remembered, only looked up: the directories and the mount table say it, so a kubelet that comes
back after a crash mounts again (harmlessly) for pods that live and unmounts for those that are gone (`pods_on_disk`).
Calls for one pod wait for each other; pods do not wait for other pods.
"""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime

from pybernetes.api.core import Pod, Volume
from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.log import logger
from pybernetes.base.tasks import running
from pybernetes.client.client import Client

from ..csi.volumes import CsiVolumes
from ..kernel.protocol import Kernel
from ..parts import VolumeError
from .objects import Key, Objects
from .registry import kind_of
from .subpath import bind_subpath
from .tokens import Tokens
from .volume import MountContext, ObjectReader, SetUpError

log = logger(__name__)

SUBPATHS = "volume-subpaths"


class VolumeManager:
    """See the module docstring. root_dir is the kubelet's directory (`/var/lib/kubelet` on upstream).

    `on_change(pod uid)`, if set, is called when an object changes that a pod needs whose mount has failed so far: the
    time to try again. node_allocatable gives the node's resource list at the time of a mount; csi mounts the volumes of
    storage drivers, which are refused without it.
    """

    def __init__(
        self,
        client: Client,
        root_dir: str,
        kernel: Kernel,
        node_name: str,
        *,
        node_allocatable: Callable[[], Mapping[str, str]] = dict,
        clock: Clock = SYSTEM_CLOCK,
        csi: CsiVolumes | None = None,
    ) -> None:
        self.on_change: Callable[[str], None] | None = None
        self._pods_dir = os.path.join(root_dir, "pods")
        self._kernel = kernel
        self._node_name = node_name
        self._node_allocatable = node_allocatable
        self._clock = clock
        self._csi = csi
        self._objects = Objects(client, self._object_changed)
        self._tokens = Tokens(client, clock)
        self._locks: dict[str, asyncio.Lock] = {}
        self._pods: dict[str, Pod] = {}
        self._mounted: set[str] = set()
        self._stale: set[str] = set()
        self._wake = asyncio.Event()

    async def serve(self, ready: asyncio.Event) -> None:
        """Follow the pods' objects and renew their tokens until cancelled."""
        async with running("followed objects", self._objects.serve):
            ready.set()
            while True:
                await self._until_due()
                for uid in self._take_due():
                    pod = self._pods.get(uid)
                    if pod is None:
                        continue
                    if self._csi is not None:
                        self._csi.next_round(uid)
                    try:
                        await self.refresh(pod)
                    except VolumeError as error:
                        log.warning("Volumes were not refreshed", pod=_name(pod), err=error)

    async def mount(self, pod: Pod) -> dict[str, str]:
        """Set every volume of the pod up; volume name -> host path. VolumeError as the event FailedMount words it."""
        uid = _uid(pod)
        async with self._lock(uid):
            volumes = _volumes(pod)
            self._objects.follow(uid, self._references(pod, volumes))
            self._pods[uid] = pod
            reader = self._objects.followed if uid in self._mounted else self._objects.fresh
            results = await asyncio.gather(
                *(self._set_up(pod, volume, reader) for volume in volumes), return_exceptions=True
            )
            paths: dict[str, str] = {}
            for volume, result in zip(volumes, results, strict=True):
                if isinstance(result, BaseException):
                    raise result
                paths[volume.name or ""] = result
            self._mounted.add(uid)
            self._wake.set()
            return paths

    async def refresh(self, pod: Pod) -> None:
        """Bring the content of the pod's volumes up to date. VolumeError; the old content then stays."""
        uid = _uid(pod)
        async with self._lock(uid):
            if uid not in self._mounted:
                return
            self._pods[uid] = pod
            for volume in _volumes(pod):
                try:
                    await kind_of(volume).refresh(self._context(pod, volume, self._objects.followed))
                except (SetUpError, OSError) as error:
                    raise _failed(volume, error) from error

    async def unmount(self, pod_uid: str) -> None:
        """Unmount and delete everything of the pod, also what an earlier kubelet left. VolumeError if some stays."""
        async with self._lock(pod_uid):
            self._objects.release(pod_uid)
            self._tokens.forget(pod_uid)
            self._pods.pop(pod_uid, None)
            self._mounted.discard(pod_uid)
            self._stale.discard(pod_uid)
            directory = os.path.join(self._pods_dir, pod_uid)
            if self._csi is not None:
                if os.path.isdir(directory):
                    self._unmount_below(os.path.join(directory, SUBPATHS))
                await self._csi.unmount(directory)
            if os.path.isdir(directory):
                await asyncio.to_thread(self._tear_down, directory)
        self._locks.pop(pod_uid, None)

    def subpath(self, pod: Pod, volume_path: str, sub_path: str) -> str:
        """The host path to mount for `subPath` of the volume at volume_path; missing directories are made.

        VolumeError when it would lead out of the volume."""
        digest = hashlib.sha256(f"{volume_path}\0{sub_path}".encode()).hexdigest()[:16]
        target = os.path.join(self._pods_dir, _uid(pod), SUBPATHS, digest)
        try:
            return bind_subpath(self._kernel, volume_path, sub_path, target)
        except (SetUpError, OSError) as error:
            raise VolumeError(str(error)) from error

    def pods_on_disk(self) -> list[str]:
        """Uids of the pods that have a directory here: what a restarted kubelet compares with the pods it has."""
        try:
            return sorted(os.listdir(self._pods_dir))
        except FileNotFoundError:
            return []

    def _lock(self, uid: str) -> asyncio.Lock:
        return self._locks.setdefault(uid, asyncio.Lock())

    def _context(self, pod: Pod, volume: Volume, reader: ObjectReader) -> MountContext:
        plugin = kind_of(volume).plugin.replace("/", "~")
        pod_directory = os.path.join(self._pods_dir, _uid(pod))
        return MountContext(
            pod=pod,
            volume=volume,
            directory=os.path.join(pod_directory, "volumes", plugin, volume.name or ""),
            pod_directory=pod_directory,
            kernel=self._kernel,
            objects=reader,
            tokens=self._tokens,
            node_name=self._node_name,
            node_allocatable=self._node_allocatable(),
            now=self._clock.now(),
            csi=self._csi,
        )

    async def _set_up(self, pod: Pod, volume: Volume, reader: ObjectReader) -> str:
        try:
            context = self._context(pod, volume, reader)
            os.makedirs(os.path.dirname(context.directory), 0o750, exist_ok=True)
            return await kind_of(volume).set_up(context)
        except (SetUpError, OSError) as error:
            raise _failed(volume, error) from error

    def _references(self, pod: Pod, volumes: list[Volume]) -> list[Key]:
        namespace = pod.metadata.namespace or ""
        found: list[Key] = []
        for volume in volumes:
            try:
                kind = kind_of(volume)
            except SetUpError:
                continue  # set_up reports it
            found.extend((name_of_kind, namespace, name) for name_of_kind, name in kind.references(volume))
        return found

    def _object_changed(self, pod_uid: str) -> None:
        if pod_uid in self._mounted:
            self._stale.add(pod_uid)
            self._wake.set()
        elif self.on_change is not None:
            self.on_change(pod_uid)

    def _take_due(self) -> list[str]:
        now = self._clock.now()
        due = {uid for uid in self._mounted if (moment := self._next_due(uid)) is not None and moment <= now}
        due |= self._stale
        self._stale.clear()
        return sorted(due)

    def _next_due(self, uid: str) -> datetime | None:
        moments = (self._tokens.next_due(uid), self._csi.next_due(uid) if self._csi is not None else None)
        return min((moment for moment in moments if moment is not None), default=None)

    async def _until_due(self) -> None:
        moments = [moment for uid in self._mounted if (moment := self._next_due(uid)) is not None]
        delay = max((min(moments) - self._clock.now()).total_seconds(), 0.0) if moments else None
        try:
            async with asyncio.timeout(delay):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _unmount_below(self, directory: str) -> None:
        for mount in self._kernel.mounts_below(directory):
            try:
                self._kernel.unmount(mount)
            except OSError as error:
                raise VolumeError(f"unmounting {mount} failed: {error.strerror}") from error

    def _tear_down(self, directory: str) -> None:
        self._unmount_below(directory)
        left = self._kernel.mounts_below(directory)
        if left:  # never delete through a mount: it may show somebody's data
            raise VolumeError(f"{left[0]} is still mounted")
        try:
            shutil.rmtree(directory)
        except FileNotFoundError:
            return
        except OSError as error:
            raise VolumeError(f"deleting {directory} failed: {error}") from error


def _uid(pod: Pod) -> str:
    return pod.metadata.uid or ""


def _name(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _volumes(pod: Pod) -> list[Volume]:
    return pod.spec.volumes or []


def _failed(volume: Volume, error: Exception) -> VolumeError:
    step, name = "MountVolume.SetUp", volume.name
    if isinstance(error, SetUpError):
        step, name = error.step, error.volume or name
    reason = "FailedMapVolume" if step.startswith("MapVolume") else "FailedMount"
    return VolumeError(f'{step} failed for volume "{name}" : {error}' if step else str(error), reason)
