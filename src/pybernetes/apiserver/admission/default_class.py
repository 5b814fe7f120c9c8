"""DefaultStorageClass and DefaultIngressClass: claims and ingresses without a class get the one marked as default."""

from typing import Any

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..reader import ObjectReader
from .plugin import AdmissionRequest


def _marked(reader: ObjectReader, classes: ResourceInfo, annotation: str) -> list[dict[str, Any]]:
    found = [c for c in reader.list(classes) if (c["metadata"].get("annotations") or {}).get(annotation) == "true"]
    return sorted(found, key=lambda c: (c["metadata"].get("creationTimestamp", ""), c["metadata"]["name"]))


class DefaultStorageClass:
    """Of several defaults the newest counts (the way to replace a default without a gap)."""

    name = "DefaultStorageClass"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._classes = resource("storageclasses", "storage.k8s.io")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and resource.group_resource == "persistentvolumeclaims" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        obj = request.object or {}
        spec = obj.setdefault("spec", {})
        annotations = obj["metadata"].get("annotations") or {}
        if "storageClassName" in spec or "volume.beta.kubernetes.io/storage-class" in annotations:
            return
        found = _marked(self._reader, self._classes, "storageclass.kubernetes.io/is-default-class")
        if found:
            spec["storageClassName"] = found[-1]["metadata"]["name"]

    async def validate(self, request: AdmissionRequest) -> None:
        return


class DefaultIngressClass:
    """Two defaults are refused, since nothing says which is meant."""

    name = "DefaultIngressClass"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._classes = resource("ingressclasses", "networking.k8s.io")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and resource.group_resource == "ingresses.networking.k8s.io" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        obj = request.object or {}
        spec = obj.setdefault("spec", {})
        annotations = obj["metadata"].get("annotations") or {}
        if "ingressClassName" in spec or "kubernetes.io/ingress.class" in annotations:
            return
        found = _marked(self._reader, self._classes, "ingressclass.kubernetes.io/is-default-class")
        if len(found) > 1:
            why = f"{len(found)} default IngressClasses were found, only 1 allowed"
            raise status.forbidden("networking.k8s.io", "ingresses", request.name, why)
        if found:
            spec["ingressClassName"] = found[0]["metadata"]["name"]

    async def validate(self, request: AdmissionRequest) -> None:
        return
