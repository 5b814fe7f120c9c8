"""The foreground commands: `server`, `agent`, and each component alone.

All of them end on SIGTERM or SIGINT, in the reverse order of their start, with exit code 0.
"""

import argparse
import asyncio
import contextlib
import gc
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from ...api.status import StatusError
from ...base import log
from ...base.http.client_connection import TransportError
from ...base.tasks import Serve, running
from ...base.x509 import CertificateError, KeyPair
from ...store.store import StoreError
from .. import clients, pki
from ..config import ClusterConfig
from ..containerd import ContainerdError
from ..images import ImageError
from ..progress import Progress
from .settings import CommandError, cluster_config

__all__ = ["CommandError", "main"]

Body = Coroutine[Any, Any, None]
CRASHED = 70
"""Exit code after an error in operation: another start may help. Code 1 means that it cannot."""
_MENDABLE = (
    StoreError,
    OSError,
    CertificateError,
    ImageError,
    clients.ClientError,
    TransportError,
    StatusError,
    ContainerdError,
)


def main(arguments: argparse.Namespace) -> int:
    """Run until told to end."""
    config = cluster_config(arguments)
    log.configure(config.log_level)
    command: Callable[[argparse.Namespace, ClusterConfig, Progress], Body] = _COMMANDS[arguments.command]
    progress = Progress()
    try:
        _run(_until_signal(command(arguments, config, progress)))
    except (BaseExceptionGroup, *_MENDABLE) as error:
        if progress.complete:
            log.logger(__name__).exception("Ended by an error")
            return CRASHED
        raise _explained(error, progress) from None
    return 0


def _run(body: Body) -> None:
    """Run with the faster loop. The collector looks rarely: what lives long is large, what dies dies young."""
    gc.set_threshold(50_000, 20, 100)
    try:
        import uvloop
    except ImportError:
        asyncio.run(body)
    else:
        uvloop.run(body)


