"""A little driver of dynamic resources: prepares claims by naming CDI devices, which it writes to a CDI file.

In a test: `driver = DraDriver(...); await driver.start()`. As a program, with one device that is a node's file:

    python tests/support/dra_driver.py --name dra.example.com --registry DIR --cdi /var/run/cdi --path /dev/full
"""

import argparse
import asyncio
import json
import os
import signal
from typing import Any

import grpc
import grpc.aio

from pybernetes.base.protobuf import decode, encode
from pybernetes.kubelet.dynamic_resources import messages as m
from pybernetes.kubelet.plugins.messages import Empty, PluginInfo, RegistrationStatus

SERVICE = "k8s.io.kubelet.pkg.apis.dra.v1.DRAPlugin"


class DraDriver:
    """`calls` lists (prepare | unprepare, names of claims); `errors` maps a claim's name to what goes wrong with it."""

    def __init__(self, name: str, registry: str, *, versions: tuple[str, ...] = ("v1.DRAPlugin",)) -> None:
        self.name = name
        self.versions = versions
        self.kind = f"{name}/thing"
        self.calls: list[tuple[str, list[str]]] = []
        self.errors: dict[str, str] = {}
        self.skips: set[str] = set()
        self.statuses: list[RegistrationStatus] = []
        self.told = asyncio.Event()
        self.socket = os.path.join(registry, f"{name}-reg.sock")
        self._server: grpc.aio.Server | None = None

    def write_cdi(self, directory: str, path: str = "/dev/null") -> None:
        """The CDI file of a device `one`."""
        os.makedirs(directory, exist_ok=True)
        edits = {
            "env": ["THING=one"],
            "deviceNodes": [{"path": "/dev/thing", "hostPath": path}],
            "mounts": [{"hostPath": directory, "containerPath": "/cdi", "options": ["ro", "bind"]}],
        }
        device = {"name": "one", "containerEdits": edits}
        spec = {"cdiVersion": "0.6.0", "kind": self.kind, "devices": [device], "containerEdits": {"env": ["ALL=1"]}}
        with open(os.path.join(directory, f"{self.name}.json"), "w") as file:
            json.dump(spec, file)

    async def start(self) -> None:
        self._server = grpc.aio.server()
        unary = grpc.unary_unary_rpc_method_handler
        services = {
            SERVICE: {"NodePrepareResources": unary(self._prepare), "NodeUnprepareResources": unary(self._unprepare)},
            "pluginregistration.Registration": {
                "GetInfo": unary(self._info),
                "NotifyRegistrationStatus": unary(self._notified),
            },
        }
        for name, handlers in services.items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
        self._server.add_insecure_port(f"unix://{self.socket}")
        await self._server.start()

    async def stop(self) -> None:
        """End it and take its socket away; idempotent."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(None)
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    async def _info(self, _data: bytes, _context: Any) -> bytes:
        return encode(PluginInfo(type="DRAPlugin", name=self.name, supported_versions=list(self.versions)))

    async def _notified(self, data: bytes, _context: Any) -> bytes:
        self.statuses.append(decode(RegistrationStatus, data))
        self.told.set()
        return encode(Empty())

    async def _prepare(self, data: bytes, _context: Any) -> bytes:
        claims = decode(m.ClaimsRequest, data).claims
        self.calls.append(("prepare", [claim.name for claim in claims]))
        device = m.Device(
            request_names=["req"], pool_name="pool", device_name="one", cdi_device_ids=[f"{self.kind}=one"]
        )
        entries = [
            m.PreparedEntry(uid=claim.uid, result=m.Prepared(devices=[device], error=self.errors.get(claim.name, "")))
            for claim in claims
            if claim.name not in self.skips
        ]
        return encode(m.PrepareResponse(claims=entries))

    async def _unprepare(self, data: bytes, _context: Any) -> bytes:
        claims = decode(m.ClaimsRequest, data).claims
        self.calls.append(("unprepare", [claim.name for claim in claims]))
        entries = [
            m.UnpreparedEntry(uid=claim.uid, result=m.Unprepared(error=self.errors.get(claim.name, "")))
            for claim in claims
        ]
        return encode(m.UnprepareResponse(claims=entries))


async def _main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("name", "registry", "cdi", "path"):
        parser.add_argument(f"--{name}", required=True)
    found = parser.parse_args()
    driver = DraDriver(found.name, found.registry)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    driver.write_cdi(found.cdi, found.path)
    await driver.start()
    await ended.wait()
    await driver.stop()


if __name__ == "__main__":
    asyncio.run(_main())
