"""`up`: start the cluster in the background, show how far it is, print what to try.

up ── fork ──▶ supervise (writes cluster.json) ── fork ──▶ server --agent
 ◀──────────────── progress lines through a pipe ────────────┘
"""

import argparse
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ... import GIT_VERSION
from .. import preflight, state
from ..config import ClusterConfig
from ..progress import DESCRIPTOR
from .settings import CommandError, cluster_config

__all__ = ["CommandError", "main"]

_STEPS = {
    "containerd": "Container runtime answers",
    "images": "Images imported",
    "apiserver": "API server is ready",
    "node": "Node is Ready",
    "nodes": "Nodes are Ready",
    "sample": "Sample application runs",
}
_TIMEOUT_SECONDS = 120.0


def main(arguments: argparse.Namespace) -> int:
    """Start, or say that it runs already. The hidden `supervise` command is the background half."""
    if arguments.command == "supervise":
        return _supervise(arguments.data_dir)
    data_dir = arguments.data_dir.expanduser().absolute()
    known = state.load(data_dir)
    if state.is_running(known):
        assert known is not None
        print(f"The cluster in {data_dir} is running already; nothing to do.")
        _hints(known.config)
        return 0
    config = cluster_config(arguments)
    problems = preflight.problems(config)
    if problems:
        raise CommandError("\n       ".join(problems))
    print(f"Starting Pybernetes {GIT_VERSION} in {config.data_dir}", flush=True)
    deployed = known.sample_deployed if known else False
    state.save(state.ClusterState(config=config, sample_deployed=deployed))
    reader = _start(config)
    _follow(config, reader)
    _hints(config)
    return 0


def _start(config: ClusterConfig) -> IO[str]:
    """Start the supervisor detached from this terminal; the reading end of its progress."""
    read_end, write_end = os.pipe()
    environment = {**os.environ, DESCRIPTOR: str(write_end)}
    config.log_file.touch(mode=0o600)
    with config.log_file.open("ab") as sink:
        subprocess.Popen(
            [sys.executable, "-m", "pybernetes", "supervise", "--data-dir", str(config.data_dir)],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
            pass_fds=(write_end,),
            env=environment,
            cwd="/",
        )
    os.close(write_end)
    return os.fdopen(read_end)


def _lines(reader: IO[str], deadline: float) -> Iterator[dict[str, Any]]:
    """Progress until the pipe ends. CommandError when nothing more comes before the deadline."""
    import select

    os.set_blocking(reader.fileno(), False)
    pending = ""
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([reader], [], [], remaining)[0]:
            raise CommandError(f"the cluster did not become ready within {_TIMEOUT_SECONDS:.0f} s")
        data = os.read(reader.fileno(), 65536).decode()
        if not data:
            return
        pending += data
        *whole, pending = pending.split("\n")
        yield from map(json.loads, whole)


def _follow(config: ClusterConfig, reader: IO[str]) -> None:
    for line in _lines(reader, time.monotonic() + _TIMEOUT_SECONDS):
        if line["step"] == "done":
            return
        if line["step"] == "error":
            raise CommandError(line["message"])
        print(f"  {_STEPS.get(line['step'], line['step']):<28} {line['seconds']:6.2f} s", flush=True)
    raise CommandError(f"the cluster ended while it was starting: {_last_line(config)}; see {config.log_file}")


def _last_line(config: ClusterConfig) -> str:
    lines = config.log_file.read_text(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "no output"


def _hints(config: ClusterConfig) -> None:
    address = _sample_address(config)
    print(f"\nkubeconfig: {config.admin_kubeconfig}")
    if address:
        print(f"sample application: {address}")
    print("\nThings to try:")
    print(f"  export KUBECONFIG={config.admin_kubeconfig}")
    print("  kubectl get pods -o wide")
    if address:
        print("  kubectl scale deployment hello --replicas 5")
        print(f"  curl {address}")
    else:
        print("  kubectl create deployment web --image web --replicas 3")
        print("  kubectl get nodes")
    print("\nStop it with: pybernetes down" + ("" if _is_default(config) else f" --data-dir {config.data_dir}"))


def _is_default(config: ClusterConfig) -> bool:
    return config.data_dir == Path("/var/lib/pybernetes")


def _sample_address(config: ClusterConfig) -> str:
    """Where the sample answers: the node's address and the service's node port."""
    try:
        facts = json.loads((config.data_dir / "sample.json").read_text())
        return f"http://{config.node_ip}:{facts['nodePort']}/"
    except (OSError, ValueError, KeyError):
        return ""


def _supervise(data_dir: Path) -> int:
    """Take the data directory's lock, then become the supervisor, which holds it for as long as the cluster runs."""
    from .. import supervise

    known = state.load(data_dir)
    if known is None:
        raise CommandError(f"{data_dir}/cluster.json is missing or damaged; start with: pybernetes up")
    lock = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _tell_error(f"{data_dir} is in use by another cluster; choose another with --data-dir")
        return 1
    os.set_inheritable(lock, True)
    state.save(state.own(known.config, sample_deployed=known.sample_deployed))
    child = [sys.executable, "-m", "pybernetes", *_flags(known.config)]
    return os.execv(sys.executable, [sys.executable, "-I", "-S", supervise.__file__, *child])


def _flags(config: ClusterConfig) -> list[str]:
    flags = ["server", "--data-dir", str(config.data_dir), "--api-port", str(config.api_port)]
    flags += ["--node-ip", config.node_ip, "--node-name", config.node_name]
    flags += ["--pod-cidr", config.pod_cidr, "--service-cidr", config.service_cidr]
    flags += ["--kubelet-port", str(config.kubelet_port), "--dns-port", str(config.dns_port)]
    flags += ["--log-level", config.log_level]
    flags += ["--hollow-nodes", str(config.hollow_nodes)] if config.hollow_nodes else ["--agent"]
    return flags if config.sample else [*flags, "--no-sample"]


def _tell_error(message: str) -> None:
    from ..progress import Progress

    Progress().tell("error", message=message)
