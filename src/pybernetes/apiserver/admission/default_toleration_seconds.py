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
        missing = [key for key in _KEYS if not any(_covers(t, key) for t in tolerations)]
        added = [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS} for key in missing
        ]
        if added:
            spec["tolerations"] = [*tolerations, *added]

    async def validate(self, request: AdmissionRequest) -> None:
        return


def _covers(toleration: dict[str, object], key: str) -> bool:
    return toleration.get("key") in (key, None, "") and toleration.get("effect") in ("NoExecute", None, "")
