"""IPAddress objects: who holds a service address, for all API servers on one store (KEP-1880).

An address belongs to the service that its IPAddress names. The object is written before the service is and removed
after it, so that two servers never give out one address. `ServiceNetwork` only makes choosing fast.
"""

import ipaddress
from typing import Any

from ...api import status
from ...api.status import StatusError
from ...api.user import UserInfo
from .deleting import delete
from .deletion import DeleteOptions
from .generic import GenericResource
from .strategy import Object, Write

MANAGED_BY = "ipallocator.k8s.io"
_FAMILY_LABEL = "ipaddress.kubernetes.io/ip-family"
_MANAGED_BY_LABEL = "ipaddress.kubernetes.io/managed-by"
_SERVER = UserInfo("system:apiserver", groups=("system:masters",))


def ip_address_object(address: str, namespace: str, name: str) -> Object:
    """The IPAddress of a service."""
    family = "IPv6" if ipaddress.ip_address(address).version == 6 else "IPv4"
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IPAddress",
        "metadata": {"name": address, "labels": {_FAMILY_LABEL: family, _MANAGED_BY_LABEL: MANAGED_BY}},
        "spec": {"parentRef": {"group": "", "resource": "services", "namespace": namespace, "name": name}},
    }


def owner_of(obj: Object) -> str:
    """`namespace/name` of the service that an IPAddress belongs to."""
    parent: dict[str, Any] = (obj.get("spec") or {}).get("parentRef") or {}
    return f"{parent.get('namespace', '')}/{parent.get('name', '')}"


def is_ours(obj: Object) -> bool:
    """Whether an IPAddress was written for a service by an API server."""
    return ((obj["metadata"].get("labels") or {}).get(_MANAGED_BY_LABEL)) == MANAGED_BY


class AddressObjects:
    """Writes and removes IPAddress objects as the server itself."""

    def __init__(self, addresses: GenericResource) -> None:
        self._addresses = addresses

    async def take(self, address: str, owner: str) -> bool:
        """Whether the service `namespace/name` holds the address now; False when another one does."""
        namespace, _, name = owner.partition("/")
        try:
            await self._addresses.create(ip_address_object(address, namespace, name), Write(user=_SERVER), "")
            return True
        except StatusError as error:
            if not status.is_already_exists(error):
                raise
        entry = await self._addresses.fetch(self._addresses.cache.key("", address))
        return entry is not None and owner_of(entry.copy()) == owner

    async def free(self, address: str, owner: str) -> None:
        """Remove the object if that service holds it."""
        entry = await self._addresses.fetch(self._addresses.cache.key("", address))
        if entry is None or owner_of(entry.copy()) != owner:
            return
        options = DeleteOptions(uid=entry.copy()["metadata"]["uid"])
        try:
            await delete(self._addresses, "", address, options, Write(user=_SERVER))
        except StatusError as error:
            if not (status.is_not_found(error) or status.is_conflict(error)):
                raise
