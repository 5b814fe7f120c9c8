"""What may still change of a pod that has its node, seen from the node.

PodResizeValidator            a resize must fit the node as if it were empty, and the node must run Linux
NodeDeclaredFeatureValidator  a change that takes a feature of the kubelet needs a node that declares it (KEP-5328)
"""

from typing import Any

from ...api import status
from ...api.quantity import Quantity, parse
from ...api.quota.pod_resources import pod_requests
from ...api.resource import ResourceInfo, resource
from ..reader import Object, ObjectReader
from .plugin import AdmissionRequest

_CPU_RESIZE = "GuaranteedQoSPodCPUResize"
_POD_LEVEL_RESIZE = "InPlacePodLevelResourcesVerticalScaling"
_OS = "kubernetes.io/os"


class _OnNode:
    """A check of pods that have a node, when their spec changes."""

    name = ""
    subresources: tuple[str, ...] = ()

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._nodes = resource("nodes")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return operation == "UPDATE" and resource.group_resource == "pods" and subresource in self.subresources

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin. StatusError 403."""
        new, old = request.object or {}, request.old_object or {}
        if not (new.get("spec") or {}).get("nodeName"):
            return
        if new["metadata"].get("generation") == old["metadata"].get("generation"):
            return
        why = self._problem(new, old)
        if why:
            raise status.forbidden("", "pods", request.name, why)

    def _problem(self, new: Object, old: Object) -> str:
        raise NotImplementedError

    def _node(self, pod: Object) -> Object | None:
        return self._reader.get(self._nodes, "", pod["spec"]["nodeName"])


def _not_there(pod: Object) -> str:
    return f'node "{pod["spec"]["nodeName"]}" not found'


class PodResizeValidator(_OnNode):
    """Follows upstream's plugin of the same name."""

    name = "PodResizeValidator"
    subresources = ("resize",)

    def _problem(self, new: Object, old: Object) -> str:
        node = self._node(new)
        if node is None:
            return _not_there(new)
        requests = pod_requests({"spec": new["spec"]})
        allocatable = (node.get("status") or {}).get("allocatable") or {}
        lacking = []
        for name, amount in (("cpu", Quantity.milli), ("memory", Quantity.value)):
            wanted, there = amount(requests.get(name) or Quantity(0)), amount(parse(allocatable.get(name) or "0"))
            if wanted > there:
                lacking.append(f"{name}, requested: {wanted}, allocatable: {there}")
        if lacking:
            return f"Node didn't have enough allocatable resources: {'; '.join(lacking)}"
        system = (node["metadata"].get("labels") or {}).get(_OS, "")
        if system != "linux":
            name = node["metadata"]["name"]
            return f'pod resize is only supported on linux nodes, node "{name}" is "{system}"'
        return ""


class NodeDeclaredFeatureValidator(_OnNode):
    """Follows upstream's plugin of the same name."""

    name = "NodeDeclaredFeatureValidator"
    subresources = ("", "resize")

    def _problem(self, new: Object, old: Object) -> str:
        wanted = _features(new, old)
        if not wanted:
            return ""
        node = self._node(new)
        if node is None:
            return _not_there(new)
        declared = (node.get("status") or {}).get("declaredFeatures") or ()
        missing = [feature for feature in wanted if feature not in declared]
        if not missing:
            return ""
        name = node["metadata"]["name"]
        return f'pod update requires features {", ".join(missing)} which are not available on node "{name}"'


def _features(new: Object, old: Object) -> list[str]:
    """The features that a change takes, in order."""
    after, before = new["spec"], old["spec"]
    found = []
    if (old.get("status") or {}).get("qosClass") == "Guaranteed":
        pairs = zip(after.get("containers") or (), before.get("containers") or (), strict=False)
        if any(_cpu(one) != _cpu(other) for one, other in pairs):
            found.append(_CPU_RESIZE)
    if (after.get("resources") or {}) != (before.get("resources") or {}):
        found.append(_POD_LEVEL_RESIZE)
    return found


def _cpu(container: Any) -> Quantity:
    return parse(((container.get("resources") or {}).get("requests") or {}).get("cpu") or "0")
