"""The parts the kubelet's core calls and does not own, each as one small Protocol.

`kubelet.py` receives them ready-made in a `Parts`; tests hand in simple doubles. What the core offers in return is
`RuntimeView`, from which the 10250 server finds pods, containers and log files.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    from ..api.core import ConfigMap, Container, LifecycleHandler, Pod, PodStatus, Secret
    from .admission import Refusal
    from .cri.messages import LinuxContainerResources
    from .cri.protocol import ContainerRuntime, FileMount
    from .devices.manager import DevicesOfContainer


class VolumeError(Exception):
    """A volume could not be mounted (yet); the message is for the event `reason`; the worker tries again."""

    def __init__(self, message: str, reason: str = "FailedMount") -> None:
        super().__init__(message)
        self.reason = reason


class HookError(Exception):
    """A lifecycle hook failed; the message is for the event FailedPostStartHook or FailedPreStopHook."""


class DeviceError(Exception):
    """Devices could not be had or given back (yet): the message of an event `event`; `reason` is shown meanwhile."""

    def __init__(self, message: str, *, event: str, reason: str = "") -> None:
        super().__init__(message)
        self.event = event
        self.reason = reason


class VolumeManager(Protocol):
    """Makes a pod's volumes appear below the kubelet's root and takes them away again."""

    async def mount(self, pod: "Pod") -> dict[str, str]:
        """Mount every volume of the pod; volume name -> host path. Mounting twice is harmless. Raises VolumeError."""

    async def refresh(self, pod: "Pod") -> None:
        """Project the content of configMap, secret, downwardAPI and token volumes again if it changed."""

    async def unmount(self, pod_uid: str) -> None:
        """Unmount and delete everything of the pod; harmless if there is nothing."""

    def subpath(self, pod: "Pod", volume_path: str, sub_path: str) -> str:
        """The host path of a subPath inside a volume, created as a directory if missing. Raises VolumeError if it
        leads outside the volume."""


class ProbeResults(msgspec.Struct, frozen=True):
    """What the probes of one container say now. Without a startup probe `started` is True once it runs; without a
    readiness probe `ready` is True once it is started."""

    started: bool
    ready: bool


ProbeKind = Literal["liveness", "readiness", "startup"]
ProbeCallback = Callable[[str, str, ProbeKind, bool, str], None]
"""(pod uid, container name, kind, success, message): called whenever the verdict of a probe changes."""


class ProbeManager(Protocol):
    """Runs the probes of the containers it is told about and reports changes through its `on_result` attribute."""

    on_result: ProbeCallback | None

    def start(
        self,
        pod: "Pod",
        container_name: str,
        container_id: str,
        pod_ip: str,
        *,
        started_at: datetime | None = None,
        restored: ProbeResults | None = None,
    ) -> None:
        """Probe this container from now on; replaces the probes of an earlier run of the same container.

        For a container that ran before the kubelet did, started_at is when it began and restored what was known."""

    def stop(self, pod_uid: str, container_name: str | None) -> None:
        """Stop the probes of one container, or of the whole pod."""

    def results(self, pod_uid: str, container_name: str) -> ProbeResults:
        """The current verdicts for a running container."""


ExecSync = Callable[[str, Sequence[str], int], Awaitable[tuple[int, bytes]]]
"""(container id, command, timeout in seconds) -> (exit code, output)."""


class RunHook(Protocol):
    """Runs a postStart or preStop handler. Raises HookError."""

    def __call__(
        self,
        handler: "LifecycleHandler",
        pod: "Pod",
        container: "Container",
        container_id: str,
        pod_ip: str,
        timeout: float,
        exec_sync: ExecSync,
    ) -> Awaitable[None]: ...


class PodCgroups(Protocol):
    """The cgroups of pods and QoS classes (`kpods/...`), above the runtime's own per container."""

    def ensure(self, pod: "Pod") -> str:
        """Make the pod's cgroup with its limits; the path to give the sandbox as cgroup_parent."""

    def grows(self, pod: "Pod") -> bool:
        """Whether `update` would give the pod at least as much CPU as it may use now."""

    def update(self, pod: "Pod") -> None:
        """Write changed limits."""

    def remove(self, pod_uid: str) -> None:
        """Delete the pod's cgroup once its containers are gone."""

    def remove_orphans(self, known_uids: Collection[str]) -> None:
        """Delete those of pods outside of `known_uids`: left by a crash, or busy when they were to go."""


