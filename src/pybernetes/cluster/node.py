"""A node in one process: container runtime, kubelet, proxy.

    containerd and our own images  |  waiting for the API
      kubelet  |  proxy                    side by side

Every part reaches the API with a client of its own identity; whether that client goes through a socket is decided by
whoever calls `serve`.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ..base.log import logger
from ..base.tasks import Serve, restarting, running
from ..client.client import Client
from ..kubelet.host_component import HostComponent
from . import kubelet_link
from .config import ClusterConfig
from .containerd import Containerd
from .host_components import PROXY, HostComponents, TellHealth, no_health
from .images import PAUSE, SAMPLE, ImageStore
from .kubelet_flags import EVICTION_HARD, IMAGE_GC_HIGH_PERCENT, IMAGE_GC_LOW_PERCENT
from .progress import Progress

if TYPE_CHECKING:
    from ..kubelet.assembly import RealKubelet
    from ..kubelet.config import KubeletConfig

log = logger(__name__)

CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane"
UNINITIALIZED = ("node.cloudprovider.kubernetes.io/uninitialized", "true", "NoSchedule")
"""The taint of a node that a cloud controller manager has not seen yet."""


AdjustKubelet = Callable[["KubeletConfig"], "KubeletConfig"]


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
        components: HostComponents | None = None,
        adjust: AdjustKubelet = lambda own: own,
    ) -> None:
        self._config = config
        self._adjust = adjust
        self._clients = clients
        self._tls = tls
        self._control_plane = control_plane
        self._progress = progress or Progress()
        self._components = components or HostComponents()
        self._containerd = Containerd(config.containerd_dir)
        self._kubelet: RealKubelet | None = None

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
        known, health = self._components, self._components.health_of(PROXY)
        parts = {
            "kubelet": restarting("kubelet", self._make_kubelet),
            "proxy": known.supervised(PROXY, lambda: proxy(self._config, self._clients.proxy, health)),
        }
        async with asyncio.TaskGroup() as group:
            events = [asyncio.Event() for _ in parts]
            for (name, serve), event in zip(parts.items(), events, strict=True):
                group.create_task(serve(event), name=name)
            for event in events:
                await event.wait()
            ready.set()

    def _make_kubelet(self) -> Serve:
        self._kubelet = kubelet(
            self._config,
            self._clients.kubelet,
            self._containerd.paths.socket,
            self._tls,
            control_plane=self._control_plane,
            components=self._components.components,
            adjust=self._adjust,
        )
        return self._kubelet.serve

    async def shut_down(self) -> None:
        """The machine goes down, or this node: its pods are ended if it has a shutdown grace period."""
        if self._kubelet is not None:
            await self._kubelet.shut_down()


def kubelet(
    config: ClusterConfig,
    client: Client,
    socket: Path,
    tls: ssl.SSLContext,
    *,
    control_plane: bool = False,
    components: Sequence[HostComponent] = (),
    adjust: AdjustKubelet = lambda own: own,
) -> "RealKubelet":
    """The kubelet with its real parts; `tls` is the context of its server, `components` what else this process runs,
    `adjust` what is made of its settings."""
    from ..kubelet.assembly import RealKubelet
    from ..kubelet.config import KubeletConfig

    taints = [(CONTROL_PLANE_LABEL, "", "NoSchedule")] if control_plane and config.keeps_applications_off else []
    is_external = config.cloud_provider == "external"
    settings = KubeletConfig(
        node_name=config.node_name,
        root_directory=str(config.kubelet_dir),
        logs_directory=str(config.data_dir / "log" / "pods"),
        container_runtime_socket=str(socket),
        static_pod_directory=str(config.data_dir / "manifests"),
        node_ips=config.node_ips,
        taints=[*taints, UNINITIALIZED] if is_external else taints,
        external_cloud_provider=is_external,
        cluster_dns=(config.dns_ip,),
        cluster_domain=config.cluster_domain,
        cni_config_directory=str(socket.parent / "cni"),
        cni_data_directory=str(config.data_dir / "cni"),
        port=config.kubelet_port,
        eviction_hard=EVICTION_HARD,
        image_gc_high_percent=IMAGE_GC_HIGH_PERCENT,
        image_gc_low_percent=IMAGE_GC_LOW_PERCENT,
        images_kept=(PAUSE.name, SAMPLE.name),
    )
    settings = adjust(settings)
    if settings.root_directory != str(config.kubelet_dir):
        root = kubelet_link.make(Path(settings.root_directory), config.kubelet_dir)
        settings = msgspec.structs.replace(settings, root_directory=str(root))
    return RealKubelet(
        settings,
        client,
        tls=tls,
        cgroup=config.cgroup,
        host=config.node_ip,
        healthz_port=config.healthz_port,
        components=components,
    )


def proxy(config: ClusterConfig, client: Client, tell_health: TellHealth = no_health) -> Serve:
    """The service proxy and the network policies."""
    from ..proxy import Proxy, ProxyConfig
    from ..proxy.backend import LinuxBackend
    from ..proxy.families import IPV6, families_of
    from ..proxy.network_policy import NetworkPolicyEnforcer

    families = families_of(config.pod_cidr)

    settings = ProxyConfig(
        node_name=config.node_name,
        pod_cidr=config.pod_cidr,
        service_cidr=config.service_cidr,
        table=config.nftables_table,
        health_host="::" if IPV6 in families else "0.0.0.0",
        health_port=config.proxy_health_port,
        metrics_port=config.proxy_metrics_port,
    )
    backend = LinuxBackend()
    services = Proxy(settings, client, backend)
    tell_health(services.trouble)
    policies = NetworkPolicyEnforcer(
        client, backend, node_name=config.node_name, table=config.nftables_policy_table, families=families
    )

    async def serve(ready: asyncio.Event) -> None:
        async with running("service proxy", services.serve), running("network policies", policies.serve):
            ready.set()
            await asyncio.get_running_loop().create_future()

    return serve
