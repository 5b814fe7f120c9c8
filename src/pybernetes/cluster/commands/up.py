"""`up`: start the cluster in the background, show how far it is, print what to try.

up ── fork ──▶ supervise (writes cluster.json) ── fork ──▶ server --agent
 ◀──────────────── progress lines through a pipe ────────────┘
"""

import argparse
import contextlib
import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ... import GIT_VERSION
from ...base.http.net import join_host_port
from .. import preflight, state
from ..config import ClusterConfig, ConfigError
from ..progress import DESCRIPTOR
from . import joining
from .settings import CommandError, cluster_config, data_dir

__all__ = ["CommandError", "main"]

_STEPS = {
    "containerd": "Container runtime answers",
    "images": "Images imported",
    "etcd": "etcd has a majority",
    "apiserver": "API server is ready",
    "node": "Node is Ready",
    "nodes": "Nodes are Ready",
    "sample": "Sample application runs",
}
_TIMEOUT_SECONDS = 120.0
_ENDING_SECONDS = 5.0


def main(arguments: argparse.Namespace) -> int:
    """Start, or say that it runs already. The hidden `supervise` command is the background half."""
    if arguments.command == "supervise":
        return _supervise(arguments.data_dir)
    directory = data_dir(arguments)
    if state.owner(directory):
        print(f"The cluster in {directory} is running already; nothing to do.")
        _hints(_known(directory))
        return 0
    config, shared = joining.invited(arguments, cluster_config(arguments))
    for problem in preflight.problems(config, node=config.has_containers):
        raise CommandError(problem)
    print(f"Starting Pybernetes {GIT_VERSION} in {config.data_dir}", flush=True)
    try:
        if shared is not None:
            shared.write(config)
        state.save(config)
        supervisor, reader = _start(config)
    except OSError as error:
        hint = "; free some space there" if error.errno == errno.ENOSPC else ""
        raise CommandError(f"{error.filename or directory}: {error.strerror}{hint}") from None
    _warn(config)
    try:
        facts = _follow(config, reader)
    except CommandError:
        # What cannot start ends by itself. Only then may the next `up` follow, or it would find this one running.
        with contextlib.suppress(subprocess.TimeoutExpired):
            supervisor.wait(_ENDING_SECONDS)
        raise
    _hints(config)
    if config.etcd and (missing := joining.hint(facts.get("members", 1), config)):
        print(f"\n{missing}")
    return 0


def _warn(config: ClusterConfig) -> None:
    """Of what does not stand in the way of the start, but of pods."""
    if config.has_containers:
        from .kubelet_args import eviction_hard

        if warning := preflight.disk_warning(config.data_dir, eviction_hard(config)):
            print(f"Warning: {warning}", flush=True)


def _known(directory: Path) -> ClusterConfig:
    """The settings in force. CommandError when nothing tells them."""
    try:
        found = state.load(directory)
    except ConfigError as error:
        raise CommandError(str(error)) from None
    return found or ClusterConfig(data_dir=directory)


def _start(config: ClusterConfig) -> "tuple[subprocess.Popen[bytes], IO[str]]":
    """Start the supervisor detached from this terminal; it and the reading end of its progress."""
    read_end, write_end = os.pipe()
    environment = {**os.environ, DESCRIPTOR: str(write_end)}
    config.log_file.touch(mode=0o600)
    with config.log_file.open("ab") as sink:
        supervisor = subprocess.Popen(
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
    return supervisor, os.fdopen(read_end)


def _lines(reader: IO[str], deadline: float) -> Iterator[dict[str, Any]]:
    """Progress until the pipe ends. TimeoutError when nothing more comes before the deadline."""
    import select

    os.set_blocking(reader.fileno(), False)
    pending = ""
    while True:
        remaining = deadline - time.monotonic()
        if remaining <= 0 or not select.select([reader], [], [], remaining)[0]:
            raise TimeoutError
        data = os.read(reader.fileno(), 65536).decode()
        if not data:
            return
        pending += data
        *whole, pending = pending.split("\n")
        yield from map(json.loads, whole)


def _follow(config: ClusterConfig, reader: IO[str]) -> dict[str, Any]:
    """Show the steps of the start; the facts that were told with them."""
    facts: dict[str, Any] = {}
    waiting_for = ""
    try:
        for line in _lines(reader, time.monotonic() + _TIMEOUT_SECONDS):
            if line["step"] == "done":
                return facts
            if line["step"] == "error":
                raise CommandError(line["message"])
            if line["step"] == "waiting":
                waiting_for = f": {line['message']}"
                continue
            facts |= line
            print(f"  {_STEPS.get(line['step'], line['step']):<28} {line['seconds']:6.2f} s", flush=True)
    except TimeoutError:
        late = f"the cluster did not become ready within {_TIMEOUT_SECONDS:.0f} s{waiting_for}"
        raise CommandError(f"{late}; see {config.log_file}; stop it with: pybernetes down") from None
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
        print("  kubectl get nodes")
        if config.sample or not config.has_containers:
            from ..images import SAMPLE_IMAGE

            image = SAMPLE_IMAGE if config.has_containers else "web"
            print(f"  kubectl create deployment web --image {image} --replicas 3")
    print("\nStop it with: pybernetes down" + ("" if _is_default(config) else f" --data-dir {config.data_dir}"))


def _is_default(config: ClusterConfig) -> bool:
    return config.data_dir == Path("/var/lib/pybernetes")


def _sample_address(config: ClusterConfig) -> str:
    """Where the sample answers: the node's address and the service's node port."""
    try:
        facts = json.loads((config.data_dir / "sample.json").read_text())
        return f"http://{join_host_port(config.node_ip, facts['nodePort'])}/"
    except (OSError, ValueError, KeyError):
        return ""


def _supervise(directory: Path) -> int:
    """Own the data directory, then become the supervisor, which owns it for as long as the cluster runs."""
    from .. import supervise

    config = _known(directory)
    try:
        state.take(directory)
    except state.InUse as error:
        _tell_error(str(error))
        return 1
    child = [sys.executable, "-m", "pybernetes", *_flags(config)]
    return os.execv(sys.executable, [sys.executable, "-I", "-S", supervise.__file__, *child])


def _flags(config: ClusterConfig) -> list[str]:
    flags = ["server", "--data-dir", str(config.data_dir), "--api-port", str(config.api_port)]
    flags += ["--node-ip", ",".join(config.node_ips), "--node-name", config.node_name]
    flags += ["--pod-cidr", config.pod_cidr, "--service-cidr", config.service_cidr]
    flags += ["--kubelet-port", str(config.kubelet_port), "--dns-port", str(config.dns_port)]
    flags += ["--node-monitor-grace-period", str(config.node_monitor_grace_period)]
    flags += ["--cloud-provider", config.cloud_provider, "--log-level", config.log_level]
    for name, settings in (("--feature-gates", config.feature_gates), ("--runtime-config", config.runtime_config)):
        if settings:
            flags += [name, ",".join(f"{key}={str(value).lower()}" for key, value in settings.items())]
    flags += ["--hollow-nodes", str(config.hollow_nodes)] if config.hollow_nodes else ["--agent"]
    return [*flags, "--sample"] if config.sample else flags


def _tell_error(message: str) -> None:
    from ..progress import Progress

    Progress().tell("error", message=message)
