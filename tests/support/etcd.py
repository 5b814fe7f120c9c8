"""Real etcd for tests: Debian's `etcd-server` on free ports of 127.0.0.1, one member or several, with TLS if asked."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.ports import free_port

from pybernetes.store.etcd import EtcdAddress

BINARY = shutil.which("etcd")
needs_etcd = pytest.mark.skipif(not BINARY, reason="etcd is not installed")
needs_etcdctl = pytest.mark.skipif(
    not (BINARY and (shutil.which("etcdutl") or shutil.which("etcdctl"))), reason="etcd's tools are not installed"
)


class Member:
    """One etcd process; it can be killed and started again on its data."""

    def __init__(self, name: str, directory: Path, extra: list[str]) -> None:
        self.name = name
        self.directory = directory
        self._extra = extra
        scheme = "https" if "--cert-file" in " ".join(extra) else "http"
        self.url = f"{scheme}://127.0.0.1:{free_port()}"
        self.peer_url = f"http://127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, cluster: str, *, state: str = "new") -> None:
        directory = self.directory / self.name
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.directory / f"{self.name}.log", "ab") as log:
            self._process = subprocess.Popen(
                [
                    str(BINARY),
                    *("--name", self.name, "--data-dir", str(directory)),
                    *("--listen-client-urls", self.url, "--advertise-client-urls", self.url),
                    *("--listen-peer-urls", self.peer_url, "--initial-advertise-peer-urls", self.peer_url),
                    *("--initial-cluster", cluster, "--initial-cluster-state", state),
                    *("--heartbeat-interval", "20", "--election-timeout", "200", "--max-request-bytes", "3145728"),
                    *self._extra,
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "ETCD_UNSUPPORTED_ARCH": "arm64"},
            )

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop answering without going away, as a disk that hangs does; returns when every thread stands still."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOWAIT)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)


class Etcd:
    """A cluster of members."""

    def __init__(self, members: list[Member]) -> None:
        self.members = members
        self._cluster = ",".join(f"{member.name}={member.peer_url}" for member in members)

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(member.url for member in self.members)

    def address(self, **more: Any) -> EtcdAddress:
        """For clients that wait, however long a busy machine takes to start it or to write to its disk."""
        return EtcdAddress(**{"servers": self.urls, "call_timeout_seconds": 60.0, **more})

    def start(self, member: Member) -> None:
        member.start(self._cluster)


@contextlib.contextmanager
def etcd(directory: Path, *, members: int = 1, extra: list[str] | None = None) -> Iterator[Etcd]:
    """An empty etcd for as long as the block lasts; the first call waits until it serves (clients wait for it)."""
    cluster = Etcd([Member(f"member{i}", directory, extra or []) for i in range(members)])
    for member in cluster.members:
        cluster.start(member)
    try:
        yield cluster
    finally:
        for member in cluster.members:
            member.kill()
