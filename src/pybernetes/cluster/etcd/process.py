"""This machine's member of etcd: one child process, which lives as long as we do.

    become a member (membership.py) ─▶ start ─▶ answers ─▶ promoted, if it is a learner ─▶ ready ─▶ ended? start again

A member answers once a majority of the members does. Until then a start waits: after a power cut the first machine to
come back needs the second one. `setpriv --pdeathsig` ends the child with us, so that a killed server never leaves a
member behind that its successor would run into.
"""

import asyncio
import contextlib
import os
import platform
import subprocess
from pathlib import Path

from ...base.log import logger
from ...base.observed import ObservedPart, exit_code
from ...store.etcd.members import Members
from ...store.store import StoreError
from ..config import ClusterConfig
from ..progress import Progress
from .certificates import CA_NAME, address, urls
from .membership import EtcdError, Start, become_member

log = logger(__name__)

_PATIENCE_SECONDS = 10.0
_STOP_SECONDS = 10.0
_RETRY_SECONDS = 0.2
_LARGEST_REQUEST = 3 << 20
"""Bytes: above the store's limit for a value, since a transaction holds a note beside it."""
WAITING = "etcd waits for a majority of its members; start the other control planes"


def command(config: ClusterConfig, start: Start) -> list[str]:
    """The command line: TLS everywhere, listening on loopback and the node's address only."""
    pki, own = config.pki / "etcd", urls(config)
    listening = dict.fromkeys((f"https://127.0.0.1:{config.etcd_port}", own.client))
    flags = {
        "name": config.node_name,
        "data-dir": str(config.etcd_dir),
        "listen-client-urls": ",".join(listening),
        "advertise-client-urls": own.client,
        "listen-peer-urls": own.peer,
        "initial-advertise-peer-urls": own.peer,
        "initial-cluster": start.cluster,
        "initial-cluster-state": start.state,
        "cert-file": str(pki / "server.crt"),
        "key-file": str(pki / "server.key"),
        "trusted-ca-file": str(config.pki / f"{CA_NAME}.crt"),
        "client-cert-auth": "true",
        "peer-cert-file": str(pki / "peer.crt"),
        "peer-key-file": str(pki / "peer.key"),
        "peer-trusted-ca-file": str(config.pki / f"{CA_NAME}.crt"),
        "peer-client-cert-auth": "true",
        "snapshot-count": "10000",
        "max-request-bytes": str(_LARGEST_REQUEST),
        "logger": "zap",
        "log-level": "warn",
    }
    return ["setpriv", "--pdeathsig", "KILL", "etcd", *(f"--{name}={value}" for name, value in flags.items())]


def log_file(config: ClusterConfig) -> Path:
    """Where etcd writes its log."""
    return config.data_dir / "etcd.log"


class Member:
    """See the module docstring."""

    def __init__(self, config: ClusterConfig, progress: Progress, part: ObservedPart | None = None) -> None:
        """part: who is told of the process."""
        self._config = config
        self._progress = progress
        self._part = part or ObservedPart()
        self._log_file = log_file(config)
        self._log_begins = 0

    async def serve(self, ready: asyncio.Event) -> None:
        """Ready when the member takes part and a majority answers. EtcdError when it ends before it does."""
        start = await become_member(self._config)
        while True:
            process = await self._spawn(start)
            try:
                ended = asyncio.ensure_future(process.wait())
                serving = asyncio.ensure_future(self._serving())
                await asyncio.wait((ended, serving), return_when=asyncio.FIRST_COMPLETED)
                if not serving.done():
                    serving.cancel()
                    raise EtcdError(self._why())
                serving.result()
                ready.set()
                self._part.up()
                self._part.ended(exit_code(await ended))
            finally:
                await _end(process)
            log.warning("etcd ended; starting it again", code=process.returncode)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _spawn(self, start: Start) -> asyncio.subprocess.Process:
        self._config.etcd_dir.mkdir(mode=0o700, exist_ok=True)
        own_architecture = {"ETCD_UNSUPPORTED_ARCH": "arm64"} if platform.machine() == "aarch64" else {}
        self._log_file.touch(mode=0o600)
        self._log_begins = self._log_file.stat().st_size
        with self._log_file.open("ab") as sink:
            process = await asyncio.create_subprocess_exec(
                *command(self._config, start),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                cwd="/",
                env={**os.environ, **own_architecture},
            )
        self._part.began(process.pid)
        return process

    async def _serving(self) -> None:
        """Until the member answers and has its vote."""
        loop = asyncio.get_running_loop()
        began, told = loop.time(), False
        async with Members(address(self._config)) as own:
            while True:
                try:
                    status = await own.status()
                    break
                except StoreError:
                    await asyncio.sleep(_RETRY_SECONDS)
                if not told and loop.time() - began > _PATIENCE_SECONDS:
                    told = True
                    log.warning(WAITING)
                    self._progress.tell("waiting", message=WAITING)
        if status.is_learner and status.header is not None:
            await self._promoted(status.header.member_id)

    async def _promoted(self, identifier: int) -> None:
        async with Members(address(self._config, self._config.etcd_servers)) as cluster:
            while True:
                try:
                    return await cluster.promote(identifier)
                except StoreError as error:  # it has to catch up first, however long that takes
                    log.debug("Not promoted yet", err=error)
                    await asyncio.sleep(_RETRY_SECONDS)

    def _why(self) -> str:
        said = self._log_file.read_bytes()[self._log_begins :].decode(errors="replace")
        lines = said.strip().splitlines()
        last = next((line for line in reversed(lines) if '"level":"warn"' not in line), "no output")
        if "permanently removed" in said:
            last = "this machine's member was removed from the cluster; purge this machine, then join again"
        return f"etcd ended at once: {last[:300]}; see {self._log_file}"


async def _end(process: asyncio.subprocess.Process) -> None:
    """SIGTERM: a leader hands over. SIGKILL when that takes too long."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
