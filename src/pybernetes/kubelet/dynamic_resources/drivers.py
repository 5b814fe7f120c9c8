"""The drivers of dynamic resources registered on this node: the handler of plugins of type `DRAPlugin`.

A driver publishes its ResourceSlices for itself. When it is gone for half a minute its slices of this node are deleted,
so that the scheduler does not count on devices that nobody can prepare.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from pybernetes.api.dynamic_resource import ResourceSlice
from pybernetes.api.status import StatusError
from pybernetes.base.log import logger
from pybernetes.client.client import Client

from ..plugins.channel import PluginChannel
from ..plugins.registered import Registered
from ..plugins.watcher import PluginRefusedError
from . import messages as m
from .claims import ClaimError

log = logger(__name__)

PLUGIN_TYPE = "DRAPlugin"
CALL_TIMEOUT_SECONDS = 45.0
WIPE_SECONDS = 30.0
RETRY_SECONDS = 5.0


class DraDriver(Protocol):
    """A driver's DRAPlugin service. Failures are `RpcError`."""

    async def prepare(self, claims: list[m.Claim]) -> m.PrepareResponse:
        """Make the devices of these claims usable; what each claim's containers get."""

    async def unprepare(self, claims: list[m.Claim]) -> m.UnprepareResponse:
        """Undo prepare."""

    async def close(self) -> None:
        """Let go of the connection."""


class SocketDriver:
    """`DraDriver` on a unix socket; service is a value of `messages.SERVICES`."""

    def __init__(self, endpoint: str, service: str) -> None:
        self._channel = PluginChannel(endpoint)
        self._service = service

    async def prepare(self, claims: list[m.Claim]) -> m.PrepareResponse:
        request, method = m.ClaimsRequest(claims=claims), self._service + "NodePrepareResources"
        return await self._channel.call(method, request, m.PrepareResponse, CALL_TIMEOUT_SECONDS)

    async def unprepare(self, claims: list[m.Claim]) -> m.UnprepareResponse:
        request, method = m.ClaimsRequest(claims=claims), self._service + "NodeUnprepareResources"
        return await self._channel.call(method, request, m.UnprepareResponse, CALL_TIMEOUT_SECONDS)

    async def close(self) -> None:
        await self._channel.close()


def choose_service(versions: list[str]) -> str:
    """The first of a driver's services that is known here, as a path. PluginRefusedError."""
    if not versions:
        raise PluginRefusedError("empty list of supported gRPC services (aka supported versions)")
    for version in versions:
        if version in m.SERVICES:
            return m.SERVICES[version]

    def shown(names: list[str]) -> str:
        return "[" + " ".join(f'"{name}"' for name in names) + "]"

    raise PluginRefusedError(
        f"none of services supported by the plugin ({shown(versions)}) are supported by the kubelet "
        f"({shown(list(m.SERVICES))})"
    )


class DraDrivers:
    """See the module docstring."""

    def __init__(
        self,
        client: Client,
        node_name: str,
        connect: Callable[[str, str], DraDriver] = SocketDriver,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._node_name = node_name
        self._connect = connect
        self._sleep = sleep
        self._known: Registered[DraDriver] = Registered()
        self._group: asyncio.TaskGroup | None = None

    async def serve(self, ready: asyncio.Event) -> None:
        """Delete the slices of drivers that are gone until cancelled."""
        async with asyncio.TaskGroup() as self._group:
            ready.set()
            await asyncio.get_running_loop().create_future()

    def get(self, name: str) -> DraDriver:
        """The driver. ClaimError."""
        found = self._known.get(name)
        if found is None:
            raise ClaimError(f"DRA driver {name} is not registered")
        return found

    def validate(self, name: str, endpoint: str, versions: list[str]) -> None:
        """See PluginHandler."""
        choose_service(versions)

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        """See PluginHandler; a later registration takes the place of an earlier one."""
        await self._known.put(name, endpoint, self._connect(endpoint, choose_service(versions)))

    async def deregister(self, name: str, endpoint: str) -> None:
        """See PluginHandler."""
        if await self._known.drop(name, endpoint) and self._group is not None:
            self._group.create_task(self._wipe(name), name=f"slices of {name}")

    async def _wipe(self, name: str) -> None:
        await self._sleep(WIPE_SECONDS)
        while name not in self._known:
            try:
                selector = f"spec.nodeName={self._node_name},spec.driver={name}"
                await self._client.delete_collection(ResourceSlice, field_selector=selector)
                return
            except (StatusError, OSError) as error:
                log.warning("ResourceSlices of a driver that is gone were not deleted", driver=name, err=error)
            await self._sleep(RETRY_SECONDS)
