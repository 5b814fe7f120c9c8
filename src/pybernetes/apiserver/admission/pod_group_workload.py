"""PodGroupWorkloadExists: a PodGroup made by a template of a Workload needs both (KEP-4671, `GenericWorkload`)."""

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..reader import ObjectReader
from .namespaces import Refresh
from .plugin import AdmissionRequest

_GROUP = "scheduling.k8s.io"


class PodGroupWorkloadExists:
    """Follows upstream's plugin of the same name."""

    name = "PodGroupWorkloadExists"

    def __init__(self, reader: ObjectReader, refresh: Refresh) -> None:
        self._reader = reader
        self._refresh = refresh
        self._workloads = resource("workloads", _GROUP, "v1alpha2")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "CREATE" and resource.group_resource == f"podgroups.{_GROUP}" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        return

    async def validate(self, request: AdmissionRequest) -> None:
        template = (((request.object or {}).get("spec") or {}).get("podGroupTemplateRef") or {}).get("workload")
        if template is None:
            return
        name, wanted = template.get("workloadName") or "", template.get("podGroupTemplateName") or ""
        workload = self._reader.get(self._workloads, request.namespace, name)
        if workload is None:
            await self._refresh()  # it may have been made just now, by way of another server
            workload = self._reader.get(self._workloads, request.namespace, name)
        if workload is None:
            raise self._rejected(request, f'Workload "{name}" not found')
        if workload["metadata"].get("deletionTimestamp"):
            raise self._rejected(request, f'Workload "{name}" is being deleted')
        templates = (workload.get("spec") or {}).get("podGroupTemplates") or ()
        if wanted not in [found.get("name") for found in templates]:
            raise self._rejected(request, f'PodGroupTemplate "{wanted}" not found in Workload "{name}"')

    def _rejected(self, request: AdmissionRequest, why: str) -> status.StatusError:
        return status.forbidden(_GROUP, "podgroups", request.name, f"PodGroup rejected: {why}")
