"""A little device plugin, v1beta1: devices are names; registers by the kubelet's socket as real ones do.

In a test: `plugin = Plugin(...); await plugin.start(); await plugin.register()`. As a program:

    python tests/support/device_plugin.py --resource example.com/null --directory DEVICE-PLUGINS --path /dev/null a b
"""

import argparse
import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio

from pybernetes.base.protobuf import decode, encode
from pybernetes.kubelet.devices import messages as m
from pybernetes.kubelet.plugins.channel import PluginChannel


class Plugin:
    """`devices` maps ids to health; `set_devices` tells the kubelet of others. `calls` lists (method, ids)."""

    def __init__(
        self,
        resource: str,
        directory: str,
        devices: dict[str, bool],
        *,
        path: str = "/dev/null",
        options: m.Options | None = None,
        version: str = m.VERSION,
    ) -> None:
        self.resource = resource
        self.directory = directory
        self.path = path
        self.options = options or m.Options()
        self.version = version
        self.calls: list[tuple[str, tuple[str, ...]]] = []
        self.prefers: list[str] = []
        self.failure = ""
        self.endpoint = f"{resource.replace('/', '-')}.sock"
        self._devices = devices
        self._news = asyncio.Event()
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        self._server = grpc.aio.server()
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        handlers = {
            "GetDevicePluginOptions": unary(self._options),
            "ListAndWatch": stream(self._list_and_watch),
            "GetPreferredAllocation": unary(self._preferred),
            "Allocate": unary(self._allocate),
            "PreStartContainer": unary(self._before_start),
        }
        service = grpc.method_handlers_generic_handler("v1beta1.DevicePlugin", handlers)
        self._server.add_generic_rpc_handlers((service,))
        self._server.add_insecure_port(f"unix://{os.path.join(self.directory, self.endpoint)}")
        await self._server.start()

    async def register(self) -> None:
        """RpcError when the kubelet refuses."""
        channel = PluginChannel(os.path.join(self.directory, "kubelet.sock"))
        request = m.RegisterRequest(version=self.version, endpoint=self.endpoint, resource_name=self.resource)
        try:
            await channel.call("/v1beta1.Registration/Register", request, m.Empty, 60)
        finally:
            await channel.close()

    def set_devices(self, devices: dict[str, bool]) -> None:
        self._devices = devices
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def stop(self) -> None:
        """End it; idempotent."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(None)

    async def _options(self, _data: bytes, _context: Any) -> bytes:
        return encode(self.options)

    async def _list_and_watch(self, _data: bytes, _context: Any) -> AsyncIterator[bytes]:
        while True:
            news = self._news
            found = [m.Device(id=one, health="Healthy" if ok else "Unhealthy") for one, ok in self._devices.items()]
            yield encode(m.ListAndWatchResponse(devices=found))
            await news.wait()

    async def _preferred(self, data: bytes, _context: Any) -> bytes:
        (request,) = decode(m.PreferredAllocationRequest, data).container_requests
        self.calls.append(("preferred", tuple(request.available_device_ids)))
        answer = m.ContainerPreferredAllocationResponse(device_ids=self.prefers)
        return encode(m.PreferredAllocationResponse(container_responses=[answer]))

    async def _allocate(self, data: bytes, context: Any) -> bytes:
        (request,) = decode(m.AllocateRequest, data).container_requests
        self.calls.append(("allocate", tuple(request.device_ids)))
        if self.failure:
            await context.abort(grpc.StatusCode.INTERNAL, self.failure)
        answer = m.ContainerAllocateResponse(
            envs={"DEVICES": ",".join(sorted(request.device_ids))},
            mounts=[m.Mount(container_path="/plugin", host_path=self.directory, read_only=True)],
            devices=[m.DeviceSpec(container_path="/dev/given", host_path=self.path, permissions="rw")],
            annotations={"example.com/devices": "yes"},
        )
        return encode(m.AllocateResponse(container_responses=[answer]))

    async def _before_start(self, data: bytes, _context: Any) -> bytes:
        self.calls.append(("before start", tuple(decode(m.PreStartContainerRequest, data).device_ids)))
        return encode(m.Empty())


async def _main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("resource", "directory", "path"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("ids", nargs="+")
    found = parser.parse_args()
    plugin = Plugin(found.resource, found.directory, dict.fromkeys(found.ids, True), path=found.path)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    await plugin.start()
    await plugin.register()
    await ended.wait()
    await plugin.stop()


if __name__ == "__main__":
    asyncio.run(_main())
