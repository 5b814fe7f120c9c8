"""From a definition's version to the endpoint that serves it. Imported when there is a definition."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson

from ...api.managed_fields import MergeSchema, Unconverted
from ...api.managed_fields.structural import StructuralSchema
from ...base.http.message import PushBody
from ..admission.webhook.client import WebhookClient
from ..formats import PlainFormat
from ..registry import Endpoint, Registry
from ..resources.generic import GenericResource
from ..watch_cache import WatchCache
from ..watch_cache.watcher import Format
from .conversion import Conversion, renamed
from .definition import Definition, Version
from .formats import CustomFormats
from .published import PublishedVersion
from .strategy import CustomStrategy
from .version import CustomVersion, served
from .watching import ConvertedWatch

Object = dict[str, Any]

_REMEMBERED = 64
"""Objects that a webhook has converted for comparing who owns what: a write needs a handful."""


def custom_version(definition: Definition, version: Version, webhooks: WebhookClient) -> CustomVersion:
    """One version with its conversion."""
    conversion = Conversion(definition.conversion, definition.group, definition.names["kind"], webhooks)
    return CustomVersion(definition, version, definition.info(version), conversion)


def resource_of(version: CustomVersion, registry: Registry, cache: WatchCache) -> GenericResource:
    """The stored objects, seen in this version."""
    return registry.resource_of(version.info, CustomStrategy(version.info, cache, version))


def published(definition: Definition, version: Version) -> PublishedVersion:
    """Its OpenAPI schemas."""
    return PublishedVersion(definition, version)


def endpoint_of(version: CustomVersion, registry: Registry, cache: WatchCache) -> Endpoint:
    """What requests find."""
    info = version.info
    endpoint = Endpoint(info, resource_of(version, registry, cache))
    endpoint.kind = version
    # Also where the group and kind are ones that we have messages for.
    endpoint.protobuf = False
    endpoint.read = version.read
    endpoint.convert = version.converted
    endpoint.scale = version.version.scale
    endpoint.formats = CustomFormats(version)
    endpoint.tracking.use(_MergeSchemas(version).of(info.group_version))
    if version.conversion.by_webhook and len(version.definition.versions) > 1:
        endpoint.watched = _WebhookWatch(version)
    return endpoint


class _MergeSchemas:
    """How the objects of a definition merge, in each of its versions. Fields that managers own in another version are
    found there by converting the objects; the last ones that a webhook has converted are remembered."""

    def __init__(self, version: CustomVersion) -> None:
        definition = version.definition
        self._kind = version.info.kind
        self._raw = {f"{definition.group}/{one.name}": one.raw for one in definition.versions}
        self._conversion = version.conversion
        self._made: dict[str, StructuralSchema] = {}
        self._converted: dict[tuple[str, bytes], bytes] = {}

    def of(self, api_version: str) -> StructuralSchema:
        found = self._made.get(api_version)
        if found is None:
            schema = (self._raw[api_version].get("schema") or {}).get("openAPIV3Schema")
            found = self._made[api_version] = StructuralSchema(api_version, self._kind, schema, self._other)
        return found

    def _other(self, api_version: str) -> tuple[MergeSchema, Callable[[Object], Object]] | None:
        if api_version not in self._raw:
            return None
        convert = self._asked if self._conversion.by_webhook else renamed
        return self.of(api_version), lambda obj: convert(obj, api_version)

    def _asked(self, obj: Object, api_version: str) -> Object:
        """What the webhook has made of this object. Unconverted when it has not been asked yet."""
        if obj.get("apiVersion") == api_version:
            return obj
        key = api_version, orjson.dumps(obj)
        found = self._converted.get(key)
        if found is not None:
            known: Object = orjson.loads(found)
            return known

        async def convert() -> None:
            (made,) = await self._conversion.convert([obj], api_version.rpartition("/")[2])
            if len(self._converted) >= _REMEMBERED:
                self._converted.clear()
            self._converted[key] = orjson.dumps(made)

        raise Unconverted(convert)


class _WebhookWatch:
    """Watches of a version that a webhook makes."""

    def __init__(self, version: CustomVersion) -> None:
        self.source: Format = PlainFormat(version.info)
        self._version = version

    def wrap(self, inner: PushBody, format: Format) -> PushBody:
        return ConvertedWatch(inner, self._convert, self._render, format)

    async def _convert(self, objects: Sequence[Object]) -> list[Object]:
        return await self._version.conversion.convert(objects, self._version.version.name)

    def _render(self, obj: Object) -> bytes:
        return served(self._version.shape(obj))
