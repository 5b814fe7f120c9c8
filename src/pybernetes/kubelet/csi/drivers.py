"""The CSI drivers registered on this node: the handler of plugins of type `CSIPlugin`.

register   ──▶ NodeGetInfo ──▶ CSINode, annotation, topology labels ──▶ `get` finds it, `on_registered` is told
deregister ──▶ `get` does not find it any more ──▶ CSINode without it
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from pybernetes.api.status import StatusError
from pybernetes.base.log import logger

from ..plugins.channel import RpcError
from ..plugins.registered import Registered
from ..plugins.watcher import PluginRefusedError
from . import messages as m
from .csi_node import TopologyCollision
from .driver import CsiDriver, SocketDriver

log = logger(__name__)

PLUGIN_TYPE = "CSIPlugin"
RETRY_SECONDS = 1.0
PREFIX = "kubernetes.io/csi: "


class UnknownDriver(Exception):
    """No driver of this name is registered."""

    def __init__(self, name: str) -> None:
        super().__init__(f"driver name {name} not found in the list of registered CSI drivers")


class NodeWriter(Protocol):
    """`csi_node.CsiNodeWriter`: what the API shows of the drivers."""

    async def add(self, name: str, info: m.NodeGetInfoResponse) -> None: ...

    async def remove(self, name: str) -> None: ...


def check_versions(name: str, versions: list[str]) -> None:
    """PluginRefusedError unless the driver speaks CSI 1.x."""
    start = f'{PREFIX}ValidatePlugin for CSI driver "{name}" failed. '
    if not versions:
        raise PluginRefusedError(start + "Plugin returned an empty list for supported versions")
    if not any(version.removeprefix("v").partition(".")[0] == "1" for version in versions):
        shown = " ".join(f'"{version}"' for version in versions)
        why = "none of the CSI versions reported by this driver are supported"
        raise PluginRefusedError(f"{start}None of the versions specified [{shown}] are supported. err={why}")


class Drivers:
    """See the module docstring."""

    def __init__(
        self,
        writer: NodeWriter,
        connect: Callable[[str], CsiDriver] = SocketDriver,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.on_registered: Callable[[str], None] = lambda _name: None
        self._writer = writer
        self._connect = connect
        self._sleep = sleep
        self._known: Registered[CsiDriver] = Registered()

    def get(self, name: str) -> CsiDriver:
        """The driver. UnknownDriver."""
        found = self._known.get(name)
        if found is None:
            raise UnknownDriver(name)
        return found

    def validate(self, name: str, endpoint: str, versions: list[str]) -> None:
        """See PluginHandler."""
        check_versions(name, versions)

    async def register(self, name: str, endpoint: str, versions: list[str]) -> None:
        """See PluginHandler."""
        driver = self._connect(endpoint)
        try:
            info = await driver.info()
            if not info.node_id:
                raise PluginRefusedError("error adding CSI driver node info: driverNodeID must not be empty")
            await self._writer.add(name, info)
        except (RpcError, StatusError, TopologyCollision, OSError) as error:
            await driver.close()
            raise PluginRefusedError(str(error)) from error
        except BaseException:
            await driver.close()
            raise
        await self._known.put(name, endpoint, driver)
        self.on_registered(name)

    async def deregister(self, name: str, endpoint: str) -> None:
        """See PluginHandler. A driver that is registered from elsewhere meanwhile stays."""
        if not await self._known.drop(name, endpoint):
            return
        while name not in self._known:
            try:
                await self._writer.remove(name)
                return
            except (StatusError, OSError) as error:
                log.warning("Driver was not taken out of the CSINode", driver=name, err=error)
            await self._sleep(RETRY_SECONDS)

    async def close(self) -> None:
        """Let go of all connections."""
        await self._known.close()
