"""The messages of the Container Runtime Interface v1 (`runtime.v1`) that the kubelet uses, as Structs.

Names are the proto's own; numbers are checked by a test against the descriptor inside containerd. Windows, SELinux and
AppArmor fields are left out: an absent field is simply not sent. Instants are nanoseconds since the epoch.
"""

from enum import IntEnum
from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message


class Protocol(IntEnum):
    TCP = 0
    UDP = 1
    SCTP = 2


class MountPropagation(IntEnum):
    PRIVATE = 0
    HOST_TO_CONTAINER = 1
    BIDIRECTIONAL = 2


class NamespaceMode(IntEnum):
    POD = 0
    CONTAINER = 1
    NODE = 2
    TARGET = 3


class SandboxState(IntEnum):
    READY = 0
    NOT_READY = 1


class ContainerState(IntEnum):
    CREATED = 0
    RUNNING = 1
    EXITED = 2
    UNKNOWN = 3


class SecurityProfileType(IntEnum):
    RUNTIME_DEFAULT = 0
    UNCONFINED = 1
    LOCALHOST = 2


class VersionRequest(Message):
    version: A[str, 1] = ""


class VersionResponse(Message):
    version: A[str, 1] = ""
    runtime_name: A[str, 2] = ""
    runtime_version: A[str, 3] = ""
    runtime_api_version: A[str, 4] = ""


class DNSConfig(Message):
    servers: A[list[str], 1] = field(default_factory=list)
    searches: A[list[str], 2] = field(default_factory=list)
    options: A[list[str], 3] = field(default_factory=list)


class PortMapping(Message):
    protocol: A[int, 1] = 0
    container_port: A[int, 2] = 0
    host_port: A[int, 3] = 0
    host_ip: A[str, 4] = ""


class Mount(Message):
    container_path: A[str, 1] = ""
    host_path: A[str, 2] = ""
    readonly: A[bool, 3] = False
    selinux_relabel: A[bool, 4] = False
    propagation: A[int, 5] = 0


class NamespaceOption(Message):
    network: A[int, 1] = 0
    pid: A[int, 2] = 0
    ipc: A[int, 3] = 0
    target_id: A[str, 4] = ""


class SecurityProfile(Message):
    profile_type: A[int, 1] = 0
    localhost_ref: A[str, 2] = ""


class LinuxSandboxSecurityContext(Message):
    namespace_options: A[NamespaceOption | None, 1] = None
    run_as_user: A[int | None, 3] = None
    run_as_group: A[int | None, 8] = None
    readonly_rootfs: A[bool, 4] = False
    supplemental_groups: A[list[int], 5] = field(default_factory=list)
    privileged: A[bool, 6] = False
    seccomp: A[SecurityProfile | None, 9] = None


class LinuxContainerResources(Message):
    cpu_period: A[int, 1] = 0
    cpu_quota: A[int, 2] = 0
    cpu_shares: A[int, 3] = 0
    memory_limit_in_bytes: A[int, 4] = 0
    oom_score_adj: A[int, 5] = 0
    cpuset_cpus: A[str, 6] = ""
    cpuset_mems: A[str, 7] = ""
    unified: A[dict[str, str], 9] = field(default_factory=dict)
    memory_swap_limit_in_bytes: A[int, 10] = 0


class LinuxPodSandboxConfig(Message):
    cgroup_parent: A[str, 1] = ""
    security_context: A[LinuxSandboxSecurityContext | None, 2] = None
    sysctls: A[dict[str, str], 3] = field(default_factory=dict)
    overhead: A[LinuxContainerResources | None, 4] = None
    resources: A[LinuxContainerResources | None, 5] = None


class PodSandboxMetadata(Message):
    name: A[str, 1] = ""
    uid: A[str, 2] = ""
    namespace: A[str, 3] = ""
    attempt: A[int, 4] = 0


class PodSandboxConfig(Message):
    metadata: A[PodSandboxMetadata | None, 1] = None
    hostname: A[str, 2] = ""
    log_directory: A[str, 3] = ""
    dns_config: A[DNSConfig | None, 4] = None
    port_mappings: A[list[PortMapping], 5] = field(default_factory=list)
    labels: A[dict[str, str], 6] = field(default_factory=dict)
    annotations: A[dict[str, str], 7] = field(default_factory=dict)
    linux: A[LinuxPodSandboxConfig | None, 8] = None


class RunPodSandboxRequest(Message):
    config: A[PodSandboxConfig | None, 1] = None
    runtime_handler: A[str, 2] = ""


class RunPodSandboxResponse(Message):
    pod_sandbox_id: A[str, 1] = ""


class PodSandboxRequest(Message):
    """Stop, Remove and Status of a sandbox have this one shape (verbose only for Status)."""

    pod_sandbox_id: A[str, 1] = ""
    verbose: A[bool, 2] = False


