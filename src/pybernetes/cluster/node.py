"""A node in one process: container runtime, kubelet, proxy.

    containerd and our own images  |  waiting for the API
      kubelet  |  proxy                    side by side

Every part reaches the API with a client of its own identity; whether that client goes through a socket is decided by
whoever calls `serve`.
"""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

import msgspec

from ..base.log import logger
from ..base.tasks import Serve, restarting, running
from ..client.client import Client
from .config import ClusterConfig
from .containerd import Containerd
from .images import PAUSE, SAMPLE, ImageStore
from .progress import Progress

log = logger(__name__)

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
UNINITIALIZED = ("node.cloudprovider.kubernetes.io/uninitialized", "true", "NoSchedule")
"""The taint of a node that a cloud controller manager has not seen yet."""


class NodeClients(msgspec.Struct, frozen=True):
    """The clients of a node's parts."""

    kubelet: Client
    proxy: Client


class Node:
    """This machine as a node. `serve` is ready when the kubelet and the proxy are."""

    def __init__(
        self,
        config: ClusterConfig,
        clients: NodeClients,
        tls: ssl.SSLContext,
        *,
        control_plane: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._config = config
        self._clients = clients
        self._tls = tls
        self._control_plane = control_plane
        self._progress = progress or Progress()
        self._containerd = Containerd(config.containerd_dir)

    async def serve_runtime(self, ready: asyncio.Event) -> None:
        """containerd with our own images; can start before the API is there."""
        answering = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._containerd.serve(answering), name="containerd")
            await answering.wait()
            self._progress.tell("containerd")
            images = [PAUSE, SAMPLE] if self._config.sample else [PAUSE]
            await ImageStore(self._containerd.paths).ensure(images, self._config.images_dir)
            ready.set()

    async def abandon(self) -> None:
        """The start failed: end the runtime if it was this start that began it."""
        if self._containerd.was_started:
            await self._containerd.stop()

    async def serve(self, ready: asyncio.Event) -> None:
        """Run the node's parts; call it once the API and the runtime are ready."""
        parts: dict[str, Callable[[], Serve]] = {
            "kubelet": lambda: kubelet(
                self._config,
                self._clients.kubelet,
                self._containerd.paths.socket,
                self._tls,
                control_plane=self._control_plane,
            ),
            "proxy": lambda: proxy(self._config, self._clients.proxy),
        }
        async with asyncio.TaskGroup() as group:
            events = [asyncio.Event() for _ in parts]
            for (name, make), event in zip(parts.items(), events, strict=True):
                group.create_task(restarting(name, make)(event), name=name)
            for event in events:
                await event.wait()
            ready.set()


def kubelet(
    config: ClusterConfig, client: Client, socket: Path, tls: ssl.SSLContext, *, control_plane: bool = False
) -> Serve:
    """The kubelet with its real parts; `tls` is the context of its server."""
    from ..kubelet.assembly import RealKubelet
    from ..kubelet.config import KubeletConfig

    taints = [(CONTROL_PLANE_LABEL, "", "NoSchedule")] if control_plane and config.taint_control_plane else []
    is_external = config.cloud_provider == "external"
    settings = KubeletConfig(
        node_name=config.node_name,
        root_directory=str(config.kubelet_dir),
        logs_directory=str(config.data_dir / "log" / "pods"),
        container_runtime_socket=str(socket),
        static_pod_directory=str(config.data_dir / "manifests"),
        node_ips=(config.node_ip,),
        taints=[*taints, UNINITIALIZED] if is_external else taints,
        external_cloud_provider=is_external,
        cluster_dns=(config.dns_ip,),
        cluster_domain=config.cluster_domain,
        cni_config_directory=str(socket.parent / "cni"),
        cni_data_directory=str(config.data_dir / "cni"),
        port=config.kubelet_port,
    )
    return RealKubelet(
        settings, client, tls=tls, cgroup=config.cgroup, host=config.node_ip, healthz_port=config.healthz_port
    ).serve


def proxy(config: ClusterConfig, client: Client) -> Serve:
    """The service proxy and the network policies."""
    from ..proxy import Proxy, ProxyConfig
    from ..proxy.backend import LinuxBackend
    from ..proxy.network_policy import NetworkPolicyEnforcer

    settings = ProxyConfig(
        node_name=config.node_name,
        pod_cidr=config.pod_cidr,
        service_cidr=config.service_cidr,
        table=config.nftables_table,
        health_port=config.proxy_health_port,
    )
    backend = LinuxBackend()
    services = Proxy(settings, client, backend)
    policies = NetworkPolicyEnforcer(client, backend, node_name=config.node_name, table=config.nftables_policy_table)

    async def serve(ready: asyncio.Event) -> None:
        async with running("service proxy", services.serve), running("network policies", policies.serve):
            ready.set()
            await asyncio.get_running_loop().create_future()

    return serve
