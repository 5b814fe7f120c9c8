"""PersistentVolumeClaimResize: a claim may only grow when its storage class says so."""

from ...api import status
from ...api.quantity import parse
from ...api.resource import ResourceInfo, resource
from ..reader import Object, ObjectReader
from .plugin import AdmissionRequest


def _size(claim: Object | None) -> str:
    resources = ((claim or {}).get("spec") or {}).get("resources") or {}
    return str((resources.get("requests") or {}).get("storage") or "0")


class PersistentVolumeClaimResize:
    """Follows upstream's plugin of the same name."""

    name = "PersistentVolumeClaimResize"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._classes = resource("storageclasses", "storage.k8s.io")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "UPDATE" and resource.group_resource == "persistentvolumeclaims" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        return

    async def validate(self, request: AdmissionRequest) -> None:
        if not parse(_size(request.object)) > parse(_size(request.old_object)):
            return
        old = request.old_object or {}
        if (old.get("status") or {}).get("phase") != "Bound":
            self._refuse(request, "Only bound persistent volume claims can be expanded")
        name = (old.get("spec") or {}).get("storageClassName")
        found = self._reader.get(self._classes, "", name) if name else None
        if found is None or not found.get("allowVolumeExpansion"):
            self._refuse(
                request,
                "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must "
                "support resize",
            )

    def _refuse(self, request: AdmissionRequest, why: str) -> None:
        raise status.forbidden("", "persistentvolumeclaims", request.name, why)
