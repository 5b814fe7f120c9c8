"""API servers as processes that can be killed: over SQLite with a data directory, and over etcd by upstream's flags."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.support.etcd import Etcd
from tests.support.ports import free_port

from pybernetes.apiserver.service_account_keys import generate_signing_key
from pybernetes.base.http.client import HttpTransport, TransportError
from pybernetes.base.http.message import Request, Response
from pybernetes.client.config import tls_context
from pybernetes.client.kubeconfig import read, resolve

PYBERNETES = str(Path(sys.executable).parent / "pybernetes")


class Process:
    """One API server; `start` again after `kill`."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def log(self) -> str:
        return self._log.read_text(errors="replace")


def over_sqlite(directory: Path) -> tuple[Process, Callable[[], HttpTransport]]:
    """(the process, what makes a transport of its administrator)."""
    port, data = free_port(), directory / "data"
    command = [PYBERNETES, "apiserver", "--data-dir", str(data), "--api-port", str(port), "--node-ip", "127.0.0.1"]

    def transport() -> HttpTransport:
        config = resolve(read(data / "admin.kubeconfig"))
        return HttpTransport(config.server, tls=tls_context(config))

    return Process(command, directory / "apiserver.log"), transport


def over_etcd(directory: Path, etcd: Etcd) -> tuple[Process, Callable[[], HttpTransport]]:
    """The same over etcd. Several may share one etcd, each with a directory of its own."""
    port = free_port()
    directory.mkdir(exist_ok=True)
    (directory / "sa.key").write_bytes(generate_signing_key())
    (directory / "tokens.csv").write_text('secret,admin,1,"system:masters"\n')
    command = [
        PYBERNETES,
        "apiserver",
        f"--etcd-servers={','.join(etcd.urls)}",
        f"--cert-dir={directory / 'certs'}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        f"--service-account-issuer=https://127.0.0.1:{port}/",
        f"--service-account-signing-key-file={directory / 'sa.key'}",
        "--disable-admission-plugins=ServiceAccount",
        f"--token-auth-file={directory / 'tokens.csv'}",
    ]

    def transport() -> HttpTransport:
        import ssl

        tls = ssl.create_default_context(cafile=str(directory / "certs" / "apiserver.crt"))
        headers = [("authorization", "Bearer secret")]
        return HttpTransport(f"https://127.0.0.1:{port}", tls=tls, headers=headers)

    return Process(command, directory / "apiserver.log"), transport


class Failover:
    """One client of several servers: it stays with one until that one fails, then goes to the next."""

    def __init__(self, transports: list[HttpTransport], first: int) -> None:
        self._transports = transports
        self._at = first

    async def __call__(self, request: Request) -> Response:
        at = self._at
        try:
            return await self._transports[at % len(self._transports)](request)
        except (TransportError, OSError):
            if self._at == at:
                self._at += 1
            raise


async def until_ready(make: Callable[[], HttpTransport], process: Process) -> HttpTransport:
    """A transport to the server once it is ready."""
    async with asyncio.timeout(120):
        while True:
            try:
                transport = make()
                if (await transport(Request("GET", "/readyz"))).status == 200:
                    return transport
            except (OSError, TransportError, ValueError, KeyError):
                pass
            await asyncio.sleep(0.02)
