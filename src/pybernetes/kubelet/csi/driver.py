"""A CSI driver as the kubelet sees it: the Node service of csi.v1, one method a call.

Every call may be repeated with the same arguments and then changes nothing (the CSI asks this of its drivers), so a
kubelet that does not know how far it came calls again. Failures are `RpcError`.
"""

from typing import Protocol

from ..plugins.channel import PluginChannel
from . import messages as m

NODE = "/csi.v1.Node/"
CALL_TIMEOUT_SECONDS = 120.0
"""Upstream's csiTimeout."""


class CsiDriver(Protocol):
    """See the module docstring."""

    async def info(self) -> m.NodeGetInfoResponse:
        """What the driver calls this node, how many volumes it can have here, and where it is."""

    async def capabilities(self) -> frozenset[m.Capability]:
        """What the driver can do."""

    async def stage(self, request: m.NodeStageVolumeRequest) -> None:
        """Make the volume ready once for the whole node, at the staging path (a directory that exists)."""

    async def unstage(self, request: m.NodeUnstageVolumeRequest) -> None:
        """Undo stage."""

    async def publish(self, request: m.NodePublishVolumeRequest) -> None:
        """Show the volume at the target path, whose parent exists; called again it may renew what is shown."""

    async def unpublish(self, request: m.NodeUnpublishVolumeRequest) -> None:
        """Undo publish; the target path is gone afterwards."""

    async def expand(self, request: m.NodeExpandVolumeRequest) -> m.NodeExpandVolumeResponse:
        """Let the file system fill a volume that has grown."""

    async def stats(self, request: m.NodeGetVolumeStatsRequest) -> m.NodeGetVolumeStatsResponse:
        """How full the volume is."""

    async def close(self) -> None:
        """Let go of the connection."""


class SocketDriver:
    """`CsiDriver` on a unix socket."""

    def __init__(self, endpoint: str) -> None:
        self._channel = PluginChannel(endpoint)

    async def info(self) -> m.NodeGetInfoResponse:
        return await self._channel.call(NODE + "NodeGetInfo", m.Empty(), m.NodeGetInfoResponse, CALL_TIMEOUT_SECONDS)

    async def capabilities(self) -> frozenset[m.Capability]:
        method, answer = NODE + "NodeGetCapabilities", m.NodeGetCapabilitiesResponse
        found = await self._channel.call(method, m.Empty(), answer, CALL_TIMEOUT_SECONDS)
        numbers = {capability.rpc.type for capability in found.capabilities if capability.rpc is not None}
        return frozenset(capability for capability in m.Capability if capability in numbers)

    async def stage(self, request: m.NodeStageVolumeRequest) -> None:
        await self._channel.call(NODE + "NodeStageVolume", request, m.Empty, CALL_TIMEOUT_SECONDS)

    async def unstage(self, request: m.NodeUnstageVolumeRequest) -> None:
        await self._channel.call(NODE + "NodeUnstageVolume", request, m.Empty, CALL_TIMEOUT_SECONDS)

    async def publish(self, request: m.NodePublishVolumeRequest) -> None:
        await self._channel.call(NODE + "NodePublishVolume", request, m.Empty, CALL_TIMEOUT_SECONDS)

    async def unpublish(self, request: m.NodeUnpublishVolumeRequest) -> None:
        await self._channel.call(NODE + "NodeUnpublishVolume", request, m.Empty, CALL_TIMEOUT_SECONDS)

    async def expand(self, request: m.NodeExpandVolumeRequest) -> m.NodeExpandVolumeResponse:
        method, answer = NODE + "NodeExpandVolume", m.NodeExpandVolumeResponse
        return await self._channel.call(method, request, answer, CALL_TIMEOUT_SECONDS)

    async def stats(self, request: m.NodeGetVolumeStatsRequest) -> m.NodeGetVolumeStatsResponse:
        method, answer = NODE + "NodeGetVolumeStats", m.NodeGetVolumeStatsResponse
        return await self._channel.call(method, request, answer, CALL_TIMEOUT_SECONDS)

    async def close(self) -> None:
        await self._channel.close()
