"""The foreground commands: `server`, `agent`, and each component alone.

All of them end on SIGTERM or SIGINT (foreground.py), in the reverse order of their start, with exit code 0. A node with
a shutdown grace period ends its pods first; a second signal ends it at once.
"""

import argparse
import asyncio
import contextlib
import gc
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ...api.status import StatusError
from ...base import log
from ...base.clock import SYSTEM_CLOCK
from ...base.http.client_connection import TransportError
from ...base.tasks import Serve, restarting, running
from ...base.x509 import CertificateError
from ...store.store import StoreError
from .. import clients, pki, preflight, state
from ..config import ClusterConfig
from ..containerd import ContainerdError
from ..images import ImageError
from ..join import JoinError
from ..progress import Progress
from .foreground import Body, for_ever, kept, run, until_signal
from .settings import CommandError, cluster_config

if TYPE_CHECKING:
    from ..control_plane import Adjust
    from ..node import AdjustKubelet, Node

__all__ = ["CommandError", "main"]

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
        run(until_signal(kept(command(arguments, config, progress), config)))
    except (BaseExceptionGroup, *_MENDABLE) as error:
        if progress.complete:
            log.logger(__name__).exception("Ended by an error")
            return CRASHED
        raise _explained(error, progress) from None
    return 0


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
    from ...api.core import ServiceAccount
    from ..control_plane import ControlPlane, open_store
    from ..host_components import HostComponents
    from ..waiting import wait_for

    _own(config, node=arguments.agent)
    keys = pki.ensure(config)
    known = HostComponents(config.last_run_file)
    store = open_store(config, progress, memory=arguments.memory, components=known)
    with _explaining(config.kube_apiserver_args):
        plane = ControlPlane(config, keys, store, progress, known, _adjusted(config))
    node = None
    async with AsyncExitStack() as stack:
        stack.enter_context(known.telling_its_end())
        if arguments.agent:
            node = await stack.enter_async_context(_with_node(config, keys, plane, known, progress))
        else:
            await stack.enter_async_context(running("control-plane", plane.serve))
        if config.hollow_nodes:
            await stack.enter_async_context(running("hollow-nodes", _hollow_nodes(config, plane.app)))
            progress.tell("nodes")
        # Pods of that namespace are refused until then.
        await wait_for(plane.admin, ServiceAccount, "default", "default", lambda account: True)
        if config.sample and arguments.sample and _runs_applications(config):
            from ..sample import deploy_once

            await deploy_once(config, plane.admin, progress)
        known.has_started()
        gc.freeze()
        await for_ever(progress, node.shut_down if node is not None else None)


def _adjusted(config: ClusterConfig, more: Mapping[str, Any] | None = None) -> "Adjust":
    """What `--kube-apiserver-arg`, and flags that count more, make of the API server's settings."""
    if not config.kube_apiserver_args and not more:
        return lambda own: own
    from .server_args import adjusted

    return lambda own: adjusted(own, config.kube_apiserver_args, more or {})


def _adjusted_kubelet(config: ClusterConfig) -> "AdjustKubelet":
    """What `--kubelet-arg` makes of the kubelet's settings."""
    if not config.kubelet_args:
        return lambda own: own
    from .kubelet_args import adjusted

    return lambda own: adjusted(own, config.kubelet_args)


@contextlib.contextmanager
def _explaining(flags: object) -> Iterator[None]:
    """Where there are flags, a ValueError is about one of them, or a file that it names."""
    try:
        yield
    except ValueError as error:
        if not flags:
            raise
        raise CommandError(str(error)) from None


def _runs_applications(config: ClusterConfig) -> bool:
    """Whether there is anything to wait for: nothing runs here before a cloud has seen the node, nor with the taint."""
    tainted = config.has_containers and config.keeps_applications_off
    return config.cloud_provider != "external" and not tainted


