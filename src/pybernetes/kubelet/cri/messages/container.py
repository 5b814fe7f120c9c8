"""Containers: how one is asked for, what is told about it, and the streams into it."""

from enum import IntEnum
from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message

from .sandbox import PodSandboxConfig
from .shared import ImageSpec, KeyValue, LinuxContainerResources, NamespaceOption, SecurityProfile


class ContainerState(IntEnum):
    CREATED = 0
    RUNNING = 1
    EXITED = 2
    UNKNOWN = 3


class Mount(Message):
    container_path: A[str, 1] = ""
    host_path: A[str, 2] = ""
    readonly: A[bool, 3] = False
    selinux_relabel: A[bool, 4] = False
    propagation: A[int, 5] = 0


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
    apparmor: A[SecurityProfile | None, 16] = None


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
