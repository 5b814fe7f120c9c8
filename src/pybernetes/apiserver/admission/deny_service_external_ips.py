"""DenyServiceExternalIPs: nobody may begin to use `spec.externalIPs` (CVE-2020-8554)."""

from ...api import status
from ...api.resource import ResourceInfo
from .plugin import AdmissionRequest


class DenyServiceExternalIPs:
    """Follows upstream's plugin of the same name: addresses that are there may stay or go."""

    name = "DenyServiceExternalIPs"

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.group_resource == "services" and operation in ("CREATE", "UPDATE") and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 403 for an address that was not there before."""
        new, old = (
            set(((obj or {}).get("spec") or {}).get("externalIPs") or ())
            for obj in (request.object, request.old_object)
        )
        if new - old:
            raise status.forbidden("", "services", request.name, "Use of external IPs is denied by admission control")
