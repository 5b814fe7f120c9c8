"""A cluster for a test: the whole control plane in a process of its own, over HTTPS, with simulated nodes.

    with cluster() as found:
        kubernetes.config.load_kube_config(str(found.kubeconfig))     # or any other client, kubectl, an operator

API server, controllers and scheduler are the real ones; pods are scheduled and become Running and Ready on nodes that
start no containers. Nothing but this package is needed: no root, no container runtime, no network. The state is in
memory and gone with the process. It is ready after about a second.
"""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ..cluster.progress import DESCRIPTOR

START_SECONDS = 120.0
_ATTEMPTS = 5
_END_SECONDS = 60.0
_IN_USE = "is in use by another program"


class ClusterError(Exception):
    """The cluster did not start; the message has the last lines of its log."""


class RunningCluster(msgspec.Struct, frozen=True):
    """A running cluster: the administrator's kubeconfig, where the API server is, and what was logged."""

    kubeconfig: Path
    url: str
    log: Path

    def kubectl(self, *words: str, stdin: str = "") -> str:
        """What our kubectl prints. subprocess.CalledProcessError, with its `stderr`, when it fails."""
        command = [sys.executable, "-m", "pybernetes", "kubectl", "--kubeconfig", str(self.kubeconfig), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout

    @contextmanager
    def namespace(self) -> Iterator[str]:
        """The name of a new namespace that is ready for pods; it is deleted with the block, without waiting."""
        name = f"test-{uuid.uuid4().hex[:8]}"
        self.kubectl("create", "namespace", name)
        self.kubectl("wait", "--for=create", "serviceaccount/default", f"--namespace={name}")
        try:
            yield name
        finally:
            self.kubectl("delete", "namespace", name, "--wait=false")


@contextmanager
def cluster(*, nodes: int = 2, flags: Sequence[str] = (), directory: Path | None = None) -> Iterator[RunningCluster]:
    """A cluster with so many nodes, ready for pods; it ends with the block.

    flags are those of `pybernetes server`, such as `--feature-gates=...`; its files are in `directory`, or in one that
    is removed at the end. ClusterError when it does not start."""
    with contextlib.ExitStack() as stack:
        where = directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pybernetes-")))
        where.mkdir(parents=True, exist_ok=True)
        for attempt in range(_ATTEMPTS):
            try:
                process, found = _start(where, nodes, flags)
                break
            except ClusterError as error:
                # Somebody else took a port that was free a moment ago.
                if _IN_USE not in str(error) or attempt == _ATTEMPTS - 1:
                    raise
        stack.callback(_end, process)
        yield found


def _start(directory: Path, nodes: int, flags: Sequence[str]) -> tuple[subprocess.Popen[bytes], RunningCluster]:
    port = _free_port()
    log = directory / "log"
    words = [sys.executable, "-m", "pybernetes", "server", "--memory", "--hollow-nodes", str(nodes), *flags]
    words += ["--data-dir", str(directory / "data"), "--api-port", str(port), "--node-ip", "127.0.0.1"]
    reader, writer = os.pipe()
    try:
        with log.open("wb") as sink:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                pass_fds=(writer,),
                env={**os.environ, DESCRIPTOR: str(writer)},
            )
        os.close(writer)
        try:
            _await_start(reader, log)
        except BaseException:
            _end(process)
            raise
    finally:
        os.close(reader)
    found = RunningCluster(directory / "data" / "admin.kubeconfig", f"https://127.0.0.1:{port}", log)
    return process, found


def _await_start(reader: int, log: Path) -> None:
    """Read the progress of the start to its end. ClusterError."""
    deadline = time.monotonic() + START_SECONDS
    told = b""
    while select.select([reader], [], [], max(deadline - time.monotonic(), 0))[0]:
        data = os.read(reader, 65536)
        if not data:
            raise ClusterError(f"the cluster did not start:\n{_tail(log)}")
        *lines, told = (told + data).split(b"\n")
        steps = [json.loads(line) for line in lines]
        if errors := [step["message"] for step in steps if step["step"] == "error"]:
            raise ClusterError(f"the cluster did not start: {errors[0]}")
        if any(step["step"] == "done" for step in steps):
            return
    raise ClusterError(f"the cluster did not become ready within {START_SECONDS:.0f} s:\n{_tail(log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself, and its log says why
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
