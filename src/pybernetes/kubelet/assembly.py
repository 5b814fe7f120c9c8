"""A kubelet with its real parts: containerd, the Linux kernel, real probes, the 10250 server.

    running(event recorder) > (volumes) > (probes) > (kubelet core) > log rotation, eviction, server

The core learns of its parts through `Parts`; this is the one place that knows both.
"""

import asyncio
import os
import ssl
from collections.abc import Sequence
from functools import partial
from typing import Any

from ..api.core import ObjectReference
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.tasks import running
from ..client.client import Client
from ..client.events import EventRecorder
from . import hosts_file, resolv
from .config import KubeletConfig
from .cri.containerd import Containerd
from .cri.protocol import ContainerRuntime
from .eviction_manager import EvictionManager, any_limited
from .hooks import run_hook
from .kernel.cgroup_mounts import detect
from .kernel.cgroups import PodCgroups
from .kernel.linux import LinuxKernel
from .kernel.resources import container_resources
from .kubelet import Kubelet
from .log_rotation import LogRotation
from .parts import ExecSync, Parts
from .probes import ProbeManager
from .probes_prober import Prober
from .server import KubeletServer, ServerConfig
from .stats import NodeStats
from .volumes.manager import VolumeManager

COMPONENT = "kubelet"


def exec_in(runtime: ContainerRuntime) -> ExecSync:
    """Run a command in a container, its output streams joined; what probes and hooks use."""

    async def run(container_id: str, command: Sequence[str], timeout_seconds: int) -> tuple[int, bytes]:
        response = await runtime.exec_sync(container_id, command, timeout_seconds)
        return response.exit_code, response.stdout + response.stderr

    return run


def configuration(config: KubeletConfig) -> dict[str, Any]:
    """The settings as `/configz` shows them: the fields of KubeletConfiguration (kubelet.config.k8s.io/v1beta1)."""
    return {
        "clusterDNS": list(config.cluster_dns),
        "clusterDomain": config.cluster_domain,
        "containerRuntimeEndpoint": f"unix://{config.container_runtime_socket}",
        "evictionHard": {"memory.available": f"{config.eviction_memory_bytes >> 20}Mi"},
        "imageGCHighThresholdPercent": config.image_gc_high_percent,
        "imageGCLowThresholdPercent": config.image_gc_low_percent,
        "maxPods": config.max_pods,
        "nodeLeaseDurationSeconds": config.lease_duration_seconds,
        "nodeStatusReportFrequency": f"{config.node_status_report_seconds:.0f}s",
        "nodeStatusUpdateFrequency": f"{config.node_status_update_seconds:.0f}s",
        "podLogsDir": config.logs_directory,
        "podPidsLimit": config.pod_pids_limit or -1,
        "port": config.port,
        "resolvConf": config.host_resolv_conf,
        "serializeImagePulls": config.serialize_image_pulls,
        "staticPodPath": config.static_pod_directory,
        "systemReserved": dict(config.system_reserved),
    }


class RealKubelet:
    """`serve` runs the kubelet with everything around it; `tls` is the server's context, `host` where it listens."""

    def __init__(
        self,
        config: KubeletConfig,
        client: Client,
        *,
        tls: ssl.SSLContext,
        host: str,
        cgroup: str = "kpods",
        healthz_port: int = 10248,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._node_name = config.node_name
        self._root_directory = config.root_directory
        self._clock = clock
        self._runtime = Containerd(config.container_runtime_socket)
        kernel = LinuxKernel()
        cgroups = PodCgroups(detect(kernel), root=cgroup, process_limit=config.pod_pids_limit)
        self._recorder = EventRecorder(client, COMPONENT, config.node_name)
        self._volumes = VolumeManager(
            client,
            config.root_directory,
            kernel,
            config.node_name,
            node_allocatable=lambda: self._kubelet.allocatable(),
            clock=clock,
        )
        self._probes = ProbeManager(Prober(exec_in(self._runtime)), self._recorder, clock)
        parts = Parts(
            volumes=self._volumes,
            probes=self._probes,
            run_hook=run_hook,
            cgroups=cgroups,
            container_resources=container_resources,
            dns_config=resolv.dns_config,
            write_hosts=partial(hosts_file.write, cluster_domain=config.cluster_domain),
        )
        self._kubelet = Kubelet(config, client, self._runtime, parts, self._recorder, clock=clock)
        self._volumes.on_change = self._kubelet.pod_changed
        self._rotation = LogRotation(self._kubelet, clock=clock)
        stats = NodeStats(self._kubelet, cgroups, kernel, config.root_directory, config.node_name, clock=clock)
        self._eviction = EvictionManager(
            stats,
            self._kubelet.evict,
            self._kubelet.set_pressures,
            reclaim_images=self._kubelet.collector.collect,
            node_event=self._node_event,
            limited_pods=lambda: any_limited(self._kubelet.pods()),
            pods_directory=os.path.join(config.root_directory, "pods"),
            clock=clock,
        )
        self._server = KubeletServer(
            ServerConfig(
                node_name=config.node_name,
                host=host,
                port=config.port,
                healthz_port=healthz_port,
                configuration=configuration(config),
            ),
            self._kubelet,
            client,
            tls=tls,
            stats=stats,
            probe_metrics=self._probes.metrics,
            healthy=self._kubelet.healthy,
            clock=clock,
        )

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; the containers go on."""
        os.makedirs(self._root_directory, exist_ok=True)  # looked at (how full is it?) before the first pod is there
        try:
            async with (
                running("kubelet-events", self._recorder.serve),
                running("volumes", self._volumes.serve),
                running("probes", self._probes.serve),
                running("kubelet-core", self._kubelet.serve),
                running("log-rotation", self._rotation.serve),
                running("eviction", self._eviction.serve),
                running("kubelet-server", self._server.serve),
            ):
                ready.set()
                await asyncio.get_running_loop().create_future()
        finally:
            await self._runtime.close()

    def _node_event(self, reason: str, message: str) -> None:
        node = ObjectReference(kind="Node", api_version="v1", name=self._node_name, uid=self._node_name)
        self._recorder.event(node, "Warning", reason, message)
