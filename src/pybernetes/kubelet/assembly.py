"""A kubelet with its real parts: containerd, the Linux kernel, real probes, the 10250 server.

    running(event recorder) > (volumes) > (probes) > (kubelet core) > devices, storage drivers, log rotation, ...

The core learns of its parts through `Parts`; this is the one place that knows both.
"""

import asyncio
import os
import ssl
from collections.abc import Sequence
from functools import partial

from ..api.core import ObjectReference
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.tasks import running
from ..client.client import Client
from ..client.events import EventRecorder
from . import configuration, flags, hosts_file, resolv
from .config import KubeletConfig
from .cpu_manager.manager import CpuManager, check_policy
from .cpu_manager.settings import rules_of
from .cpu_manager.topology import read_topology
from .cri.containerd import Containerd
from .cri.protocol import ContainerRuntime
from .csi.service import CsiService
from .devices.manager import PLUGIN_TYPE, DeviceManager
from .devices.registration import DeviceRegistration
from .dynamic_resources.drivers import PLUGIN_TYPE as DRA_PLUGIN
from .dynamic_resources.drivers import DraDrivers
from .dynamic_resources.manager import ClaimManager
from .eviction_manager import EvictionManager, any_limited
from .eviction_thresholds import all_thresholds
from .hooks import run_hook
from .host_component import HostComponent
from .image_volumes import KernelImageMounts
from .kernel.cgroup_mounts import detect
from .kernel.cgroups import PodCgroups
from .kernel.linux import LinuxKernel
from .kernel.resources import container_resources
from .kubelet import Kubelet
from .log_rotation import LogRotation
from .node_devices import NodeDevices
from .parts import ExecSync, Parts
from .podresources.listing import Listing
from .podresources.service import PodResourcesService
from .probes import ProbeManager
from .probes_prober import Prober
from .server import COMPONENT, KubeletServer, ServerConfig
from .stats import NodeStats
from .volumes.manager import VolumeManager


def exec_in(runtime: ContainerRuntime) -> ExecSync:
    """Run a command in a container, its output streams joined; what probes and hooks use."""

    async def run(container_id: str, command: Sequence[str], timeout_seconds: int) -> tuple[int, bytes]:
        response = await runtime.exec_sync(container_id, command, timeout_seconds)
        return response.exit_code, response.stdout + response.stderr

    return run


