"""NamespaceLifecycle: objects need a namespace that is there and not on its way out; some namespaces stay for ever."""

from ...api import status
from ...api.resource import ResourceInfo, resource
from ..reader import ObjectReader
from .namespaces import Refresh, namespace
from .plugin import AdmissionRequest

IMMORTAL = frozenset({"default", "kube-system", "kube-public"})
_ALLOWED_WHILE_TERMINATING = frozenset({"localsubjectaccessreviews"})


class NamespaceLifecycle:
    """Follows upstream's plugin of the same name."""

    name = "NamespaceLifecycle"

    def __init__(self, reader: ObjectReader, refresh: Refresh) -> None:
        self._reader = reader
        self._refresh = refresh
        self._namespaces = resource("namespaces")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        if resource.plural == "namespaces" and not resource.group:
            return operation == "DELETE" and not subresource
        return operation == "CREATE" and resource.namespaced

    async def admit(self, request: AdmissionRequest) -> None:
        if request.operation == "DELETE":
            if request.name in IMMORTAL:
                raise status.forbidden("", "namespaces", request.name, "this namespace may not be deleted")
            return
        found = self._reader.get(self._namespaces, "", request.namespace)
        if found is None:
            found = await namespace(self._reader, self._refresh, request.namespace)
        terminating = found["metadata"].get("deletionTimestamp")
        if terminating and request.resource.plural not in _ALLOWED_WHILE_TERMINATING:
            raise self._terminating(request)

    def _terminating(self, request: AdmissionRequest) -> status.StatusError:
        why = f"unable to create new content in namespace {request.namespace} because it is being terminated"
        error = status.forbidden(request.resource.group, request.resource.plural, request.name, why)
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {request.namespace} is being terminated",
            "field": "metadata.namespace",
        }
        error.details = {**(error.details or {}), "causes": [cause]}
        return error

    async def validate(self, request: AdmissionRequest) -> None:
        return