class NodeDevices(Protocol):
    """The devices of plugins and of claims that containers ask for (`node_devices.py`)."""

    async def prepare(self, pod: "Pod") -> None:
        """Make what the pod claims usable. Raises DeviceError."""

    async def allocate(self, pod: "Pod", container: "Container") -> "DevicesOfContainer":
        """Give a container its devices, the same when it starts again. Raises DeviceError."""

    async def release(self, pod_uid: str) -> None:
        """Nothing of the pod runs any more. Raises DeviceError; asking again goes on where it stopped."""

    async def sweep(self, known: Collection[str]) -> None:
        """Release what pods outside of `known` still have; failures are logged."""


class DnsConfig(Protocol):
    """The three parts of a resolv.conf."""

    @property
    def servers(self) -> Sequence[str]: ...

    @property
    def searches(self) -> Sequence[str]: ...

    @property
    def options(self) -> Sequence[str]: ...


class Resolver(Protocol):
    """`resolv.dns_config`: what a pod's /etc/resolv.conf says."""

    def __call__(self, pod: "Pod", cluster_dns: Sequence[str], cluster_domain: str, host_resolv: str) -> DnsConfig: ...


class HostsFile(Protocol):
    """`hosts_file.write`: the /etc/hosts that is mounted into every container of the pod."""

    def __call__(self, pod: "Pod", pod_ips: Sequence[str], path: str) -> None: ...


class ContainerResources(Protocol):
    """`container_resources`: requests and limits as the runtime takes them; an absent memory limit of a burstable
    container counts as what the node can give."""

    def __call__(
        self, pod: "Pod", container: "Container", node_allocatable: Mapping[str, str]
    ) -> "LinuxContainerResources": ...


class ImageMounts(Protocol):
    """Shows the content of images at directories of the host."""

    def is_shown(self, target: str) -> bool:
        """Whether something is mounted there."""

    def show(self, target: str, mounts: "Sequence[FileMount]") -> None:
        """Mount it, read-only. OSError."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the core calls that is not its own."""

    volumes: VolumeManager
    probes: ProbeManager
    run_hook: RunHook
    cgroups: PodCgroups
    container_resources: ContainerResources
    dns_config: Resolver
    write_hosts: HostsFile
    image_mounts: ImageMounts
    devices: NodeDevices | None = None
    admit: "Callable[[Pod], Refusal | None]" = lambda pod: None
    """Gives a pod what the node has for it alone, or says why it cannot be here."""


class NodeView(Protocol):
    """What a step has to know about its node and cluster."""

    host_ips: Sequence[str]

    def allocatable(self) -> Mapping[str, str]:
        """The node's allocatable resources."""

    def service_variables(self, pod: "Pod") -> dict[str, str]:
        """Environment variables of the services the pod sees."""

    async def config_map(self, namespace: str, name: str) -> "ConfigMap | None":
        """A config map, or None."""

    async def secret(self, namespace: str, name: str) -> "Secret | None":
        """A secret, or None."""

    async def runtime_handler(self, pod: "Pod") -> str:
        """The runtime's name for the pod's RuntimeClass, "" for its default. StatusError when there is none."""

    async def network_ready(self) -> None:
        """Return once pods can be given a network."""

    async def services_synced(self) -> None:
        """Return once the services are known."""


class StatusSink(Protocol):
    """Where statuses go (status_manager.py)."""

    def publish(self, pod: "Pod", status: "PodStatus") -> None:
        """Make this the pod's status in the API, soon; only the last one counts."""

    async def finish(self, pod: "Pod", status: "PodStatus") -> None:
        """Publish the last status and delete the pod from the API; returns when it is gone."""


class RuntimeView(Protocol):
    """What the 10250 server sees of the core."""

    @property
    def cri(self) -> "ContainerRuntime":
        """The container runtime."""

    def pods(self) -> "list[Pod]":
        """The pods of this node, static ones included, with the latest status the kubelet computed."""

    def pod(self, namespace: str, name: str) -> "Pod | None":
        """One pod by name."""

    def container_id(self, pod_uid: str, container_name: str) -> str | None:
        """The newest container of that name, running or not."""

    def sandbox_id(self, pod_uid: str) -> str | None:
        """The pod's newest sandbox."""

    def log_path(self, pod: "Pod", container_name: str, previous: bool = False) -> str | None:
        """The log file of a container's current or previous run."""
