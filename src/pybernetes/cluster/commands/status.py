"""`status`: what is running, asked from the processes and the API, in a few plain lines."""

import argparse
import asyncio
from collections.abc import Iterable

from ...api.core import Node, Pod
from ...api.status import StatusError
from ...base.http.client_connection import TransportError
from ...client.client import Client
from .. import clients, state
from ..config import ClusterConfig
from ..containerd import Containerd
from ..waiting import is_node_ready
from .settings import CommandError

__all__ = ["CommandError", "main"]


def main(arguments: argparse.Namespace) -> int:
    """Exit code 0 when the cluster runs and answers, 3 when it does not run."""
    data_dir = arguments.data_dir.expanduser().absolute()
    known = state.load(data_dir)
    if known is None or not state.is_running(known):
        print(f"No cluster is running in {data_dir}. Start one with: pybernetes up")
        return 3
    config = known.config
    print(f"process:    {known.pid}, resident {resident_mib(known.pid)} MiB")
    if config.has_containers:
        number = Containerd(config.containerd_dir).process_id()
        print(f"containerd: {number or 'not running'}")
    print(f"kubeconfig: {config.admin_kubeconfig}")
    asyncio.run(_ask(config))
    return 0


async def _ask(config: ClusterConfig) -> None:
    client = clients.from_kubeconfig(config.admin_kubeconfig, "status")
    try:
        async with asyncio.timeout(10):
            await _report(client, config)
    except (StatusError, TransportError, TimeoutError) as error:
        raise CommandError(f"the API server does not answer: {error}; see {config.log_file}") from None


async def _report(client: Client, config: ClusterConfig) -> None:
    nodes = list(await client.list(Node))
    pods = list(await client.list(Pod))
    ready = sum(map(is_node_ready, nodes))
    running = sum(1 for pod in pods if pod.status and pod.status.phase == "Running")
    print(f"API server: https://127.0.0.1:{config.api_port}")
    print(f"nodes:      {ready} of {len(nodes)} ready")
    print(f"pods:       {running} of {len(pods)} running")


def _children(pid: int) -> Iterable[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return ()


def resident_mib(pid: int) -> int:
    """Resident memory of a process and its descendants in MiB."""
    total, todo = 0, [pid]
    while todo:
        number = todo.pop()
        todo += _children(number)
        try:
            with open(f"/proc/{number}/statm") as file:
                total += int(file.read().split()[1]) * 4096
        except OSError:
            continue
    return total >> 20
