"""The foreground commands: `server`, `agent`, and each component alone.

All of them end on SIGTERM or SIGINT, in the reverse order of their start, with exit code 0.
"""

import argparse
import asyncio
import contextlib
import gc
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from ...api.status import StatusError
from ...base import log
from ...base.clock import SYSTEM_CLOCK
from ...base.http.client_connection import TransportError
from ...base.tasks import Serve, restarting, running
from ...base.x509 import CertificateError, server_context
from ...store.store import StoreError
from .. import clients, pki, preflight, state
from ..config import ClusterConfig
from ..containerd import ContainerdError
from ..images import ImageError
from ..join import JoinError
from ..progress import Progress
from .settings import CommandError, cluster_config

__all__ = ["CommandError", "main"]

Body = Coroutine[Any, Any, None]
_DESCRIPTORS = 65_536
CRASHED = 70
"""Exit code after an error in operation: another start may help. Code 1 means that it cannot."""
_MENDABLE = (
    StoreError,
    OSError,
    CertificateError,
    ImageError,
    clients.ClientError,
    JoinError,
    state.InUse,
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
    """Run with the faster loop. The collector looks rarely: what lives long is large, what dies dies young. A thread
    that waits for the interpreter gets it after a millisecond: the store's writer works beside a busy loop (a batch in
    2 ms instead of 6). Of file descriptors, one for each connection, there are as many as may be had within reason (Go
    takes all, by itself)."""
    gc.set_threshold(50_000, 20, 100)
    sys.setswitchinterval(0.001)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
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
        message = _system_error(error) if isinstance(error, OSError) else str(error) or type(error).__name__
        progress.tell("error", message=message)
        return CommandError(message)
    raise error


def _system_error(error: OSError) -> str:
    """`No space left on device: /var/lib/...`, without the number."""
    if not error.strerror:
        return str(error) or type(error).__name__
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


async def _until_signal(body: Body) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(body)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task


# The whole cluster, or its two halves


def _own(config: ClusterConfig, *, node: bool, dns: bool = True) -> None:
    """See that a start can work and own the data directory, unless `up` and the supervisor have done both."""
    owner = state.owner(config.data_dir)
    if owner and owner == os.getppid():  # the first process of a PID namespace has the parent 0
        return
    if owner:
        raise state.InUse(state.in_use(config.data_dir, owner))
    _check(config, api=True, node=node, dns=dns)
    state.take(config.data_dir)
    state.save(config)


def _check(config: ClusterConfig, *, api: bool, node: bool, dns: bool = False) -> None:
    """Refuse to start where it cannot work. CommandError with the most fundamental problem."""
    for problem in preflight.problems(config, api=api, node=node, dns=dns):
        raise CommandError(problem)


async def _server(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    """The control plane; with --agent or --hollow-nodes its nodes as well."""
    from ..control_plane import ControlPlane, open_store

    _own(config, node=arguments.agent)
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
        # Before a cloud has seen the node nothing may run there, so there is nothing to wait for.
        if config.sample and arguments.sample and config.cloud_provider != "external":
            from ..sample import deploy_once

            await deploy_once(config, plane.admin, progress)
        gc.freeze()
        await _for_ever(progress)


@asynccontextmanager
async def _with_node(config: ClusterConfig, keys: pki.Pki, plane: Any, progress: Progress) -> AsyncIterator[None]:
    """Control plane and node side by side: containerd starts while the API server does."""
    from ...api.core import Node as NodeObject
    from ...api.user import component
    from ..node import CONTROL_PLANE_LABEL, Node, NodeClients
    from ..waiting import is_node_ready, wait_for

    def client(user: Any) -> Any:
        return clients.in_process(plane.app, user)

    node_clients = NodeClients(
        kubelet=client(clients.node_user(config.node_name)),
        proxy=client(component("system:kube-proxy")),
    )
    node = Node(
        config,
        node_clients,
        server_context(keys.kubelet_serving, client_ca=keys.ca.certificate_pem),
        control_plane=True,
        progress=progress,
    )
    started = False
    try:
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
            labels = {"metadata": {"labels": {CONTROL_PLANE_LABEL: ""}}}
            await plane.admin.patch(NodeObject, config.node_name, body=labels)
            await wait_for(plane.admin, NodeObject, config.node_name, "", is_node_ready)
            progress.tell("node")
            started = True
            try:
                yield
            finally:
                for task in reversed(tasks):
                    task.cancel()
                    await asyncio.wait([task])
    finally:
        if not started:
            await node.abandon()


async def _agent(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    """A node that joins with a token, or comes back with the credentials it got then."""
    from ..join import join
    from ..node import Node, NodeClients

    _check(config, api=False, node=True)
    state.take(config.data_dir, state.AGENT)
    joined = await join(
        config,
        arguments.kubeconfig or config.node_kubeconfig,
        arguments.server,
        arguments.token,
        arguments.ca_cert_hash,
    )
    certificates = joined.certificates
    node = Node(
        joined.config,
        NodeClients(kubelet=certificates.client, proxy=certificates.proxy_client),
        certificates.server_tls,
        progress=progress,
    )
    async with (
        running("runtime", node.serve_runtime),
        running("node", node.serve),
        running("certificates", certificates.serve),
    ):
        progress.tell("node")
        await _for_ever(progress)


async def _for_ever(progress: Progress) -> None:
    """The start is over; until the signal."""
    progress.finish()
    await asyncio.get_running_loop().create_future()


# Each component alone


async def _apiserver(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..addons.apply import apply
    from ..control_plane import ADMIN, add_ons, make_server, open_store
    from . import kube_apiserver

    if kube_apiserver.is_meant(arguments):
        async with AsyncExitStack() as stack:
            await kube_apiserver.serve(arguments, progress, stack)
            await _for_ever(progress)
    _own(config, node=False, dns=False)
    keys = pki.ensure(config)
    store = open_store(config)
    try:
        server = make_server(config, keys, store, lambda own: kube_apiserver.adjusted(own, arguments))
    except ValueError as error:  # a flag's value, or a file it names
        raise CommandError(str(error)) from None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("store", store.serve))
        await stack.enter_async_context(running("apiserver", server.serve))
        if config.node_ip != "127.0.0.1":
            outer = server.listener(config.node_ip, config.api_port).serve
            await stack.enter_async_context(running("apiserver-node-address", outer))
        progress.tell("apiserver")
        await apply(clients.in_process(server.app, ADMIN), add_ons(config, keys))
        await _for_ever(progress)


def _kubeconfig(arguments: argparse.Namespace, config: ClusterConfig, name: str) -> Path:
    return arguments.kubeconfig or config.data_dir / f"{name}.kubeconfig"


async def _alone(name: str, serve: Serve, progress: Progress) -> None:
    async with running(name, serve):
        await _for_ever(progress)


async def _controller_manager(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ...reconcile.manager_pages import ManagerPages
    from ..control_plane import controller_manager
    from ..controller_clients import controller_clients

    connection = clients.rest_config(_kubeconfig(arguments, config, "controller-manager"))
    client_for, keys = controller_clients(connection), pki.ensure(config)
    pages = ManagerPages(client_for(clients.MANAGER), SYSTEM_CLOCK, client_ca=keys.ca.certificate_pem)
    try:
        serve = controller_manager(config, keys, client_for, pages, _selected(arguments))
    except ValueError as error:  # a controller that does not exist
        raise CommandError(str(error)) from None
    async with _shown(arguments, pages):
        await _alone("controller-manager", serve, progress)


def _selected(arguments: argparse.Namespace) -> tuple[str, ...]:
    """The items of `--controllers`, which may be repeated."""
    return tuple(word for item in arguments.controllers or ["*"] for word in item.split(","))


@asynccontextmanager
async def _shown(arguments: argparse.Namespace, pages: Any) -> AsyncIterator[None]:
    """Serve a component's pages meanwhile, where the flags want them."""
    async with AsyncExitStack() as stack:
        if arguments.secure_port:
            server = pages.server(arguments.bind_address, arguments.secure_port)
            await stack.enter_async_context(running("pages", server.serve))
        yield


async def _cloud_controller_manager(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ...cloud.local import LocalProvider
    from ...cloud.manager import CONFIGURATION, MANAGER, CloudConfig, CloudControllerManager
    from ...cloud.provider import CloudProvider
    from ...cloud.providers import provider
    from ...reconcile.manager_pages import ManagerPages
    from ..control_plane import reserved_ports

    name: str = arguments.provider
    settings = CloudConfig(
        controllers=_selected(arguments),
        identity=config.node_name,
        cluster_name=arguments.cluster_name,
        cluster_cidrs=(config.pod_cidr,),
        configure_cloud_routes=arguments.configure_cloud_routes != "false",
    )
    client = clients.from_kubeconfig(
        _kubeconfig(arguments, config, "cloud-controller-manager"), "cloud-controller-manager"
    )
    try:
        if name == LocalProvider.name:
            cloud: CloudProvider = LocalProvider(config.node_port_range, reserved_ports(config))
        else:
            cloud = provider(name, arguments.cloud_config.read_text() if arguments.cloud_config else "")
        manager = CloudControllerManager(lambda _: client, cloud, settings)
    except ValueError as error:  # a provider, or a controller, that does not exist
        raise CommandError(str(error)) from None
    pages = ManagerPages(client, SYSTEM_CLOCK, name=MANAGER, configuration=CONFIGURATION)
    async with _shown(arguments, pages):
        await _alone("cloud-controller-manager", lambda ready: pages.follow(manager, ready), progress)


async def _scheduler(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ...scheduler.config import SchedulerConfig
    from ...scheduler.configuration.load import ConfigurationError, read
    from ...scheduler.monitoring import Monitoring
    from ..control_plane import scheduler

    settings = None
    if arguments.config is not None:
        try:
            settings = SchedulerConfig.of(read(arguments.config))
        except ConfigurationError as error:
            raise CommandError(f"{arguments.config}: {error}") from None
    client = clients.from_kubeconfig(_kubeconfig(arguments, config, "scheduler"), "scheduler")
    monitoring = Monitoring(settings or SchedulerConfig(), client, SYSTEM_CLOCK)
    async with _shown(arguments, monitoring):
        await _alone("scheduler", scheduler(config, client, settings, monitoring), progress)


async def _kubelet(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..containerd import Containerd
    from ..node import kubelet
    from ..node_certificates import NodeCertificates

    path = _kubeconfig(arguments, config, "kubelet")
    certificates = NodeCertificates(config, clients.rest_config(path), path)
    socket = arguments.container_runtime_endpoint or Containerd(config.containerd_dir).paths.socket
    serve = kubelet(config, certificates.client, socket, certificates.server_tls)
    async with running("kubelet", serve), running("certificates", certificates.serve):
        await _for_ever(progress)


async def _proxy(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..node import proxy

    client = clients.from_kubeconfig(_kubeconfig(arguments, config, "proxy"), "proxy")
    await _alone("proxy", proxy(config, client), progress)


async def _dns(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..control_plane import dns_server

    client = clients.from_kubeconfig(_kubeconfig(arguments, config, "dns"), "dns")
    await _alone("dns", dns_server(config, client), progress)


async def _metrics_server(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..addons import metrics
    from ..metrics_server import after_the_start, own_connection

    keys = pki.ensure(config)
    admin = clients.from_kubeconfig(_kubeconfig(arguments, config, "admin"), metrics.NAME)
    own = own_connection(config, keys)
    await _alone(metrics.NAME, restarting(metrics.NAME, lambda: after_the_start(config, keys, admin, own)), progress)


def _hollow_nodes(config: ClusterConfig, app: Any) -> Serve:
    from ...kubelet.hollow import HollowNodes

    return HollowNodes(lambda name: clients.in_process(app, clients.node_user(name)), config.hollow_nodes).serve


_COMMANDS: dict[str, Callable[[argparse.Namespace, ClusterConfig, Progress], Body]] = {
    "server": _server,
    "agent": _agent,
    "apiserver": _apiserver,
    "controller-manager": _controller_manager,
    "cloud-controller-manager": _cloud_controller_manager,
    "scheduler": _scheduler,
    "kubelet": _kubelet,
    "proxy": _proxy,
    "dns": _dns,
    "metrics-server": _metrics_server,
}
