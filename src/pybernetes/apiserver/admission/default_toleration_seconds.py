"""DefaultTolerationSeconds: unless it says otherwise a pod stays 300 seconds on a node that is lost or not ready."""

from ...api.resource import ResourceInfo
from .plugin import AdmissionRequest

SECONDS = 300
_KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class DefaultTolerationSeconds:
    """Adds the two NoExecute tolerations that are missing."""

    name = "DefaultTolerationSeconds"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation in ("CREATE", "UPDATE") and resource.group_resource == "pods" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        spec = (request.object or {}).setdefault("spec", {})
        tolerations = spec.get("tolerations") or []
        missing = dict.fromkeys(_KEYS)
        for toleration in tolerations:
            if toleration.get("effect") in ("NoExecute", None, ""):
                key = toleration.get("key")
                if not key:
                    return  # of everything
                missing.pop(key, None)
        if missing:
            spec["tolerations"] = [*tolerations, *map(_toleration, missing)]

    async def validate(self, request: AdmissionRequest) -> None:
        return


def _toleration(key: str) -> dict[str, object]:
    return {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS}
