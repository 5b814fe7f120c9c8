"""The kubelet's own socket for device plugins: `device-plugins/kubelet.sock`, service v1beta1.Registration.

A plugin dials it, and again whenever the file is made anew: that is how it learns that the kubelet was restarted. The
sockets of plugins of earlier times are removed first, as upstream does.
"""

import asyncio
import os
import stat
from typing import Any

import grpc
import grpc.aio

from pybernetes.base.log import logger
from pybernetes.base.protobuf import WireError, decode, encode

from ..plugins.watcher import PluginRefusedError
from . import messages as m
from .manager import DeviceManager

log = logger(__name__)

SOCKET = "kubelet.sock"


class DeviceRegistration:
    """Serves Register for the manager."""

    def __init__(self, manager: DeviceManager) -> None:
        self._manager = manager

    async def serve(self, ready: asyncio.Event) -> None:
        """Serve until cancelled. Without a socket there are no device plugins, and that is said."""
        directory = self._manager.directory
        os.makedirs(directory, 0o750, exist_ok=True)
        _remove_sockets(directory)
        server = grpc.aio.server()
        handler = grpc.unary_unary_rpc_method_handler(self._register)
        service = grpc.method_handlers_generic_handler("v1beta1.Registration", {"Register": handler})
        server.add_generic_rpc_handlers((service,))
        try:
            try:
                server.add_insecure_port(f"unix://{os.path.join(directory, SOCKET)}")
                await server.start()
            except RuntimeError as error:
                log.error("Device plugins cannot register", err=error)
            ready.set()
            await asyncio.get_running_loop().create_future()
        finally:
            await server.stop(None)

    async def _register(self, data: bytes, context: Any) -> bytes:
        try:
            request = decode(m.RegisterRequest, data)
            endpoint = os.path.join(self._manager.directory, request.endpoint)
            await self._manager.register(request.resource_name, endpoint, [request.version])
        except (PluginRefusedError, WireError) as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        return encode(m.Empty())


def _remove_sockets(directory: str) -> None:
    for name in os.listdir(directory):
        path = os.path.join(directory, name)
        if stat.S_ISSOCK(os.lstat(path).st_mode):
            os.unlink(path)
