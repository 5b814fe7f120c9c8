"""`status`: what is running, asked from the processes and the API, in a few plain lines."""

import argparse
import asyncio
from collections.abc import Iterable

from ...api.core import Node, Pod
from ...api.status import StatusError
from ...base.http.client_connection import TransportError
from ...client.client import Client
from .. import clients, state
from ..config import ClusterConfig, ConfigError
from ..containerd import Containerd
from ..waiting import is_node_ready
from .settings import CommandError, data_dir

__all__ = ["CommandError", "main"]


def main(arguments: argparse.Namespace) -> int:
    """Exit code 0 when the cluster runs and answers, 3 when it does not run."""
    directory = data_dir(arguments)
    pid, agent = state.owner(directory), state.owner(directory, state.AGENT)
    if not pid and not agent:
        print(f"No cluster is running in {directory}. Start one with: pybernetes up")
        return 3
    try:
        config = state.load(directory) or ClusterConfig(data_dir=directory)
    except ConfigError as error:
        raise CommandError(str(error)) from None
    runtime = Containerd(config.containerd_dir).process_id()
    for name, number in (("cluster:", pid), ("agent:", agent)):
        if number:
            print(f"{name:<12}process {number}, {resident_mib(number, without=runtime)} MiB")
    if config.containerd_dir.exists():
        shown = f"process {runtime}, {resident_mib(runtime)} MiB" if runtime else "not running"
        print(f"containerd: {shown}")
    if pid:
        print(f"kubeconfig: {config.admin_kubeconfig}")
        if config.etcd:
            asyncio.run(_ask_etcd(config))
        asyncio.run(_ask(config))
    return 0


async def _ask_etcd(config: ClusterConfig) -> None:
    """Who the members are, who leads, and who does not answer."""
    from ...store.etcd.members import Members
    from ...store.store import StoreError
    from ..etcd.certificates import address

    try:
        async with Members(address(config)) as members:
            healths = await members.health()
    except StoreError as error:
        print(f"etcd:       this machine's member does not answer: {error}")
        return
    leader = next((health.member.name for health in healths if health.is_leader), "nobody")
    answering = sum(1 for health in healths if not health.error)
    print(f"etcd:       {answering} of {len(healths)} members answer, {leader} leads")
    for health in healths:
        if health.error:
            print(f"            {health.member.name or '<none>'}, {health.member.peer_urls[0]}: {health.error}")


async def _ask(config: ClusterConfig) -> None:
    try:
        client = clients.local_admin(config, "status")
        async with asyncio.timeout(10):
            await _report(client, config)
    except (clients.ClientError, StatusError, TransportError, TimeoutError) as error:
        raise CommandError(f"the API server does not answer: {error}; see {config.log_file}") from None


async def _report(client: Client, config: ClusterConfig) -> None:
    nodes = list(await client.list(Node))
    pods = list(await client.list(Pod))
    ready = sum(1 for node in nodes if is_node_ready(node))
    running = len([pod for pod in pods if pod.status and pod.status.phase == "Running"])
    print(f"API server: https://127.0.0.1:{config.api_port}")
    print(f"nodes:      {ready} of {len(nodes)} ready")
    for node in nodes:
        if pressures := pressures_of(node):
            print(f"            {node.metadata.name}: {', '.join(pressures)}")
    print(f"pods:       {running} of {len(pods)} running")


def pressures_of(node: Node) -> list[str]:
    """What the node is short of: MemoryPressure and so on."""
    conditions = node.status.conditions if node.status else None
    return [c.type for c in conditions or () if c.type.endswith("Pressure") and c.status == "True"]


def _children(pid: int) -> Iterable[int]:
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(word) for word in file.read().split()]
    except OSError:
        return ()


def resident_mib(pid: int, *, without: int = 0) -> int:
    """Resident memory of a process and its descendants in MiB; those below `without` do not count."""
    total, todo = 0, [pid]
    while todo:
        number = todo.pop()
        if number == without:
            continue
        todo += _children(number)
        try:
            with open(f"/proc/{number}/statm") as file:
                total += int(file.read().split()[1]) * 4096
        except OSError:
            continue
    return total >> 20
