"""What versions of a resource are served, and how an object gets from one to the other: for admission.

Implements `admission.webhook.versions.Versions` over the registry; the stored version is the hub of every conversion.
"""

from inspect import isawaitable
from typing import Any

from ..api.managed_fields import MergeSchema
from ..api.managed_fields.builtin import BuiltinSchema
from ..api.resource import ResourceInfo
from .kind_schema import BuiltinKind
from .registry import Registry, ScalePaths

Object = dict[str, Any]


class ServedVersions:
    """See the module docstring."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def equivalents(self, info: ResourceInfo) -> list[ResourceInfo]:
        """Every served version of the same stored resource, the given one among them."""
        if not info.storage_prefix:
            return [info]
        endpoints = self._registry.endpoints.values()
        return [endpoint.info for endpoint in endpoints if endpoint.info.storage_prefix == info.storage_prefix]

    async def convert(self, obj: Object, start: ResourceInfo, end: ResourceInfo) -> Object:
        """An object of one version in another; the object itself when they are the same."""
        if start.group_version == end.group_version:
            return obj
        late = self._registry.find(end.group, end.version, end.plural)
        if late is not None and late.convert is not None:
            return await late.convert(obj)
        for info, inward in ((start, True), (end, False)):
            endpoint = self._registry.find(info.group, info.version, info.plural)
            if endpoint is not None:
                found: Any = endpoint.stored(obj) if inward else endpoint.served(obj)
                obj = await found if isawaitable(found) else found
        return obj

    def of_kind(self, api_version: str, kind: str) -> ResourceInfo | None:
        """The served resource of a kind."""
        for endpoint in self._registry.endpoints.values():
            info = endpoint.info
            if info.kind == kind and info.group_version == api_version and info.storage_prefix:
                return info
        return None

    def merging(self, info: ResourceInfo) -> MergeSchema:
        """How objects of a version merge."""
        endpoint = self._registry.find(info.group, info.version, info.plural)
        if endpoint is None:
            return BuiltinSchema(info.group_version, info.kind)
        return endpoint.tracking.manager.schema

    def scale_paths(self, info: ResourceInfo) -> ScalePaths | None:
        """Where a custom resource has the numbers of its scale; None for the usual places."""
        endpoint = self._registry.find(info.group, info.version, info.plural)
        return endpoint.scale if endpoint is not None else None

    async def shown(self, obj: Object, info: ResourceInfo) -> Object:
        """A stored object in this version."""
        if obj.get("apiVersion") == info.group_version:
            return obj
        endpoint = self._registry.find(info.group, info.version, info.plural)
        if endpoint is None:
            return obj
        return await endpoint.convert(obj) if endpoint.convert is not None else endpoint.served(obj)

    async def conform(self, obj: Object, info: ResourceInfo) -> Object:
        """Unknown fields pruned, defaults filled in, as if a client had sent the object. StatusError 400."""
        endpoint = self._registry.find(info.group, info.version, info.plural)
        schema = endpoint.kind if endpoint is not None else BuiltinKind(info.group_version, info.kind)
        schema.decode(obj, unknown="ignore")
        schema.defaults(obj)
        return obj
