"""NamespaceExists and NamespaceAutoProvision: off by default, since NamespaceLifecycle does the first."""

from ...api import status
from ...api.resource import ResourceInfo, resource
from ...api.status import StatusError
from ..reader import ObjectReader
from .own_writes import Write
from .plugin import AdmissionRequest


class NamespaceExists:
    """Refuses every request in a namespace that is not there."""

    name = "NamespaceExists"

    def __init__(self, reader: ObjectReader) -> None:
        self._reader = reader
        self._namespaces = resource("namespaces")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.namespaced and operation in ("CREATE", "UPDATE", "DELETE")

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 404."""
        if self._reader.get(self._namespaces, "", request.namespace) is None:
            raise status.not_found("", "namespaces", request.namespace)


class NamespaceAutoProvision:
    """Makes the namespace of the first object that is created in it."""

    name = "NamespaceAutoProvision"

    def __init__(self, reader: ObjectReader, write: Write) -> None:
        self._reader = reader
        self._write = write
        self._namespaces = resource("namespaces")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.namespaced and operation == "CREATE"

    async def admit(self, request: AdmissionRequest) -> None:
        """Makes the namespace, unless this is a dry run."""
        if request.dry_run or self._reader.get(self._namespaces, "", request.namespace) is not None:
            return
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": request.namespace}}
        try:
            await self._write("POST", self._namespaces.path(), body)
        except StatusError as error:
            if not status.is_already_exists(error):
                raise

    async def validate(self, request: AdmissionRequest) -> None:
        """Refuses nothing."""
