"""Pod sandboxes: how one is asked for, what is told about it."""

from enum import IntEnum
from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message

from .shared import LinuxContainerResources, NamespaceOption, SecurityProfile


class SandboxState(IntEnum):
    READY = 0
    NOT_READY = 1


class DNSConfig(Message):
    servers: A[list[str], 1] = field(default_factory=list)
    searches: A[list[str], 2] = field(default_factory=list)
    options: A[list[str], 3] = field(default_factory=list)


class PortMapping(Message):
    protocol: A[int, 1] = 0
    container_port: A[int, 2] = 0
    host_port: A[int, 3] = 0
    host_ip: A[str, 4] = ""


class LinuxSandboxSecurityContext(Message):
    namespace_options: A[NamespaceOption | None, 1] = None
    run_as_user: A[int | None, 3] = None
    run_as_group: A[int | None, 8] = None
    readonly_rootfs: A[bool, 4] = False
    supplemental_groups: A[list[int], 5] = field(default_factory=list)
    privileged: A[bool, 6] = False
    seccomp: A[SecurityProfile | None, 9] = None


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
