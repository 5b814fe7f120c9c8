"""Extended resources that a device class backs (KEP-5004): what a pod asks for as `example.com/gpu: 2` are devices.

A class backs the resource its `extendedResourceName` names, and `deviceclass.resource.kubernetes.io/<its name>`. On
a node whose allocatable has the resource a device plugin serves it, on others a claim that the scheduler makes for the
pod.
"""

from collections.abc import Iterable, Mapping

from pybernetes.api.core import Container, Pod
from pybernetes.api.dynamic_resource import DeviceClass, DeviceRequest, ExactDeviceRequest
from pybernetes.api.quantity import value
from pybernetes.api.validation.resources import is_extended
from pybernetes.client.informer import Informer
from pybernetes.scheduler.pod_info import PodInfo

PREFIX = "deviceclass.resource.kubernetes.io/"
ANNOTATION = "resource.kubernetes.io/extended-resource-claim"
Use = dict[str, str]
"""`containerName`, `resourceName`, `requestName`: which request serves which container."""


def may_be_backed(name: str) -> bool:
    """Whether a resource of this name can be one that a device class backs."""
    return name.startswith(PREFIX) or is_extended(name)


def class_for(name: str, classes: Iterable[DeviceClass]) -> DeviceClass | None:
    """The class that backs a resource: of several the youngest, then the first by name."""
    if name.startswith(PREFIX):
        wanted = name.removeprefix(PREFIX)
        return next((one for one in classes if one.metadata.name == wanted), None)
    found = [one for one in classes if one.spec.extended_resource_name == name]
    found.sort(key=lambda one: one.metadata.name or "")
    return max(found, key=lambda one: str(one.metadata.creation_timestamp or ""), default=None)


def requests_for(pod: Pod, names: Mapping[str, str]) -> tuple[list[DeviceRequest], list[Use]]:
    """The requests of the pod's claim and who uses which; names: resource -> device class.

    Init containers that end before the others start use the devices of those; only what they need beyond that is
    requested for them, once for all.
    """
    spec = pod.spec
    inits = spec.init_containers or []
    containers = [*inits, *(spec.containers or ())]
    short = [at for at, one in enumerate(inits) if one.restart_policy != "Always"]
    requests: list[DeviceRequest] = []
    mappings: list[Use] = []
    for resource in sorted(names):
        of: dict[int, DeviceRequest] = {}
        late: list[Use] = []
        for at, container in enumerate(containers):
            if at not in short and (count := _count(container, resource)):
                of[at] = _request(at, container, resource, names[resource], count)
                mappings.append(_mapping(container, resource, of[at].name))
        largest: DeviceRequest | None = None
        own: set[str] = set()
        for at in short:
            container, count = containers[at], _count(containers[at], resource)
            for later, request in of.items():
                if later >= at and count > 0:
                    late.append(_mapping(container, resource, request.name))
                    count -= request.exactly.count or 0 if request.exactly is not None else 0
            if count > 0:
                request = _request(at, container, resource, names[resource], count)
                own.add(request.name)
                late.append(_mapping(container, resource, request.name))
                if largest is None or _size(largest) < count:
                    largest = request
        if largest is not None:
            requests.append(largest)
            late = [{**row, "requestName": largest.name} if row["requestName"] in own else row for row in late]
        requests += of.values()
        mappings += late
    return sorted(requests, key=lambda one: one.name), mappings


def _count(container: Container, resource: str) -> int:
    resources = container.resources
    amount = ((resources.requests if resources is not None else None) or {}).get(resource)
    return value(amount) if amount else 0


def _size(request: DeviceRequest) -> int:
    return (request.exactly.count if request.exactly is not None else None) or 0


def _request(at: int, container: Container, resource: str, device_class: str, count: int) -> DeviceRequest:
    asked = (container.resources.requests if container.resources is not None else None) or {}
    name = f"container-{at}-request-{sorted(asked).index(resource)}"
    exactly = ExactDeviceRequest(device_class_name=device_class, allocation_mode="ExactCount", count=count)
    return DeviceRequest(name=name, exactly=exactly)


def _mapping(container: Container, resource: str, request: str) -> Use:
    return {"containerName": container.name, "resourceName": resource, "requestName": request}


class Backing:
    """Which resources device classes back now."""

    def __init__(self, classes: Informer[DeviceClass]) -> None:
        self._classes = classes

    def class_of(self, resource: str) -> str:
        """The name of the class that backs it, "" for none."""
        classes = self._classes.list()
        if not classes or not may_be_backed(resource):
            return ""
        found = class_for(resource, classes)
        return (found.metadata.name or "") if found is not None else ""

    def of(self, pod: PodInfo) -> dict[str, str]:
        """The classes that back what the pod requests, by resource."""
        scalars = pod.requests.scalars
        if not scalars:
            return {}
        return {name: found for name, amount in scalars.items() if amount and (found := self.class_of(name))}
