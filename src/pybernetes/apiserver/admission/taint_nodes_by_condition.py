"""TaintNodesByCondition: a new node takes no pods until it is seen to be ready."""

from ...api.resource import ResourceInfo
from .plugin import AdmissionRequest

TAINT = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class TaintNodesByCondition:
    """Adds the not-ready taint to nodes as they are created; the node lifecycle controller takes it away."""

    name = "TaintNodesByCondition"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and resource.group_resource == "nodes" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        spec = (request.object or {}).setdefault("spec", {})
        taints = spec.setdefault("taints", [])
        if not any(t.get("key") == TAINT["key"] and t.get("effect") == TAINT["effect"] for t in taints):
            taints.append(dict(TAINT))

    async def validate(self, request: AdmissionRequest) -> None:
        return
