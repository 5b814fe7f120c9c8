"""The devices of this node: what there are, who has them, what containers need to use them.

    register ──▶ options ──▶ follow ListAndWatch ──▶ `on_change(capacity, allocatable)`
    the stream ends ──▶ devices count as unhealthy ──▶ five minutes later there are none
    allocate(pod, container) ──▶ choose, Allocate, keep ──▶ DevicesOfContainer ──▶ PreStartContainer
    release(pod) ──▶ free again

After a restart of the kubelet resources have no devices until their plugins register again; what containers have is
read from the checkpoint. One resource has one plugin, the last that registered.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from pybernetes.api.core import Container, Pod
from pybernetes.base.clock import Clock
from pybernetes.base.log import logger

from ..cri import messages as cri
from ..plugins.channel import RpcError
from ..plugins.watcher import PluginRefusedError
from . import checkpoint
from . import messages as m
from .allocation import NoDevices, amounts, choose, free, reusable, wanted
from .checkpoint import Grant
from .plugin import DevicePlugin, SocketPlugin

log = logger(__name__)

PLUGIN_TYPE = "DevicePlugin"
GRACE_SECONDS = 300.0
"""How long a resource whose plugin is gone is still shown."""


class DevicesOfContainer(msgspec.Struct, frozen=True, kw_only=True):
    """What is added to a container's configuration."""

    environment: Mapping[str, str] = {}
    mounts: tuple[cri.Mount, ...] = ()
    devices: tuple[cri.Device, ...] = ()
    annotations: Mapping[str, str] = {}


class Resources(Protocol):
    """Told when the node has more or fewer devices: (capacity, allocatable)."""

    def __call__(self, capacity: Mapping[str, str], allocatable: Mapping[str, str]) -> None: ...


class _Resource:
    """One resource: its plugin while there is one, and its devices, True for a healthy one."""

    def __init__(self) -> None:
        self.plugin: DevicePlugin | None = None
        self.options = m.Options()
        self.endpoint = ""
        self.devices: dict[str, bool] = {}
        self.task: asyncio.Task[None] | None = None