class RealKubelet:
    """`serve` runs the kubelet with everything around it; `tls` is the server's context, `host` where it listens,
    `components` what else of the cluster this machine runs."""

    def __init__(
        self,
        config: KubeletConfig,
        client: Client,
        *,
        tls: ssl.SSLContext,
        host: str,
        cgroup: str = "kpods",
        healthz_port: int = 10248,
        components: Sequence[HostComponent] = (),
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._node_name = config.node_name
        self._root_directory = config.root_directory
        self._clock = clock
        self._runtime = Containerd(config.container_runtime_socket)
        kernel = LinuxKernel()
        cgroups = PodCgroups(detect(kernel), root=cgroup, process_limit=config.pod_pids_limit)
        self._recorder = EventRecorder(client, COMPONENT, config.node_name)
        self._devices = DeviceManager(os.path.join(config.root_directory, "device-plugins"), clock)
        self._dra = DraDrivers(client, config.node_name, sleep=clock.sleep)
        self._csi = CsiService(
            client,
            config.root_directory,
            kernel,
            config.node_name,
            self._recorder.event,
            clock,
            {PLUGIN_TYPE: self._devices, DRA_PLUGIN: self._dra},
        )
        self._volumes = VolumeManager(
            client,
            config.root_directory,
            kernel,
            config.node_name,
            node_allocatable=lambda: self._kubelet.allocatable(),
            clock=clock,
            csi=self._csi.volumes,
        )
        self._probes = ProbeManager(Prober(exec_in(self._runtime)), self._recorder, clock)
        self._cpus = _cpu_manager(config, self._runtime)
        if self._cpus is not None:
            cgroups.needs_no_quota = self._cpus.has_any
        cpus, claims = self._cpus, ClaimManager(client, config.root_directory, self._dra)
        parts = Parts(
            volumes=self._volumes,
            probes=self._probes,
            run_hook=run_hook,
            cgroups=cgroups,
            container_resources=container_resources if cpus is None else cpus.resources,
            admit=(lambda _pod: None) if cpus is None else cpus.admit,
            dns_config=resolv.dns_config,
            image_mounts=KernelImageMounts(kernel),
            write_hosts=partial(hosts_file.write, cluster_domain=config.cluster_domain),
            devices=NodeDevices(self._devices, claims, cpus),
        )
        self._kubelet = Kubelet(
            config, client, self._runtime, parts, self._recorder, clock=clock, components=components
        )
        self._told = PodResourcesService(
            os.path.join(config.root_directory, "pod-resources"), self._kubelet, Listing(self._devices, claims, cpus)
        )
        self._volumes.on_change = self._kubelet.pod_changed
        self._devices.on_change = self._kubelet.set_devices
        self._devices.is_active = self._kubelet.is_known
        self._kubelet.on_node = self._csi.attachments.node_changed
        self._csi.attachments.changed = self._kubelet.report_volumes(self._csi.attachments.in_use)
        self._rotation = LogRotation(
            self._kubelet,
            maximum_bytes=config.log_maximum_bytes,
            maximum_files=config.log_maximum_files,
            clock=clock,
        )
        stats = NodeStats(
            self._kubelet,
            cgroups,
            kernel,
            config.root_directory,
            config.node_name,
            clock=clock,
            volumes=self._csi.usage.of_pod,
        )
        self._eviction = EvictionManager(
            stats,
            self._kubelet.evict,
            self._kubelet.set_pressures,
            reclaim_images=self._kubelet.collector.collect,
            node_event=self._node_event,
            thresholds=all_thresholds(
                config.eviction_hard,
                config.eviction_soft,
                config.eviction_soft_grace_seconds,
                config.eviction_minimum_reclaim,
            ),
            maximum_grace_seconds=config.eviction_maximum_pod_grace_seconds,
            transition_seconds=config.eviction_transition_seconds,
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
                configuration=configuration.shown(config),
                flags=flags.shown(config),
            ),
            self._kubelet,
            client,
            tls=tls,
            host=self._kubelet.host,
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
                running("cpus", self._cpus.serve if self._cpus is not None else _nothing),
                running("devices", self._devices.serve),
                running("dynamic resources", self._dra.serve),
                running("device registration", DeviceRegistration(self._devices).serve),
                running("pod resources", self._told.serve),
                running("storage drivers", self._csi.serve),
                running("log-rotation", self._rotation.serve),
                running("eviction", self._eviction.serve),
                running("kubelet-server", self._server.serve),
            ):
                ready.set()
                await asyncio.get_running_loop().create_future()
        finally:
            await self._runtime.close()

    async def shut_down(self) -> None:
        """The machine goes down: end the pods, if the node has a shutdown grace period. Call it while `serve` runs."""
        await self._kubelet.shut_down()

    def _node_event(self, reason: str, message: str) -> None:
        node = ObjectReference(kind="Node", api_version="v1", name=self._node_name, uid=self._node_name)
        self._recorder.event(node, "Warning", reason, message)


def _cpu_manager(config: KubeletConfig, runtime: ContainerRuntime) -> CpuManager | None:
    """Who gives containers CPUs of their own, None where nobody does. CpuStateError, ValueError."""
    rules = rules_of(config, read_topology())
    if rules is None:
        check_policy(config.root_directory, config.cpu_manager_policy)
        return None
    return CpuManager(rules, config.root_directory, runtime, reconcile_seconds=config.cpu_manager_reconcile_seconds)


async def _nothing(ready: asyncio.Event) -> None:
    ready.set()
    await asyncio.get_running_loop().create_future()