class PodIP(Message):
    ip: A[str, 1] = ""


class PodSandboxNetworkStatus(Message):
    ip: A[str, 1] = ""
    additional_ips: A[list[PodIP], 2] = field(default_factory=list)


class Namespace(Message):
    options: A[NamespaceOption | None, 2] = None


class LinuxPodSandboxStatus(Message):
    namespaces: A[Namespace | None, 1] = None


class PodSandboxStatus(Message):
    id: A[str, 1] = ""
    metadata: A[PodSandboxMetadata | None, 2] = None
    state: A[int, 3] = 0
    created_at: A[int, 4] = 0
    network: A[PodSandboxNetworkStatus | None, 5] = None
    linux: A[LinuxPodSandboxStatus | None, 6] = None
    labels: A[dict[str, str], 7] = field(default_factory=dict)
    annotations: A[dict[str, str], 8] = field(default_factory=dict)
    runtime_handler: A[str, 9] = ""


class PodSandboxStatusResponse(Message):
    status: A[PodSandboxStatus | None, 1] = None
    info: A[dict[str, str], 2] = field(default_factory=dict)


class PodSandboxFilter(Message):
    id: A[str, 1] = ""
    state: A[int | None, 2] = None
    label_selector: A[dict[str, str], 3] = field(default_factory=dict)


class ListPodSandboxRequest(Message):
    filter: A[PodSandboxFilter | None, 1] = None


class PodSandbox(Message):
    id: A[str, 1] = ""
    metadata: A[PodSandboxMetadata | None, 2] = None
    state: A[int, 3] = 0
    created_at: A[int, 4] = 0
    labels: A[dict[str, str], 5] = field(default_factory=dict)
    annotations: A[dict[str, str], 6] = field(default_factory=dict)
    runtime_handler: A[str, 7] = ""


class ListPodSandboxResponse(Message):
    items: A[list[PodSandbox], 1] = field(default_factory=list)


class ImageSpec(Message):
    image: A[str, 1] = ""
    annotations: A[dict[str, str], 2] = field(default_factory=dict)


class KeyValue(Message):
    key: A[str, 1] = ""
    value: A[str, 2] = ""


class Capability(Message):
    add_capabilities: A[list[str], 1] = field(default_factory=list)
    drop_capabilities: A[list[str], 2] = field(default_factory=list)


class LinuxContainerSecurityContext(Message):
    capabilities: A[Capability | None, 1] = None
    privileged: A[bool, 2] = False
    namespace_options: A[NamespaceOption | None, 3] = None
    run_as_user: A[int | None, 5] = None
    run_as_group: A[int | None, 12] = None
    run_as_username: A[str, 6] = ""
    readonly_rootfs: A[bool, 7] = False
    supplemental_groups: A[list[int], 8] = field(default_factory=list)
    no_new_privs: A[bool, 11] = False
    masked_paths: A[list[str], 13] = field(default_factory=list)
    readonly_paths: A[list[str], 14] = field(default_factory=list)
    seccomp: A[SecurityProfile | None, 15] = None


class LinuxContainerConfig(Message):
    resources: A[LinuxContainerResources | None, 1] = None
    security_context: A[LinuxContainerSecurityContext | None, 2] = None


class ContainerMetadata(Message):
    name: A[str, 1] = ""
    attempt: A[int, 2] = 0


class Device(Message):
    container_path: A[str, 1] = ""
    host_path: A[str, 2] = ""
    permissions: A[str, 3] = ""


class ContainerConfig(Message):
    metadata: A[ContainerMetadata | None, 1] = None
    image: A[ImageSpec | None, 2] = None
    command: A[list[str], 3] = field(default_factory=list)
    args: A[list[str], 4] = field(default_factory=list)
    working_dir: A[str, 5] = ""
    envs: A[list[KeyValue], 6] = field(default_factory=list)
    mounts: A[list[Mount], 7] = field(default_factory=list)
    devices: A[list[Device], 8] = field(default_factory=list)
    labels: A[dict[str, str], 9] = field(default_factory=dict)
    annotations: A[dict[str, str], 10] = field(default_factory=dict)
    log_path: A[str, 11] = ""
    stdin: A[bool, 12] = False
    stdin_once: A[bool, 13] = False
    tty: A[bool, 14] = False
    linux: A[LinuxContainerConfig | None, 15] = None


class CreateContainerRequest(Message):
    pod_sandbox_id: A[str, 1] = ""
    config: A[ContainerConfig | None, 2] = None
    sandbox_config: A[PodSandboxConfig | None, 3] = None


class CreateContainerResponse(Message):
    container_id: A[str, 1] = ""


