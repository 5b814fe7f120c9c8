"""The stock kubectl against an API server of the test's own, over HTTPS on the loopback interface.

async with kubectl_api(tmp_path) as k:
    out = await k("apply", "--server-side", "-f", "-", given=manifest)
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import orjson
from tests.support.api import Api
from tests.support.kubectl import installed

from pybernetes.apiserver.config import TlsFiles
from pybernetes.base.x509 import CertificateAuthority
from pybernetes.testing import api_server


class Ran(msgspec.Struct):
    """A finished command."""

    code: int
    out: str
    err: str


class KubectlApi:
    """kubectl, and the same server in memory as `api`."""

    def __init__(self, api: Api, directory: Path, version: str) -> None:
        self.api = api
        self._directory = directory
        self.kubeconfig = directory / "config"
        self._binary = directory / "kubectl"  # its own name is in its user agent
        if version or installed():
            self._binary.symlink_to(installed()[version] if version else list(installed().values())[-1])

    async def start(
        self, *words: str, command: Sequence[str] = (), cache: Path | None = None
    ) -> asyncio.subprocess.Process:
        """Start a command line of kubectl, or of the client that `command` is; its pipes are the caller's."""
        return await asyncio.create_subprocess_exec(
            *(command or (self._binary,)),
            *words,
            f"--kubeconfig={self.kubeconfig}",
            f"--cache-dir={cache or self._directory / 'cache'}",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"HOME": str(self._directory), "PATH": "/usr/bin:/bin"},
        )

    async def run(self, *words: str, given: Any = None, timeout: float = 120.0, **client: Any) -> Ran:
        """Run to the end; `given` is text, or an object sent as JSON. `client` is for `start`."""
        process = await self.start(*words, **client)
        data = given.encode() if isinstance(given, str) else orjson.dumps(given) if given is not None else b""
        try:
            out, err = await asyncio.wait_for(process.communicate(data), timeout)
        finally:
            if process.returncode is None:
                process.kill()
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def __call__(self, *words: str, given: Any = None) -> str:
        """Standard output of a command that must succeed, stripped."""
        ran = await self.run(*words, given=given)
        assert ran.code == 0, (words, ran)
        return ran.out.strip()


@asynccontextmanager
async def kubectl_api(directory: Path, version: str = "", **config: Any) -> AsyncIterator[KubectlApi]:
    """A server and a kubectl that is its administrator; keywords are fields of `ApiServerConfig`."""
    authority = CertificateAuthority.create("kubernetes")
    authority.issue("kube-apiserver", names=("127.0.0.1",)).save(directory / "server.crt", directory / "server.key")
    (directory / "ca.crt").write_bytes(authority.certificate_pem)
    tls = TlsFiles(
        certificate=str(directory / "server.crt"),
        key=str(directory / "server.key"),
        client_ca=str(directory / "ca.crt"),
    )
    async with api_server(tls=tls, listen_port=0, **config) as server:
        assert server.http is not None
        pair = authority.issue("admin", organizations=("system:masters",))
        pair.save(directory / "admin.crt", directory / "admin.key")
        cluster = {
            "server": f"https://127.0.0.1:{server.http.port}",
            "certificate-authority-data": base64.b64encode(authority.certificate_pem).decode(),
        }
        user = {"client-certificate": str(directory / "admin.crt"), "client-key": str(directory / "admin.key")}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "default"}}],
            "current-context": "x",
        }
        k = KubectlApi(Api(server), directory, version)
        k.kubeconfig.write_bytes(orjson.dumps(document))
        yield k
