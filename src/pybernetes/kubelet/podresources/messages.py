"""The messages of podresources v1; v1alpha1 has fewer of the same fields. Memory and topology are not told here."""

from typing import Annotated as A

from msgspec import field

from pybernetes.base.protobuf import Message


class Empty(Message):
    """ListPodResourcesRequest and AllocatableResourcesRequest: no fields."""


class ContainerDevices(Message):
    resource_name: A[str, 1] = ""
    device_ids: A[list[str], 2] = field(default_factory=list)


class CdiDevice(Message):
    name: A[str, 1] = ""


class ClaimResource(Message):
    cdi_devices: A[list[CdiDevice], 1] = field(default_factory=list)
    driver_name: A[str, 2] = ""
    pool_name: A[str, 3] = ""
    device_name: A[str, 4] = ""


class DynamicResource(Message):
    claim_name: A[str, 2] = ""
    claim_namespace: A[str, 3] = ""
    claim_resources: A[list[ClaimResource], 4] = field(default_factory=list)


class ContainerResources(Message):
    name: A[str, 1] = ""
    devices: A[list[ContainerDevices], 2] = field(default_factory=list)
    cpu_ids: A[list[int], 3] = field(default_factory=list)
    dynamic_resources: A[list[DynamicResource], 5] = field(default_factory=list)


class PodResources(Message):
    name: A[str, 1] = ""
    namespace: A[str, 2] = ""
    containers: A[list[ContainerResources], 3] = field(default_factory=list)


class ListResponse(Message):
    pod_resources: A[list[PodResources], 1] = field(default_factory=list)


class AllocatableResponse(Message):
    devices: A[list[ContainerDevices], 1] = field(default_factory=list)
    cpu_ids: A[list[int], 2] = field(default_factory=list)


class GetRequest(Message):
    pod_name: A[str, 1] = ""
    pod_namespace: A[str, 2] = ""


class GetResponse(Message):
    pod_resources: A[PodResources | None, 1] = None
