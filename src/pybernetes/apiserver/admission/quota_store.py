"""Quotas in the registry, for the ResourceQuota plugin (`resource_quota.QuotaStore`)."""

from ...api.resource import resource
from ...api.user import UserInfo
from ..reader import Object
from ..registry import Registry
from ..resources.strategy import Write
from .resource_quota import Make


class RegistryQuotas:
    """See QuotaStore."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._info = resource("resourcequotas")

    async def fetch(self, namespace: str, name: str) -> Object | None:
        """See QuotaStore."""
        stored = self._registry.stored(self._info)
        entry = await stored.fetch(stored.cache.key(namespace, name))
        return entry.copy() if entry is not None else None

    async def update(self, namespace: str, name: str, make: Make, user: UserInfo) -> None:
        """See QuotaStore."""
        write = Write(user=user, subresource="status")
        await self._registry.stored(self._info).update(namespace, name, make, write)
