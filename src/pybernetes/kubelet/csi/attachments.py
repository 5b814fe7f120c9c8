"""Volumes that have to be attached to the node before they are used, and what the node says about them.

    mount ──▶ in use ──▶ Node.status.volumesInUse ┐
    attach-detach controller ──▶ VolumeAttachment ┴▶ Node.status.volumesAttached ──▶ `attached` returns
    last pod gone ──▶ not in use ──▶ the controller may detach

The controller never detaches a volume that the node says is in use, so a volume counts as attached only once the node's
status says both; the status reaches us through the watch on the node.
"""

import asyncio
from collections.abc import Callable

from pybernetes.api.core import Node
from pybernetes.api.status import StatusError
from pybernetes.api.storage import VolumeAttachment
from pybernetes.client.client import Client

TIMEOUT_SECONDS = 123.0
"""Upstream's podAttachAndMountTimeout."""


class NotAttached(Exception):
    """The volume is not attached to this node."""


class Attachments:
    """See the module docstring. `changed` is called when the node should report its volumes in use anew."""

    def __init__(self, client: Client) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._client = client
        self._in_use: set[str] = set()
        self._usable: frozenset[str] = frozenset()
        self._news = asyncio.Event()

    def in_use(self) -> list[str]:
        """For `volumesInUse` of the node's status."""
        return sorted(self._in_use)

    def node_changed(self, node: Node) -> None:
        """The node as the API has it now."""
        attached = {volume.name for volume in node.status.volumes_attached or ()}
        self._usable = frozenset(attached & set(node.status.volumes_in_use or ()))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def use(self, device: str) -> None:
        """The volume is needed here from now on."""
        if device not in self._in_use:
            self._in_use.add(device)
            self.changed()

    def release(self, device: str) -> None:
        """No pod here has the volume any more."""
        if device in self._in_use:
            self._in_use.discard(device)
            self.changed()

    async def attached(self, device: str) -> None:
        """Return once the volume is attached. TimeoutError."""
        self.use(device)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            while device not in self._usable:
                await self._news.wait()

    async def publish_context(self, name: str) -> dict[str, str]:
        """What the driver's controller left for its node part, from the VolumeAttachment. NotAttached, StatusError."""
        try:
            found = await self._client.get(VolumeAttachment, name)
        except StatusError as error:
            raise NotAttached(str(error)) from error
        if not found.status.attached:
            raise NotAttached(f"volume attachment {name} is not attached")
        return dict(found.status.attachment_metadata or {})
