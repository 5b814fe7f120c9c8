"""From a pod's spec to what the runtime is asked to make. Pure: paths and contents come in, messages go out.

    sandbox_config(pod, ...)              ──▶ PodSandboxConfig
    container_config(pod, container, ...) ──▶ ContainerConfig

Labels, annotations and the log layout are those of upstream's kuberuntime, so that a restarted kubelet, `crictl` and
log shippers find their way: `LOGS/NAMESPACE_NAME_UID/CONTAINER/RESTARTS.log`.
"""

import os
from collections.abc import Mapping, Sequence

import msgspec

from ..api.core import Container, EphemeralContainer, Pod, VolumeMount
from .cri import messages as m
from .cri.protocol import CONTAINER_NAME_LABEL, POD_NAME_LABEL, POD_NAMESPACE_LABEL, POD_UID_LABEL
from .devices.manager import DevicesOfContainer
from .environment import ConfigError, expand, expand_all, names_in
from .hosts_file import pod_hostname
from .parts import DnsConfig
from .pod_runtime import (
    GRACE_ANNOTATION,
    HASH_ANNOTATION,
    RESTART_COUNT_ANNOTATION,
    TERMINATION_PATH_ANNOTATION,
    TERMINATION_POLICY_ANNOTATION,
)
from .restart_policy import spec_hash
from .security import container_security, sandbox_security

PORTS_ANNOTATION = "io.kubernetes.container.ports"
PROTOCOLS = {"TCP": m.Protocol.TCP, "UDP": m.Protocol.UDP, "SCTP": m.Protocol.SCTP}
PROPAGATION = {
    "HostToContainer": m.MountPropagation.HOST_TO_CONTAINER,
    "Bidirectional": m.MountPropagation.BIDIRECTIONAL,
}
HOSTS_PATH = "/etc/hosts"
DEFAULT_MESSAGE_PATH = "/dev/termination-log"
HOSTNAME_LENGTH = 64


class SandboxSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the node adds to a sandbox."""

    attempt: int
    logs_directory: str
    cgroup_parent: str
    dns: DnsConfig | None
    cluster_domain: str
    seccomp_directory: str


class ContainerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the node adds to a container."""

    restarts: int
    image_id: str
    image_uid: int | None
    image_user: str
    environment: Mapping[str, str]
    mounts: Sequence[m.Mount]
    """Of the pod's volumes; see `volume_mount`."""
    devices: Sequence[m.Device] = ()
    """Of the pod's block volumes."""
    granted: DevicesOfContainer = DevicesOfContainer()
    """What device plugins add."""
    hosts_path: str
    """Host file for /etc/hosts, or "" for none."""
    message_path: str
    """Host file for the termination message, or "" for none."""
    resources: m.LinuxContainerResources | None
    target_id: str = ""
    seccomp_directory: str = ""
    seccomp_default: bool = False
    """Containers without a profile get the runtime's."""


def pod_labels(pod: Pod) -> dict[str, str]:
    """By which the kubelet finds its own."""
    meta = pod.metadata
    return {POD_NAME_LABEL: meta.name or "", POD_NAMESPACE_LABEL: meta.namespace or "", POD_UID_LABEL: meta.uid or ""}


def pod_logs_directory(logs_directory: str, namespace: str, name: str, uid: str) -> str:
    return os.path.join(logs_directory, f"{namespace}_{name}_{uid}")


def log_name(container_name: str, restarts: int) -> str:
    """A container's log below its pod's directory."""
    return f"{container_name}/{restarts}.log"


def hostname(pod: Pod, cluster_domain: str) -> str:
    """What the pod calls itself; the whole name if setHostnameAsFQDN. ConfigError if a kernel does not take that."""
    name, domain = pod_hostname(pod, cluster_domain)
    if not domain or not pod.spec.set_hostname_as_fqdn:
        return name
    whole = f"{name}.{domain}"
    if len(whole) > HOSTNAME_LENGTH:
        raise ConfigError(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {whole} is too long "
            f"({HOSTNAME_LENGTH} characters is the max, {len(whole)} characters requested)"
        )
    return whole


def sandbox_config(pod: Pod, settings: SandboxSettings) -> m.PodSandboxConfig:
    """The sandbox of a pod. ConfigError if its name is too long."""
    meta, spec = pod.metadata, pod.spec
    identity = m.PodSandboxMetadata(
        name=meta.name or "", uid=meta.uid or "", namespace=meta.namespace or "", attempt=settings.attempt
    )
    dns = None
    if settings.dns is not None:
        dns = m.DNSConfig(
            servers=list(settings.dns.servers),
            searches=list(settings.dns.searches),
            options=list(settings.dns.options),
        )
    sysctls = spec.security_context.sysctls if spec.security_context is not None else None
    return m.PodSandboxConfig(
        metadata=identity,
        hostname="" if spec.host_network else hostname(pod, settings.cluster_domain),
        log_directory=pod_logs_directory(settings.logs_directory, identity.namespace, identity.name, identity.uid),
        dns_config=dns,
        port_mappings=[] if spec.host_network else port_mappings(pod),
        labels={**(meta.labels or {}), **pod_labels(pod)},
        annotations=dict(meta.annotations or {}),
        linux=m.LinuxPodSandboxConfig(
            cgroup_parent=settings.cgroup_parent,
            security_context=sandbox_security(pod, settings.seccomp_directory),
            sysctls={sysctl.name: sysctl.value for sysctl in sysctls or ()},
        ),
    )


