"""NamespaceExists and NamespaceAutoProvision: off by default, since NamespaceLifecycle does the first."""

from collections.abc import Awaitable, Callable

from ...api import status
from ...api.resource import ResourceInfo, resource
from ...api.status import StatusError
from ..reader import Object, ObjectReader
from .own_writes import Write
from .plugin import AdmissionRequest

Refresh = Callable[[], Awaitable[object]]


async def namespace(reader: ObjectReader, refresh: Refresh, name: str) -> Object:
    """A namespace that the reader does not know (yet: another server of the same store may have made it just now).
    StatusError 404."""
    await refresh()
    found = reader.get(resource("namespaces"), "", name)
    if found is None:
        raise status.not_found("", "namespaces", name)
    return found


class NamespaceExists:
    """Refuses every request in a namespace that is not there."""

    name = "NamespaceExists"

    def __init__(self, reader: ObjectReader, refresh: Refresh) -> None:
        self._reader = reader
        self._refresh = refresh
        self._namespaces = resource("namespaces")

    def handles(self, operation: str, resource: ResourceInfo, subresource: str) -> bool:
        """See AdmissionPlugin."""
        return resource.namespaced and operation in ("CREATE", "UPDATE", "DELETE")

    async def admit(self, request: AdmissionRequest) -> None:
        """Changes nothing."""

    async def validate(self, request: AdmissionRequest) -> None:
        """StatusError 404."""
        if self._reader.get(self._namespaces, "", request.namespace) is None:
            await namespace(self._reader, self._refresh, request.namespace)


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
