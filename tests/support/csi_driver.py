"""A little CSI driver: a directory a volume, shown by bind mounts; registers itself as node-driver-registrar does.

In a test: `async with running_driver(...) as driver`, which records every call. As a program, with real mounts:

    python tests/support/csi_driver.py --name dir.example.com --directory DIR --registry DIR [--limit N]
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio

from pybernetes.base.protobuf import Message, decode, encode
from pybernetes.kubelet.csi import messages as m
from pybernetes.kubelet.kernel.linux import LinuxKernel
from pybernetes.kubelet.kernel.protocol import Kernel
from pybernetes.kubelet.plugins.messages import Empty, PluginInfo, RegistrationStatus

REQUESTS: dict[str, type[Message]] = {
    "NodeGetInfo": m.Empty,
    "NodeGetCapabilities": m.Empty,
    "NodeStageVolume": m.NodeStageVolumeRequest,
    "NodeUnstageVolume": m.NodeUnstageVolumeRequest,
    "NodePublishVolume": m.NodePublishVolumeRequest,
    "NodeUnpublishVolume": m.NodeUnpublishVolumeRequest,
    "NodeExpandVolume": m.NodeExpandVolumeRequest,
    "NodeGetVolumeStats": m.NodeGetVolumeStatsRequest,
}
ALL = (
    m.Capability.STAGE_UNSTAGE_VOLUME,
    m.Capability.GET_VOLUME_STATS,
    m.Capability.EXPAND_VOLUME,
    m.Capability.SINGLE_NODE_MULTI_WRITER,
)


class Driver:
    """`failures` maps a method to the (status, text) of its next call; `calls` lists (method, request)."""

    def __init__(
        self,
        name: str,
        directory: str,
        registry: str,
        kernel: Kernel,
        *,
        can: tuple[m.Capability, ...] = ALL,
        limit: int = 0,
        segments: dict[str, str] | None = None,
        versions: tuple[str, ...] = ("1.0.0",),
        plugin_type: str = "CSIPlugin",
        node_id: str = "node-of-driver",
    ) -> None:
        self.name = name
        self.can = can
        self.limit = limit
        self.segments = segments or {}
        self.versions = versions
        self.plugin_type = plugin_type
        self.node_id = node_id
        self.calls: list[tuple[str, Any]] = []
        self.failures: dict[str, tuple[grpc.StatusCode, str]] = {}
        self.statuses: list[RegistrationStatus] = []
        self.told = asyncio.Event()
        self.socket = os.path.join(registry, f"{name}-reg.sock")
        self._volumes = directory
        self._kernel = kernel
        self._server: grpc.aio.Server | None = None

    def seen(self, method: str) -> list[Any]:
        """The requests of one method."""
        return [request for name, request in self.calls if name == method]

    def order(self) -> list[str]:
        """The calls that change something, without `Node` and `Volume`."""
        asks = ("NodeGetInfo", "NodeGetCapabilities")
        names = [name for name, _ in self.calls if name not in asks]
        return [name.removeprefix("Node").removesuffix("Volume") for name in names]

    async def start(self) -> None:
        self._server = grpc.aio.server()
        for service, methods in (("csi.v1.Node", REQUESTS), ("pluginregistration.Registration", None)):
            handlers = self._registration() if methods is None else {name: self._handler(name) for name in methods}
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        self._server.add_insecure_port(f"unix://{self.socket}")
        await self._server.start()

    async def stop(self) -> None:
        """End it and take its socket away."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(None)
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def _registration(self) -> dict[str, Any]:
        async def info(_data: bytes, _context: Any) -> bytes:
            found = PluginInfo(type=self.plugin_type, name=self.name, supported_versions=list(self.versions))
            return encode(found)

        async def notified(data: bytes, _context: Any) -> bytes:
            self.statuses.append(decode(RegistrationStatus, data))
            self.told.set()
            return encode(Empty())

        return {
            "GetInfo": grpc.unary_unary_rpc_method_handler(info),
            "NotifyRegistrationStatus": grpc.unary_unary_rpc_method_handler(notified),
        }

    def _handler(self, method: str) -> Any:
        async def handle(data: bytes, context: Any) -> bytes:
            request = decode(REQUESTS[method], data)
            self.calls.append((method, request))
            failure = self.failures.pop(method, None)
            if failure is not None:
                await context.abort(*failure)
            serve: Callable[[Any], Message | None] = getattr(self, f"_{method}")
            return encode(serve(request) or m.Empty())

        return grpc.unary_unary_rpc_method_handler(handle)

    # The Node service.

    def _NodeGetInfo(self, _request: m.Empty) -> Message:
        topology = m.Topology(segments=self.segments) if self.segments else None
        return m.NodeGetInfoResponse(
            node_id=self.node_id, max_volumes_per_node=self.limit, accessible_topology=topology
        )

    def _NodeGetCapabilities(self, _request: m.Empty) -> Message:
        found = [m.NodeServiceCapability(rpc=m.RpcCapability(type=int(one))) for one in self.can]
        return m.NodeGetCapabilitiesResponse(capabilities=found)

    def _content(self, volume_id: str) -> str:
        path = os.path.join(self._volumes, volume_id)
        os.makedirs(path, exist_ok=True)
        return path

    def _show(self, source: str, target: str, read_only: bool) -> None:
        if not self._kernel.is_mount_point(target):
            self._kernel.bind_mount(source, target, read_only=read_only)

    def _hide(self, target: str) -> None:
        if self._kernel.is_mount_point(target):
            self._kernel.unmount(target)

    def _NodeStageVolume(self, request: m.NodeStageVolumeRequest) -> None:
        if request.volume_capability is None or request.volume_capability.block is None:
            self._show(self._content(request.volume_id), request.staging_target_path, False)

    def _NodeUnstageVolume(self, request: m.NodeUnstageVolumeRequest) -> None:
        self._hide(request.staging_target_path)

    def _NodePublishVolume(self, request: m.NodePublishVolumeRequest) -> None:
        target = request.target_path
        if request.volume_capability is not None and request.volume_capability.block is not None:
            with open(target, "w"):  # a device, in a driver that has some
                return
        os.makedirs(target, exist_ok=True)
        content = self._content(request.volume_id)
        if not request.staging_target_path and not request.readonly:
            for key, value in request.volume_context.items():
                with open(os.path.join(content, key.rpartition("/")[2]), "w") as file:
                    file.write(value)
        self._show(request.staging_target_path or content, target, request.readonly)

    def _NodeUnpublishVolume(self, request: m.NodeUnpublishVolumeRequest) -> None:
        self._hide(request.target_path)
        if os.path.isdir(request.target_path):
            os.rmdir(request.target_path)
        elif os.path.exists(request.target_path):
            os.unlink(request.target_path)
        if request.volume_id.startswith("csi-"):
            shutil.rmtree(os.path.join(self._volumes, request.volume_id), ignore_errors=True)

    def _NodeExpandVolume(self, request: m.NodeExpandVolumeRequest) -> Message:
        assert request.capacity_range is not None
        return m.NodeExpandVolumeResponse(capacity_bytes=request.capacity_range.required_bytes)

    def _NodeGetVolumeStats(self, _request: m.NodeGetVolumeStatsRequest) -> Message:
        usage = [
            m.VolumeUsage(available=60, total=100, used=40, unit=int(m.Unit.BYTES)),
            m.VolumeUsage(available=7, total=10, used=3, unit=int(m.Unit.INODES)),
        ]
        return m.NodeGetVolumeStatsResponse(usage=usage)


@contextlib.asynccontextmanager
async def running_driver(*arguments: Any, **options: Any) -> AsyncIterator[Driver]:
    """A driver that serves; it goes with its socket."""
    driver = Driver(*arguments, **options)
    await driver.start()
    try:
        yield driver
    finally:
        await driver.stop()


async def _main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("name", "directory", "registry"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--limit", type=int, default=0)
    found = parser.parse_args()
    segments = {f"topology.{found.name}/node": "here"}
    options = {"limit": found.limit, "segments": segments, "node_id": "node-1"}
    async with running_driver(found.name, found.directory, found.registry, LinuxKernel(), **options):
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(_main())