class ContainerRequest(Message):
    """Start, Remove, Status, Stats and ReopenLog of a container have this one shape."""

    container_id: A[str, 1] = ""


class StopContainerRequest(Message):
    container_id: A[str, 1] = ""
    timeout: A[int, 2] = 0


class ContainerFilter(Message):
    id: A[str, 1] = ""
    state: A[int | None, 2] = None
    pod_sandbox_id: A[str, 3] = ""
    label_selector: A[dict[str, str], 4] = field(default_factory=dict)


class ListContainersRequest(Message):
    filter: A[ContainerFilter | None, 1] = None


class Container(Message):
    id: A[str, 1] = ""
    pod_sandbox_id: A[str, 2] = ""
    metadata: A[ContainerMetadata | None, 3] = None
    image: A[ImageSpec | None, 4] = None
    image_ref: A[str, 5] = ""
    state: A[int, 6] = 0
    created_at: A[int, 7] = 0
    labels: A[dict[str, str], 8] = field(default_factory=dict)
    annotations: A[dict[str, str], 9] = field(default_factory=dict)


class ListContainersResponse(Message):
    containers: A[list[Container], 1] = field(default_factory=list)


class ContainerResources(Message):
    linux: A[LinuxContainerResources | None, 1] = None


class ContainerStatus(Message):
    id: A[str, 1] = ""
    metadata: A[ContainerMetadata | None, 2] = None
    state: A[int, 3] = 0
    created_at: A[int, 4] = 0
    started_at: A[int, 5] = 0
    finished_at: A[int, 6] = 0
    exit_code: A[int, 7] = 0
    image: A[ImageSpec | None, 8] = None
    image_ref: A[str, 9] = ""
    reason: A[str, 10] = ""
    message: A[str, 11] = ""
    labels: A[dict[str, str], 12] = field(default_factory=dict)
    annotations: A[dict[str, str], 13] = field(default_factory=dict)
    mounts: A[list[Mount], 14] = field(default_factory=list)
    log_path: A[str, 15] = ""
    resources: A[ContainerResources | None, 16] = None


class ContainerStatusResponse(Message):
    status: A[ContainerStatus | None, 1] = None
    info: A[dict[str, str], 2] = field(default_factory=dict)


class UpdateContainerResourcesRequest(Message):
    container_id: A[str, 1] = ""
    linux: A[LinuxContainerResources | None, 2] = None


class ExecSyncRequest(Message):
    container_id: A[str, 1] = ""
    cmd: A[list[str], 2] = field(default_factory=list)
    timeout: A[int, 3] = 0


class ExecSyncResponse(Message):
    stdout: A[bytes, 1] = b""
    stderr: A[bytes, 2] = b""
    exit_code: A[int, 3] = 0


class ExecRequest(Message):
    container_id: A[str, 1] = ""
    cmd: A[list[str], 2] = field(default_factory=list)
    tty: A[bool, 3] = False
    stdin: A[bool, 4] = False
    stdout: A[bool, 5] = False
    stderr: A[bool, 6] = False


class AttachRequest(Message):
    container_id: A[str, 1] = ""
    stdin: A[bool, 2] = False
    tty: A[bool, 3] = False
    stdout: A[bool, 4] = False
    stderr: A[bool, 5] = False


class PortForwardRequest(Message):
    pod_sandbox_id: A[str, 1] = ""
    port: A[list[int], 2] = field(default_factory=list)


class UrlResponse(Message):
    """The answer of Exec, Attach and PortForward: where the runtime's streaming server waits."""

    url: A[str, 1] = ""


class ImageFilter(Message):
    image: A[ImageSpec | None, 1] = None


class ListImagesRequest(Message):
    filter: A[ImageFilter | None, 1] = None


class Image(Message):
    id: A[str, 1] = ""
    repo_tags: A[list[str], 2] = field(default_factory=list)
    repo_digests: A[list[str], 3] = field(default_factory=list)
    size: A[int, 4] = 0
    uid: A[int | None, 5] = None
    username: A[str, 6] = ""
    spec: A[ImageSpec | None, 7] = None
    pinned: A[bool, 8] = False


class ListImagesResponse(Message):
    images: A[list[Image], 1] = field(default_factory=list)


class ImageRequest(Message):
    """Status and Remove of an image have this one shape (verbose only for Status)."""

    image: A[ImageSpec | None, 1] = None
    verbose: A[bool, 2] = False


class ImageStatusResponse(Message):
    image: A[Image | None, 1] = None
    info: A[dict[str, str], 2] = field(default_factory=dict)


class AuthConfig(Message):
    username: A[str, 1] = ""
    password: A[str, 2] = ""
    auth: A[str, 3] = ""
    server_address: A[str, 4] = ""
    identity_token: A[str, 5] = ""
    registry_token: A[str, 6] = ""


