"""The CSI part of a kubelet, put together: plugin watcher, drivers, attachments, volumes.

running(CSINode) beside running(plugin watcher); a driver that registers ──▶ sweep of what it left staged
"""

import asyncio
import os
from collections.abc import Mapping

from pybernetes.api.status import StatusError
from pybernetes.base.clock import Clock
from pybernetes.base.log import logger
from pybernetes.client.client import Client

from ..kernel.protocol import Kernel
from ..plugins.watcher import PluginHandler, PluginWatcher
from .attachments import Attachments
from .csi_node import CsiNodeWriter
from .drivers import PLUGIN_TYPE, Drivers
from .usage import VolumeUsage
from .volumes import CsiVolumes, Event

log = logger(__name__)

RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)


class CsiService:
    """`serve` registers drivers; `volumes` mounts, `attachments` and `usage` are for the node's status and figures.

    `handlers` are those of other types of plugins, which register in the same directory."""

    def __init__(
        self,
        client: Client,
        root_dir: str,
        kernel: Kernel,
        node_name: str,
        event: Event,
        clock: Clock,
        handlers: Mapping[str, PluginHandler] | None = None,
    ) -> None:
        self._clock = clock
        self._writer = CsiNodeWriter(client, node_name)
        self._drivers = Drivers(self._writer, sleep=clock.sleep)
        registry = os.path.join(root_dir, "plugins_registry")
        self._watcher = PluginWatcher(registry, {PLUGIN_TYPE: self._drivers, **(handlers or {})}, clock.sleep)
        self.attachments = Attachments(client)
        self.volumes = CsiVolumes(client, root_dir, kernel, node_name, self._drivers, self.attachments, event, clock)
        self.usage = VolumeUsage(self.volumes.shown, self._drivers, clock)
        self._registered: asyncio.Queue[str] = asyncio.Queue()
        self._drivers.on_registered = self._registered.put_nowait

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; call it once the node is registered."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._make_csi_node(), name="CSINode")
                group.create_task(self._watcher.serve(ready), name="plugin registration")
                while True:
                    await self.volumes.sweep(await self._registered.get())
        finally:
            await self._drivers.close()

    async def _make_csi_node(self) -> None:
        attempt = 0
        while True:
            try:
                await self._writer.ensure()
                return
            except (StatusError, OSError) as error:
                log.warning("CSINode was not made", err=error)
            await self._clock.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])
            attempt += 1
