"""The messages of device plugins, v1beta1: the kubelet's Registration service and the plugins' DevicePlugin service."""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message

VERSION = "v1beta1"
HEALTHY = "Healthy"


class Empty(Message):
    """A request or response without fields."""


class Options(Message):
    pre_start_required: A[bool, 1] = False
    get_preferred_allocation_available: A[bool, 2] = False


class RegisterRequest(Message):
    version: A[str, 1] = ""
    endpoint: A[str, 2] = ""
    """The name of the plugin's socket, in the directory of the kubelet's."""
    resource_name: A[str, 3] = ""
    options: A[Options | None, 4] = None


class Device(Message):
    id: A[str, 1] = ""
    health: A[str, 2] = ""


class ListAndWatchResponse(Message):
    devices: A[list[Device], 1] = field(default_factory=list)


class ContainerPreferredAllocationRequest(Message):
    available_device_ids: A[list[str], 1] = field(default_factory=list)
    must_include_device_ids: A[list[str], 2] = field(default_factory=list)
    allocation_size: A[int, 3] = 0


class PreferredAllocationRequest(Message):
    container_requests: A[list[ContainerPreferredAllocationRequest], 1] = field(default_factory=list)


class ContainerPreferredAllocationResponse(Message):
    device_ids: A[list[str], 1] = field(default_factory=list)


class PreferredAllocationResponse(Message):
    container_responses: A[list[ContainerPreferredAllocationResponse], 1] = field(default_factory=list)


class ContainerAllocateRequest(Message):
    device_ids: A[list[str], 1] = field(default_factory=list)


class AllocateRequest(Message):
    container_requests: A[list[ContainerAllocateRequest], 1] = field(default_factory=list)


class Mount(Message):
    container_path: A[str, 1] = ""
    host_path: A[str, 2] = ""
    read_only: A[bool, 3] = False


class DeviceSpec(Message):
    container_path: A[str, 1] = ""
    host_path: A[str, 2] = ""
    permissions: A[str, 3] = ""


class ContainerAllocateResponse(Message):
    envs: A[dict[str, str], 1] = field(default_factory=dict)
    mounts: A[list[Mount], 2] = field(default_factory=list)
    devices: A[list[DeviceSpec], 3] = field(default_factory=list)
    annotations: A[dict[str, str], 4] = field(default_factory=dict)


class AllocateResponse(Message):
    container_responses: A[list[ContainerAllocateResponse], 1] = field(default_factory=list)


class PreStartContainerRequest(Message):
    device_ids: A[list[str], 1] = field(default_factory=list)