def _explained(error: BaseException, progress: Progress) -> Exception:
    """The first mendable error of a group as one line; anything else is a bug and keeps its traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, _MENDABLE):
        message = str(error) or type(error).__name__
        progress.tell("error", message=message)
        return CommandError(message)
    raise error


async def _until_signal(body: Body) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(body)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


# The whole cluster, or its two halves


async def _server(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    """The control plane; with --agent or --hollow-nodes its nodes as well."""
    from ..control_plane import ControlPlane, open_store

    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    keys = pki.ensure(config)
    plane = ControlPlane(config, keys, open_store(config, memory=arguments.memory), progress)
    async with AsyncExitStack() as stack:
        if arguments.agent:
            await stack.enter_async_context(_with_node(config, keys, plane, progress))
        else:
            await stack.enter_async_context(running("control-plane", plane.serve))
        if config.hollow_nodes:
            await stack.enter_async_context(running("hollow-nodes", _hollow_nodes(config, plane.app)))
            progress.tell("nodes")
        if config.sample:
            from ..sample import deploy_once

            await deploy_once(config, plane.admin, progress)
        progress.finish()
        gc.freeze()
        await asyncio.get_running_loop().create_future()


@asynccontextmanager
async def _with_node(config: ClusterConfig, keys: pki.Pki, plane: Any, progress: Progress) -> AsyncIterator[None]:
    """Control plane and node side by side: containerd starts while the API server does."""
    from ...api.core import Node as NodeObject
    from ...api.user import component
    from ..addons.dns import USER as DNS_USER
    from ..node import CONTROL_PLANE_LABEL, Node, NodeClients
    from ..waiting import is_node_ready, wait_for

    def client(user: Any) -> Any:
        return clients.in_process(plane.app, user)

    node_clients = NodeClients(
        kubelet=client(clients.node_user(config.node_name)),
        proxy=client(component("system:kube-proxy")),
        dns=client(component(DNS_USER)),
    )
    node = Node(
        config,
        node_clients,
        keys.kubelet_serving,
        keys.ca.certificate_pem,
        control_plane=True,
        progress=progress,
    )
    async with asyncio.TaskGroup() as group:
        runtime_ready, plane_ready, node_ready = asyncio.Event(), asyncio.Event(), asyncio.Event()
        tasks = [
            group.create_task(node.serve_runtime(runtime_ready), name="runtime"),
            group.create_task(plane.serve(plane_ready), name="control-plane"),
        ]
        await plane_ready.wait()
        await runtime_ready.wait()
        tasks.append(group.create_task(node.serve(node_ready), name="node"))
        await node_ready.wait()
        await plane.admin.patch(NodeObject, config.node_name, body={"metadata": {"labels": {CONTROL_PLANE_LABEL: ""}}})
        await wait_for(plane.admin, NodeObject, config.node_name, "", is_node_ready)
        progress.tell("node")
        try:
            yield
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.wait([task])


async def _agent(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    """A node that joins with a token, or comes back with the credentials it got then."""
    from ..join import join
    from ..node import Node, NodeClients

    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    joined = await join(config, arguments.server, arguments.token, arguments.ca_cert_hash)
    node = Node(
        config,
        NodeClients(kubelet=joined.client, proxy=joined.client),
        joined.serving,
        joined.ca,
        progress=progress,
    )
    async with running("runtime", node.serve_runtime), running("node", node.serve):
        progress.tell("node")
        await asyncio.get_running_loop().create_future()


# Each component alone


async def _apiserver(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..control_plane import make_server, open_store, second_listener

    config.data_dir.mkdir(parents=True, exist_ok=True, mode=0o711)
    keys = pki.ensure(config)
    store = open_store(config)
    server = make_server(config, keys, store)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("store", store.serve))
        await stack.enter_async_context(running("apiserver", server.serve))
        if config.node_ip != "127.0.0.1":
            outer = second_listener(config, keys, server.app)
            await stack.enter_async_context(running("apiserver-node-address", outer))
        progress.tell("apiserver")
        await asyncio.get_running_loop().create_future()


def _kubeconfig(arguments: argparse.Namespace, config: ClusterConfig, name: str) -> Path:
    return arguments.kubeconfig or config.data_dir / f"{name}.kubeconfig"


async def _alone(name: str, serve: Serve) -> None:
    async with running(name, serve):
        await asyncio.get_running_loop().create_future()


async def _controller_manager(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..control_plane import controller_manager

    client = clients.from_kubeconfig(_kubeconfig(arguments, config, "controller-manager"), "controller-manager")
    await _alone("controller-manager", controller_manager(config, pki.ensure(config), lambda name: client))


async def _scheduler(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..control_plane import scheduler

    client = clients.from_kubeconfig(_kubeconfig(arguments, config, "scheduler"), "scheduler")
    await _alone("scheduler", scheduler(config, client))


async def _kubelet(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..containerd import Containerd
    from ..node import kubelet

    path = _kubeconfig(arguments, config, "kubelet")
    client = clients.from_kubeconfig(path, "kubelet")
    certificate, key = config.pki / "kubelet.crt", config.pki / "kubelet.key"
    serving = KeyPair.load(certificate, key)
    ca = clients.rest_config(path).ca_data
    socket = Containerd(config.containerd_dir).paths.socket
    await _alone("kubelet", kubelet(config, client, socket, serving, ca))


async def _proxy(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..node import proxy

    await _alone("proxy", proxy(config, clients.from_kubeconfig(_kubeconfig(arguments, config, "proxy"), "proxy")))


async def _dns(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..node import dns_server

    await _alone("dns", dns_server(config, clients.from_kubeconfig(_kubeconfig(arguments, config, "dns"), "dns")))


def _hollow_nodes(config: ClusterConfig, app: Any) -> Serve:
    from ...kubelet.hollow import HollowNodes

    return HollowNodes(lambda name: clients.in_process(app, clients.node_user(name)), config.hollow_nodes).serve


_COMMANDS: dict[str, Callable[[argparse.Namespace, ClusterConfig, Progress], Body]] = {
    "server": _server,
    "agent": _agent,
    "apiserver": _apiserver,
    "controller-manager": _controller_manager,
    "scheduler": _scheduler,
    "kubelet": _kubelet,
    "proxy": _proxy,
    "dns": _dns,
}
