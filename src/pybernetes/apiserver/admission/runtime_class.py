"""RuntimeClass: a pod takes over the overhead and the scheduling rules of the class it runs in (KEP-688)."""

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..reader import ObjectReader
from .plugin import AdmissionRequest


class RuntimeClass:
    """Follows upstream's plugin of the same name."""

    name = "RuntimeClass"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._classes = resource("runtimeclasses", "node.k8s.io")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and resource.group_resource == "pods" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        spec = (request.object or {}).setdefault("spec", {})
        name = spec.get("runtimeClassName")
        if not name:
            return
        found = self._reader.get(self._classes, "", name)
        if found is None:
            why = f'pod rejected: RuntimeClass "{name}" not found'
            raise status.forbidden("", "pods", request.name, why)
        overhead = (found.get("overhead") or {}).get("podFixed")
        if overhead and not spec.get("overhead"):
            spec["overhead"] = dict(overhead)
        rules = found.get("scheduling") or {}
        chosen, wanted = spec.get("nodeSelector") or {}, rules.get("nodeSelector") or {}
        clashing = sorted(key for key in wanted if key in chosen and chosen[key] != wanted[key])
        if clashing:
            key = clashing[0]
            why = (
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {wanted[key]}; "
                f"pod.spec.nodeSelector[{key}] = {chosen[key]}"
            )
            raise status.forbidden("", "pods", request.name, why)
        if wanted:
            spec["nodeSelector"] = {**chosen, **wanted}
        tolerations = spec.get("tolerations") or []
        added = [dict(one) for one in rules.get("tolerations") or () if one not in tolerations]
        if added:
            spec["tolerations"] = [*tolerations, *added]

    async def validate(self, request: AdmissionRequest) -> None:
        spec = (request.object or {}).get("spec") or {}
        name = spec.get("runtimeClassName")
        found = self._reader.get(self._classes, "", name) if name else None
        allowed = ((found or {}).get("overhead") or {}).get("podFixed") or {}
        given = spec.get("overhead") or {}
        if not given or given == allowed:
            return
        why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
        if not allowed:
            why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
        raise status.forbidden("", "pods", request.name, why)
