"""PodGroupProtection: a PodGroup carries a finalizer that keeps it while pods of it are active (`GenericWorkload`)."""

from ...api.resource import ResourceInfo
from .plugin import AdmissionRequest

FINALIZER = "scheduling.k8s.io/podgroup-protection"


class PodGroupProtection:
    """Adds the finalizer at creation; the protection controller removes it."""

    name = "PodGroupProtection"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and not subresource and resource.group_resource == "podgroups.scheduling.k8s.io"

    async def admit(self, request: AdmissionRequest) -> None:
        finalizers = (request.object or {}).setdefault("metadata", {}).setdefault("finalizers", [])
        if FINALIZER not in finalizers:
            finalizers.append(FINALIZER)

    async def validate(self, request: AdmissionRequest) -> None:
        return
