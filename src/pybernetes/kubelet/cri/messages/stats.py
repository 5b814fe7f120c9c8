"""What containers, sandboxes and the image file system use."""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message

from .container import ContainerMetadata
from .sandbox import PodSandboxMetadata


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
