"""All devices of containers, whichever way they were asked for: extended resources of plugins, and resource claims.
CPUs that a container has alone are given back with them.

prepare(pod)           before the sandbox: claims
allocate(pod, c)       before each start of a container: both, put together
release(pod uid)       after the pod; `sweep` for pods that went without one
"""

from collections.abc import Collection

from ..api.core import Container, Pod
from ..base.log import logger
from .cpu_manager.manager import CpuManager
from .devices.allocation import NoDevices
from .devices.manager import DeviceManager, DevicesOfContainer
from .dynamic_resources.cdi import CdiError
from .dynamic_resources.claims import ClaimError
from .dynamic_resources.manager import ClaimManager
from .parts import DeviceError

log = logger(__name__)


class NodeDevices:
    """`parts.NodeDevices` over plugins and claims."""

    def __init__(self, plugins: DeviceManager, claims: ClaimManager, cpus: CpuManager | None = None) -> None:
        self._plugins = plugins
        self._claims = claims
        self._cpus = cpus

    async def prepare(self, pod: Pod) -> None:
        try:
            await self._claims.prepare(pod)
        except ClaimError as error:
            message = f"Failed to prepare dynamic resources: {error}"
            raise DeviceError(message, event="FailedPrepareDynamicResources") from error

    async def allocate(self, pod: Pod, container: Container) -> DevicesOfContainer:
        try:
            plugins = await self._plugins.allocate(pod, container)
        except NoDevices as error:
            reason = "UnexpectedAdmissionError"
            raise DeviceError(str(error), event=reason, reason=reason) from error
        try:
            claims = self._claims.devices(pod, container)
        except (CdiError, ClaimError) as error:
            raise DeviceError(str(error), event="Failed", reason="CreateContainerError") from error
        return DevicesOfContainer(
            environment={**plugins.environment, **claims.environment},
            mounts=(*plugins.mounts, *claims.mounts),
            devices=(*plugins.devices, *claims.devices),
            annotations=plugins.annotations,
        )

    async def release(self, pod_uid: str) -> None:
        self._plugins.release(pod_uid)
        if self._cpus is not None:
            self._cpus.release(pod_uid)
        try:
            await self._claims.unprepare(pod_uid)
        except ClaimError as error:
            raise DeviceError(str(error), event="FailedKillPod") from error

    async def sweep(self, known: Collection[str]) -> None:
        if self._cpus is not None:
            self._cpus.sweep(known)
        for uid in self._claims.pods() - set(known):
            try:
                await self.release(uid)
            except DeviceError as error:
                log.warning("Claims of a pod that is gone were not given back", uid=uid, err=error)
