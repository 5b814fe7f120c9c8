"""JobValidation: the parallelism of a Job whose pods are scheduled as a gang does not change (`GenericWorkload`)."""

from typing import Any

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..reader import Object, ObjectReader
from .plugin import AdmissionRequest


class JobValidation:
    """Follows upstream's plugin of the same name: the group is the one that the template names, or else any that the
    Job controls."""

    name = "JobValidation"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._groups = resource("podgroups", "scheduling.k8s.io", "v1alpha2")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        return operation == "UPDATE" and resource.group_resource == "jobs.batch" and not subresource

    async def admit(self, request: AdmissionRequest) -> None:
        return

    async def validate(self, request: AdmissionRequest) -> None:
        new, old = request.object or {}, request.old_object or {}
        if (new.get("spec") or {}).get("parallelism") == (old.get("spec") or {}).get("parallelism"):
            return
        name = self._gang_of(old)
        if name is not None:
            why = f'cannot change parallelism for a Job referencing gang-scheduled PodGroup "{name}"'
            raise status.forbidden("batch", "jobs", request.name, why)

    def _gang_of(self, job: Object) -> str | None:
        namespace = job["metadata"]["namespace"]
        template = ((job.get("spec") or {}).get("template") or {}).get("spec") or {}
        wanted = (template.get("schedulingGroup") or {}).get("podGroupName")
        if wanted is not None:
            group = self._reader.get(self._groups, namespace, wanted)
            return wanted if group is not None and _is_gang(group) else None
        uid = job["metadata"].get("uid")
        for group in self._reader.list(self._groups, namespace):
            if _is_gang(group) and _controller(group) == uid:
                return str(group["metadata"]["name"])
        return None


def _is_gang(group: Object) -> bool:
    return ((group.get("spec") or {}).get("schedulingPolicy") or {}).get("gang") is not None


def _controller(group: Object) -> Any:
    owners = group["metadata"].get("ownerReferences") or ()
    return next((owner.get("uid") for owner in owners if owner.get("controller")), None)