class PullImageRequest(Message):
    image: A[ImageSpec | None, 1] = None
    auth: A[AuthConfig | None, 2] = None
    sandbox_config: A[PodSandboxConfig | None, 3] = None


class PullImageResponse(Message):
    image_ref: A[str, 1] = ""


class RuntimeCondition(Message):
    type: A[str, 1] = ""
    status: A[bool, 2] = False
    reason: A[str, 3] = ""
    message: A[str, 4] = ""


class RuntimeStatus(Message):
    conditions: A[list[RuntimeCondition], 1] = field(default_factory=list)


class StatusRequest(Message):
    verbose: A[bool, 1] = False


class StatusResponse(Message):
    status: A[RuntimeStatus | None, 1] = None
    info: A[dict[str, str], 2] = field(default_factory=dict)


class Empty(Message):
    """A request or response without fields."""


class FilesystemIdentifier(Message):
    mountpoint: A[str, 1] = ""


class FilesystemUsage(Message):
    timestamp: A[int, 1] = 0
    fs_id: A[FilesystemIdentifier | None, 2] = None
    used_bytes: A[int | None, 3] = None
    inodes_used: A[int | None, 4] = None


class ImageFsInfoResponse(Message):
    image_filesystems: A[list[FilesystemUsage], 1] = field(default_factory=list)


class ContainerAttributes(Message):
    id: A[str, 1] = ""
    metadata: A[ContainerMetadata | None, 2] = None
    labels: A[dict[str, str], 3] = field(default_factory=dict)
    annotations: A[dict[str, str], 4] = field(default_factory=dict)


class CpuUsage(Message):
    timestamp: A[int, 1] = 0
    usage_core_nano_seconds: A[int | None, 2] = None
    usage_nano_cores: A[int | None, 3] = None


class MemoryUsage(Message):
    timestamp: A[int, 1] = 0
    working_set_bytes: A[int | None, 2] = None
    available_bytes: A[int | None, 3] = None
    usage_bytes: A[int | None, 4] = None
    rss_bytes: A[int | None, 5] = None
    page_faults: A[int | None, 6] = None
    major_page_faults: A[int | None, 7] = None


class ContainerStats(Message):
    attributes: A[ContainerAttributes | None, 1] = None
    cpu: A[CpuUsage | None, 2] = None
    memory: A[MemoryUsage | None, 3] = None
    writable_layer: A[FilesystemUsage | None, 4] = None


class ContainerStatsResponse(Message):
    stats: A[ContainerStats | None, 1] = None


class ContainerStatsFilter(Message):
    id: A[str, 1] = ""
    pod_sandbox_id: A[str, 2] = ""
    label_selector: A[dict[str, str], 3] = field(default_factory=dict)


class ListContainerStatsRequest(Message):
    filter: A[ContainerStatsFilter | None, 1] = None


class ListContainerStatsResponse(Message):
    stats: A[list[ContainerStats], 1] = field(default_factory=list)


class NetworkInterfaceUsage(Message):
    name: A[str, 1] = ""
    rx_bytes: A[int | None, 2] = None
    rx_errors: A[int | None, 3] = None
    tx_bytes: A[int | None, 4] = None
    tx_errors: A[int | None, 5] = None


class NetworkUsage(Message):
    timestamp: A[int, 1] = 0
    default_interface: A[NetworkInterfaceUsage | None, 2] = None
    interfaces: A[list[NetworkInterfaceUsage], 3] = field(default_factory=list)


class ProcessUsage(Message):
    timestamp: A[int, 1] = 0
    process_count: A[int | None, 2] = None


class PodSandboxAttributes(Message):
    id: A[str, 1] = ""
    metadata: A[PodSandboxMetadata | None, 2] = None
    labels: A[dict[str, str], 3] = field(default_factory=dict)
    annotations: A[dict[str, str], 4] = field(default_factory=dict)


class LinuxPodSandboxStats(Message):
    cpu: A[CpuUsage | None, 1] = None
    memory: A[MemoryUsage | None, 2] = None
    network: A[NetworkUsage | None, 3] = None
    process: A[ProcessUsage | None, 4] = None
    containers: A[list[ContainerStats], 5] = field(default_factory=list)


class PodSandboxStats(Message):
    attributes: A[PodSandboxAttributes | None, 1] = None
    linux: A[LinuxPodSandboxStats | None, 2] = None


class PodSandboxStatsFilter(Message):
    id: A[str, 1] = ""
    label_selector: A[dict[str, str], 2] = field(default_factory=dict)


class ListPodSandboxStatsRequest(Message):
    filter: A[PodSandboxStatsFilter | None, 1] = None


class ListPodSandboxStatsResponse(Message):
    stats: A[list[PodSandboxStats], 1] = field(default_factory=list)