@asynccontextmanager
async def _with_node(
    config: ClusterConfig, keys: pki.Pki, plane: Any, known: Any, progress: Progress
) -> AsyncIterator["Node"]:
    """Control plane and node side by side: containerd starts while the API server does. The node shows what is known to
    run in this process."""
    from ...api.core import Node as NodeObject
    from ...api.user import component
    from ...apiserver.reload.pairs import FollowedPair
    from ..node import CONTROL_PLANE_LABEL, Node, NodeClients
    from ..waiting import is_node_ready, wait_for

    def client(user: Any) -> Any:
        return clients.in_process(plane.app, user)

    node_clients = NodeClients(
        kubelet=client(clients.node_user(config.node_name)),
        proxy=client(component("system:kube-proxy")),
    )
    serving = FollowedPair(
        "kubelet serving certificate", *(str(config.pki / f"kubelet.{kind}") for kind in ("crt", "key"))
    )
    plane.server.followed.append(serving.files)
    node = Node(
        config,
        node_clients,
        serving.server_context(keys.ca.certificate_pem),
        control_plane=True,
        progress=progress,
        components=known,
        adjust=_adjusted_kubelet(config),
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
                yield node
            finally:
                for task in reversed(tasks):
                    task.cancel()
                    await asyncio.wait([task])
    finally:
        if not started:
            await node.abandon()


async def _agent(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    """A node that joins with a token, or comes back with the credentials it got then."""
    from ..host_components import HostComponents
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
    known = HostComponents(config.last_run_file.with_name("agent-last-run"))
    node = Node(
        joined.config,
        NodeClients(kubelet=certificates.client, proxy=certificates.proxy_client),
        certificates.server_tls,
        progress=progress,
        components=known,
        adjust=_adjusted_kubelet(config),
    )
    with known.telling_its_end():
        async with (
            running("runtime", node.serve_runtime),
            running("certificates", certificates.serve),
            running("node", node.serve),
        ):
            progress.tell("node")
            known.has_started()
            await for_ever(progress, node.shut_down)


# Each component alone


async def _apiserver(arguments: argparse.Namespace, config: ClusterConfig, progress: Progress) -> None:
    from ..control_plane import ADMIN, apply_add_ons, endpoint_parts, make_server, open_store
    from . import kube_apiserver

    if kube_apiserver.is_meant(arguments):
        async with AsyncExitStack() as stack:
            await kube_apiserver.serve(arguments, progress, stack)
            await for_ever(progress)
    _own(config, node=False, dns=False)
    keys = pki.ensure(config)
    store = open_store(config, progress)
    more = kube_apiserver.parsed(arguments)
    with _explaining(config.kube_apiserver_args or more):
        server = make_server(config, keys, store, _adjusted(config, more))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running("store", store.serve))
        await stack.enter_async_context(running("apiserver", server.serve))
        for address in config.node_ips:
            if address != "127.0.0.1":
                outer = server.listener(address, config.api_port).serve
                await stack.enter_async_context(running("apiserver-node-address", outer))
        progress.tell("apiserver")
        admin = clients.in_process(server.app, ADMIN)
        await apply_add_ons(admin, config, keys)
        for name, make in endpoint_parts(config, admin).items():
            await stack.enter_async_context(running(name, restarting(name, make)))
        await for_ever(progress)


def _kubeconfig(arguments: argparse.Namespace, config: ClusterConfig, name: str) -> Path:
    return arguments.kubeconfig or config.data_dir / f"{name}.kubeconfig"


async def _alone(name: str, serve: Serve, progress: Progress) -> None:
    async with running(name, serve):
        await for_ever(progress)


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
        cluster_cidrs=tuple(config.pod_cidr.split(",")),
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
    if arguments.config is not None:
        config = msgspec.structs.replace(config, kubelet_args=(f"config={arguments.config}", *config.kubelet_args))
    adjust = _adjusted_kubelet(config)
    made = kubelet(config, certificates.client, socket, certificates.server_tls, adjust=adjust)
    async with running("certificates", certificates.serve), running("kubelet", made.serve):
        await for_ever(progress, made.shut_down)


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
    serve = restarting(metrics.NAME, lambda: after_the_start(config, keys, admin, own))

    async def at_once(ready: asyncio.Event) -> None:
        ready.set()  # it may be long until there is a node to measure
        await serve(asyncio.Event())

    await _alone(metrics.NAME, at_once, progress)


def _hollow_nodes(config: ClusterConfig, app: Any) -> Serve:
    from ...kubelet.hollow import HollowNodes
    from ..families import networks

    families = [network.version for network in networks(config.pod_cidr)]
    return HollowNodes(
        lambda name: clients.in_process(app, clients.node_user(name)), config.hollow_nodes, families=families
    ).serve


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