class DeviceManager:
    """See the module docstring. directory is `device-plugins` below the kubelet's."""

    def __init__(self, directory: str, clock: Clock, connect: Callable[[str], DevicePlugin] = SocketPlugin) -> None:
        self.directory = directory
        self.on_change: Resources = lambda capacity, allocatable: None
        self.is_active: Callable[[str], bool] = lambda _uid: True
        """Whether a pod of this uid is on the node: what others have is free."""
        self._clock = clock
        self._connect = connect
        self._group: asyncio.TaskGroup | None = None
        self._lock = asyncio.Lock()
        grants, resources = checkpoint.load(directory)
        self._grants = {(grant.pod_uid, grant.container, grant.resource): grant for grant in grants}
        self._resources = {name: _Resource() for name in resources}

    async def serve(self, ready: asyncio.Event) -> None:
        """Follow plugins until cancelled."""
        try:
            async with asyncio.TaskGroup() as self._group:
                if self._resources:
                    self._tell()
                ready.set()
                await asyncio.get_running_loop().create_future()
        finally:
            self._group = None

    # Plugins come and go.

    def validate(self, name: str, endpoint: str, versions: list[str]) -> None:
        """See PluginHandler."""
        if m.VERSION not in versions:
            shown = " ".join(f'"{version}"' for version in versions)
            text = f'requested API version {shown} is not supported by kubelet. Supported version is ["{m.VERSION}"]'
            raise PluginRefusedError(text)
        if "/" not in name or "kubernetes.io/" in name:
            raise PluginRefusedError(f'the ResourceName "{name}" is invalid')

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        """See PluginHandler; the plugin that had the resource so far is let go."""
        self.validate(name, endpoint, versions)
        if self._group is None:
            raise PluginRefusedError("the kubelet is about to end")
        plugin = self._connect(endpoint)
        try:
            options = await plugin.options()
        except RpcError as error:
            await plugin.close()
            raise PluginRefusedError(str(error)) from error
        resource = self._resources.setdefault(name, _Resource())
        if resource.task is not None:
            resource.task.cancel()
        resource.plugin, resource.options, resource.endpoint = plugin, options, endpoint
        resource.task = self._group.create_task(self._follow(name, resource, plugin), name=f"devices {name}")
        log.info("Device plugin is registered", resource=name, endpoint=endpoint)

    async def deregister(self, name: str, endpoint: str) -> None:
        """See PluginHandler. Of a plugin that came by the kubelet's own socket the end of its stream says the same."""
        resource = self._resources.get(name)
        if resource is not None and resource.endpoint == endpoint and resource.plugin is not None:
            await resource.plugin.close()

    async def _follow(self, name: str, resource: _Resource, plugin: DevicePlugin) -> None:
        """One plugin's devices, from its registration until another takes its place."""
        try:
            try:
                async for devices in plugin.devices():
                    resource.devices = {device.id: device.health == m.HEALTHY for device in devices}
                    self._tell()
            except RpcError as error:
                log.warning("Device plugin is gone", resource=name, err=error)
            resource.plugin = None
            resource.devices = dict.fromkeys(resource.devices, False)
            self._tell()
            await self._clock.sleep(GRACE_SECONDS)
            resource.devices = {}
            self._tell()
        finally:
            await plugin.close()

    def _tell(self) -> None:
        self.on_change(*amounts({name: resource.devices for name, resource in self._resources.items()}))
        self._save()

    # What there is, for the pod resources API.

    def usable(self) -> list[tuple[str, str]]:
        """(resource, id) of every healthy device."""
        found = self._resources.items()
        return [(name, id_) for name, resource in found for id_, healthy in resource.devices.items() if healthy]

    def held(self, pod_uid: str, container: str) -> list[tuple[str, str]]:
        """(resource, id) of the devices that a container has."""
        grants = [grant for key, grant in self._grants.items() if key[:2] == (pod_uid, container)]
        return [(grant.resource, id_) for grant in grants for id_ in grant.ids]

    # Containers come and go.

    async def allocate(self, pod: Pod, container: Container) -> DevicesOfContainer:
        """Give a container its devices, the same when it starts again. NoDevices."""
        asked = wanted(container, self._resources)
        found = DevicesOfContainer()
        if not asked:
            return found
        uid = pod.metadata.uid or ""
        async with self._lock:
            for name, count in sorted(asked.items()):
                grant = self._grants.get((uid, container.name, name))
                if grant is None or len(grant.ids) != count:
                    grant = await self._grant(pod, container, name, count)
                await self._before_start(name, grant)
                found = _with(found, grant.answer)
        return found

    async def _grant(self, pod: Pod, container: Container, name: str, count: int) -> Grant:
        uid, resource = pod.metadata.uid or "", self._resources[name]
        for key in [key for key in self._grants if not self.is_active(key[0])]:
            del self._grants[key]
        before = [self._grants.get((uid, init, name)) for init in reusable(pod, container)]
        later = {key[1] for key in self._grants if key[0] == uid} - set(reusable(pod, container))
        held = {one for key, grant in self._grants.items() if key[0] == uid and key[1] in later for one in grant.ids}
        own = [one for grant in before if grant is not None for one in grant.ids if one not in held]
        own = sorted({one for one in own if resource.devices.get(one)})  # none without a plugin: all are unhealthy
        taken = {one for key, grant in self._grants.items() if key[2] == name for one in grant.ids}
        available = free([one for one, healthy in resource.devices.items() if healthy], taken)
        plugin = resource.plugin
        preferred: list[str] = []
        try:
            if plugin is not None and resource.options.get_preferred_allocation_available and len(own) < count:
                preferred = await plugin.preferred(sorted({*own, *available}), own, count)
            ids = choose(name, count, own, available, preferred)
            assert plugin is not None
            answer = await plugin.allocate(ids)
        except RpcError as error:
            raise NoDevices(f"Allocate failed due to {error}, which is unexpected") from error
        grant = self._grants[uid, container.name, name] = Grant(uid, container.name, name, tuple(ids), answer)
        self._save()
        return grant

    async def _before_start(self, name: str, grant: Grant) -> None:
        resource = self._resources[name]
        if resource.options.pre_start_required and resource.plugin is not None:
            try:
                await resource.plugin.before_start(list(grant.ids))
            except RpcError as error:
                raise NoDevices(f"device plugin PreStartContainer rpc failed with err: {error}") from error

    def release(self, pod_uid: str) -> None:
        """Nothing of the pod runs any more."""
        gone = [key for key in self._grants if key[0] == pod_uid]
        for key in gone:
            del self._grants[key]
        if gone:
            self._save()

    def _save(self) -> None:
        if not self._resources and not self._grants:
            return
        try:
            os.makedirs(self.directory, 0o750, exist_ok=True)
            devices = {name: sorted(resource.devices) for name, resource in self._resources.items()}
            checkpoint.save(self.directory, self._grants.values(), devices)
        except OSError as error:
            log.warning("Devices were not written down", err=error)


def _with(found: DevicesOfContainer, answer: m.ContainerAllocateResponse) -> DevicesOfContainer:
    mounts = [
        cri.Mount(container_path=mount.container_path, host_path=mount.host_path, readonly=mount.read_only)
        for mount in answer.mounts
    ]
    devices = [
        cri.Device(container_path=one.container_path, host_path=one.host_path, permissions=one.permissions)
        for one in answer.devices
    ]
    return DevicesOfContainer(
        environment={**found.environment, **answer.envs},
        mounts=(*found.mounts, *mounts),
        devices=(*found.devices, *devices),
        annotations={**found.annotations, **answer.annotations},
    )
