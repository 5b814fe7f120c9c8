"""AlwaysAdmit, AlwaysDeny and AlwaysPullImages."""

from typing import Any

from ...api import field, status
from ...api.resource import ResourceInfo
from .plugin import AdmissionRequest

Object = dict[str, Any]


class AlwaysAdmit:
    """Does nothing; kept for configurations that name it."""

    name = "AlwaysAdmit"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return False

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """Refuses nothing."""


class AlwaysDeny:
    """Refuses every write; for tests."""

    name = "AlwaysDeny"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return True

    async def admit(self, request: AdmissionRequest) -> None:
        """See AdmissionPlugin."""
        await self.validate(request)

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403."""
        words = "admission control is denying all modifications"
        raise status.forbidden(request.resource.group, request.resource.plural, request.name, words)


class AlwaysPullImages:
    """Every container pulls its image, so that nobody runs a private image that another pod has pulled."""

    name = "AlwaysPullImages"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.group_resource == "pods" and operation in ("CREATE", "UPDATE") and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        """Sets the policy where an image is new."""
        for _, part in self._parts(request):
            part["imagePullPolicy" if "image" in part else "pullPolicy"] = "Always"

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403 when a later plugin has set another policy."""
        errors = []
        for path, part in self._parts(request):
            key = "imagePullPolicy" if "image" in part else "pullPolicy"
            if part.get(key) != "Always":
                errors.append(field.not_supported(f"{path}.{key}", part.get(key) or "", ("Always",)))
        if errors:
            raise status.forbidden("", "pods", request.name, "; ".join(map(str, errors)))

    @staticmethod
    def _parts(request: AdmissionRequest) -> list[tuple[str, Object]]:
        """Containers and image volumes, unless the update leaves all images as they were."""
        if request.object is None or (
            request.old_object is not None and _images(request.object) == _images(request.old_object)
        ):
            return []
        return _parts(request.object)


def _parts(pod: Object) -> list[tuple[str, Object]]:
    spec = pod.get("spec") or {}
    found = [
        (f"spec.{kind}[{index}]", container)
        for kind in ("initContainers", "containers", "ephemeralContainers")
        for index, container in enumerate(spec.get(kind) or ())
    ]
    volumes = enumerate(spec.get("volumes") or ())
    return found + [(f"spec.volumes[{i}].image", volume["image"]) for i, volume in volumes if volume.get("image")]


def _images(pod: Object) -> set[str]:
    return {str(part.get("image") or part.get("reference")) for _, part in _parts(pod)}
