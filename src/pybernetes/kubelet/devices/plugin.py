"""A device plugin as the kubelet sees it: the DevicePlugin service, v1beta1. Failures are `RpcError`."""

from collections.abc import AsyncIterator
from typing import Protocol

from ..plugins.channel import PluginChannel
from . import messages as m

SERVICE = "/v1beta1.DevicePlugin/"
CALL_TIMEOUT_SECONDS = 30.0
ALLOCATE_TIMEOUT_SECONDS = 60.0


class DevicePlugin(Protocol):
    """See the module docstring."""

    async def options(self) -> m.Options:
        """Which of the optional calls the plugin wants."""

    def devices(self) -> AsyncIterator[list[m.Device]]:
        """All its devices, at once and again after each change, for as long as the plugin lives."""

    async def preferred(self, available: list[str], must: list[str], count: int) -> list[str]:
        """Which `count` of the available devices go well together; those that must be among them are."""

    async def allocate(self, ids: list[str]) -> m.ContainerAllocateResponse:
        """What a container needs to use these devices."""

    async def before_start(self, ids: list[str]) -> None:
        """A container with these devices is about to start."""

    async def close(self) -> None:
        """Let go of the connection."""


class SocketPlugin:
    """`DevicePlugin` on a unix socket."""

    def __init__(self, endpoint: str) -> None:
        self._channel = PluginChannel(endpoint)

    async def options(self) -> m.Options:
        return await self._channel.call(SERVICE + "GetDevicePluginOptions", m.Empty(), m.Options, CALL_TIMEOUT_SECONDS)

    async def devices(self) -> AsyncIterator[list[m.Device]]:
        async for answer in self._channel.stream(SERVICE + "ListAndWatch", m.Empty(), m.ListAndWatchResponse):
            yield answer.devices

    async def preferred(self, available: list[str], must: list[str], count: int) -> list[str]:
        wanted = m.ContainerPreferredAllocationRequest(
            available_device_ids=available, must_include_device_ids=must, allocation_size=count
        )
        request = m.PreferredAllocationRequest(container_requests=[wanted])
        method = SERVICE + "GetPreferredAllocation"
        answer = await self._channel.call(method, request, m.PreferredAllocationResponse, CALL_TIMEOUT_SECONDS)
        return answer.container_responses[0].device_ids if answer.container_responses else []

    async def allocate(self, ids: list[str]) -> m.ContainerAllocateResponse:
        request = m.AllocateRequest(container_requests=[m.ContainerAllocateRequest(device_ids=ids)])
        answer = await self._channel.call(SERVICE + "Allocate", request, m.AllocateResponse, ALLOCATE_TIMEOUT_SECONDS)
        return answer.container_responses[0] if answer.container_responses else m.ContainerAllocateResponse()

    async def before_start(self, ids: list[str]) -> None:
        request = m.PreStartContainerRequest(device_ids=ids)
        await self._channel.call(SERVICE + "PreStartContainer", request, m.Empty, CALL_TIMEOUT_SECONDS)

    async def close(self) -> None:
        await self._channel.close()