def port_mappings(pod: Pod) -> list[m.PortMapping]:
    """The container ports that are also ports of the node."""
    containers = [*(pod.spec.init_containers or ()), *(pod.spec.containers or ())]
    return [
        m.PortMapping(
            protocol=PROTOCOLS.get(port.protocol or "TCP", m.Protocol.TCP),
            container_port=port.container_port,
            host_port=port.host_port,
            host_ip=port.host_ip or "",
        )
        for container in containers
        for port in container.ports or ()
        if port.host_port
    ]


def container_config(
    pod: Pod, container: Container | EphemeralContainer, settings: ContainerSettings
) -> m.ContainerConfig:
    """One run of a container. ConfigError if its security settings cannot be kept."""
    message_path = container.termination_message_path or DEFAULT_MESSAGE_PATH
    mounts, granted = [*settings.mounts, *settings.granted.mounts], settings.granted
    variables = {**granted.environment, **settings.environment}
    taken = {mount.container_path for mount in mounts}
    if settings.hosts_path and HOSTS_PATH not in taken:
        mounts.append(m.Mount(container_path=HOSTS_PATH, host_path=settings.hosts_path))
    if settings.message_path and message_path not in taken:
        mounts.append(m.Mount(container_path=message_path, host_path=settings.message_path))
    return m.ContainerConfig(
        metadata=m.ContainerMetadata(name=container.name, attempt=settings.restarts),
        image=m.ImageSpec(image=settings.image_id),
        command=expand_all(container.command, settings.environment),
        args=expand_all(container.args, settings.environment),
        working_dir=container.working_dir or "",
        envs=[m.KeyValue(key=name, value=value) for name, value in variables.items()],
        mounts=mounts,
        devices=[*settings.devices, *granted.devices],
        labels={**pod_labels(pod), CONTAINER_NAME_LABEL: container.name},
        annotations={**granted.annotations, **container_annotations(pod, container, settings.restarts)},
        log_path=log_name(container.name, settings.restarts),
        stdin=bool(container.stdin),
        stdin_once=bool(container.stdin_once),
        tty=bool(container.tty),
        linux=m.LinuxContainerConfig(
            resources=settings.resources,
            security_context=container_security(
                pod,
                container,
                image_uid=settings.image_uid,
                image_user=settings.image_user,
                target_id=settings.target_id,
                seccomp_directory=settings.seccomp_directory,
                seccomp_default=settings.seccomp_default,
            ),
        ),
    )


def container_annotations(pod: Pod, container: Container | EphemeralContainer, restarts: int) -> dict[str, str]:
    """What the kubelet wants to find again about this run."""
    annotations = {
        HASH_ANNOTATION: spec_hash(container),
        RESTART_COUNT_ANNOTATION: str(restarts),
        TERMINATION_PATH_ANNOTATION: container.termination_message_path or DEFAULT_MESSAGE_PATH,
        TERMINATION_POLICY_ANNOTATION: container.termination_message_policy or "File",
    }
    if pod.spec.termination_grace_period_seconds is not None:
        annotations[GRACE_ANNOTATION] = str(pod.spec.termination_grace_period_seconds)
    if container.ports:
        annotations[PORTS_ANNOTATION] = msgspec.json.encode(container.ports).decode()
    return annotations


def volume_mount(*, host_path: str, container_path: str, read_only: bool, propagation: str | None) -> m.Mount:
    """A mount of (a path inside) a volume; a relative container path is one below /."""
    if not container_path.startswith("/"):
        container_path = "/" + container_path
    return m.Mount(
        host_path=host_path,
        container_path=container_path,
        readonly=read_only,
        propagation=PROPAGATION.get(propagation or "", m.MountPropagation.PRIVATE),
    )


def read_only_volumes(pod: Pod) -> frozenset[str]:
    """The volumes that no container may write, whatever its mounts say: what shows objects of the API, and what the
    pod itself has asked for so."""
    found = set()
    for volume in pod.spec.volumes or ():
        shown = (volume.config_map, volume.secret, volume.downward_api, volume.projected)
        asked = (volume.persistent_volume_claim, volume.csi)
        if any(source is not None for source in shown) or any(source and source.read_only for source in asked):
            found.add(volume.name)
    return frozenset(found)


def volume_devices(container: Container | EphemeralContainer, volumes: Mapping[str, str]) -> list[m.Device]:
    """The block volumes a container has as devices; volumes are their host paths. ConfigError for one that is not."""
    found = []
    for device in container.volume_devices or ():
        if device.name not in volumes:
            raise ConfigError(f'cannot find volume "{device.name}" to pass into container "{container.name}"')
        found.append(m.Device(container_path=device.device_path, host_path=volumes[device.name], permissions="mrw"))
    return found


def check_recursive_read_only(mount: VolumeMount) -> None:
    """ConfigError where a mount insists on what Debian 12's containerd cannot do (recursiveReadOnly, KEP-3857)."""
    if mount.recursive_read_only == "Enabled":
        raise ConfigError(
            f'volume "{mount.name}" requested recursive read-only mode, but it is not supported by the runtime'
        )


def sub_path(mount: VolumeMount, environment: Mapping[str, str]) -> str:
    """subPath, or the expanded subPathExpr, or "" for the whole volume. ConfigError for a variable without a value."""
    if not mount.sub_path_expr:
        return mount.sub_path or ""
    missing = sorted(name for name in names_in(mount.sub_path_expr) if not environment.get(name))
    if missing:
        raise ConfigError(f"missing value for {', '.join(missing)}")
    return expand(mount.sub_path_expr, environment)
