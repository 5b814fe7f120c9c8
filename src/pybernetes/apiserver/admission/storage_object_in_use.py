"""StorageObjectInUseProtection: volumes and claims carry a finalizer that keeps them while a pod uses them."""

from ...api.resource import ResourceInfo
from .plugin import AdmissionRequest

_FINALIZERS = {
    "persistentvolumes": "kubernetes.io/pv-protection",
    "persistentvolumeclaims": "kubernetes.io/pvc-protection",
}


class StorageObjectInUseProtection:
    """Adds the finalizer at creation; the protection controllers remove it."""

    name = "StorageObjectInUseProtection"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and not subresource and resource.group_resource in _FINALIZERS

    async def admit(self, request: AdmissionRequest) -> None:
        finalizer = _FINALIZERS[request.resource.plural]
        finalizers = (request.object or {}).setdefault("metadata", {}).setdefault("finalizers", [])
        if finalizer not in finalizers:
            finalizers.append(finalizer)

    async def validate(self, request: AdmissionRequest) -> None:
        return
