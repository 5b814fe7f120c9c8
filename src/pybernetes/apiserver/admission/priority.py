"""Priority: a pod's priority and preemption policy follow from its PriorityClass (Pod Priority and Preemption)."""

from typing import Any

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..reader import ObjectReader
from .plugin import AdmissionRequest


class Priority:
    """Fills `spec.priority` and `spec.preemptionPolicy`; keeps the global default class single."""

    name = "Priority"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._classes = resource("priorityclasses", "scheduling.k8s.io")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        if subresource or operation not in ("CREATE", "UPDATE"):
            return False
        return resource.group_resource in ("pods", "priorityclasses.scheduling.k8s.io")

    async def admit(self, request: AdmissionRequest) -> None:
        if request.resource.plural != "pods" or request.object is None:
            return
        spec = request.object.setdefault("spec", {})
        if request.operation == "UPDATE":
            old = (request.old_object or {}).get("spec") or {}
            for field in ("priority", "preemptionPolicy"):
                if spec.get(field) is None and old.get(field) is not None:
                    spec[field] = old[field]
            return
        found = self._class_of(request, spec)
        value = found.get("value", 0) if found else 0
        policy = (found or {}).get("preemptionPolicy") or "PreemptLowerPriority"
        self._check(request, spec, "priority", value)
        self._check(request, spec, "preemptionPolicy", policy)
        spec["priority"], spec["preemptionPolicy"] = value, policy

    def _class_of(self, request: AdmissionRequest, spec: dict[str, Any]) -> dict[str, Any] | None:
        name = spec.get("priorityClassName")
        if name:
            found = self._reader.get(self._classes, "", name)
            if found is None:
                why = f"no PriorityClass with name {name} was found"
                raise status.forbidden("", "pods", request.name, why)
            return found
        defaults = [c for c in self._reader.list(self._classes) if c.get("globalDefault")]
        if not defaults:
            return None
        found = min(defaults, key=lambda one: one.get("value", 0))
        spec["priorityClassName"] = found["metadata"]["name"]
        return found

    def _check(self, request: AdmissionRequest, spec: dict[str, Any], field: str, value: object) -> None:
        given = spec.get(field)
        if given is not None and given != value:
            if field == "priority":
                why = f"the integer value of priority ({given}) must not be provided in pod spec; priority admission "
                why += f"controller computed {value} from the given PriorityClass name"
            else:
                why = f"the string value of PreemptionPolicy ({given}) must not be provided in pod spec; priority "
                why += f"admission controller computed {value} from the given PriorityClass name"
            raise status.forbidden("", "pods", request.name, why)

    async def validate(self, request: AdmissionRequest) -> None:
        obj = request.object
        if request.resource.plural != "priorityclasses" or obj is None or not obj.get("globalDefault"):
            return
        for other in self._reader.list(self._classes):
            name = other["metadata"]["name"]
            if other.get("globalDefault") and name != request.name:
                why = f"PriorityClass {name} is already marked as default. Only one default can exist"
                group = "scheduling.k8s.io"
                raise status.forbidden(group, "priorityclasses", request.name, why)
