"""What is served follows the definitions.

The watch cache calls `_changed` with every change of a definition before its writer is answered, so a definition takes
effect at once: an `Endpoint` for every served version, taken away again when the version is no longer served or the
definition is gone. `serve` runs what takes time: emptying definitions that are being deleted, and looking again at
names that became free.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from ...api import status
from ...api.resource import resource
from ...api.status import StatusError
from ...base.log import logger
from ..admission.webhook.client import WebhookClient
from ..registry import Endpoint, Registry
from ..resources.custom_resource_definition import FINALIZER, SYSTEM
from ..resources.strategy import Write
from ..watch_cache import ResourceCache, WatchCache
from .definition import Definition, Version, is_true

if TYPE_CHECKING:
    from .published import PublishedVersion
    from .version import CustomVersion

Object = dict[str, Any]
log = logger(__name__)


class CustomResources:
    """See the module docstring. `changed` is called when other resources are served than before."""

    def __init__(
        self, registry: Registry, cache: WatchCache, webhooks: WebhookClient, changed: Callable[[], None]
    ) -> None:
        self._registry = registry
        self._cache = cache
        self._webhooks = webhooks
        self._on_change = changed
        self._definitions: dict[str, Definition] = {}
        self._versions: dict[str, dict[str, CustomVersion]] = {}
        self._published: dict[str, PublishedVersion] = {}
        self._info = resource("customresourcedefinitions", "apiextensions.k8s.io")
        self._work: asyncio.Queue[Callable[[], Any]] = asyncio.Queue()
        self._emptied: set[str] = set()
        self._started = False

    @property
    def published(self) -> dict[str, "PublishedVersion"]:
        """Type name (`stable.example.com/v1.CronTab`) -> its OpenAPI schemas."""
        return self._published

    async def serve(self, ready: asyncio.Event) -> None:
        """Follow the definitions until cancelled; ready once those there are are served."""
        self._cache.subscribe(self._info, self._changed)
        self._started = True
        self._on_change()
        ready.set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                job = await self._work.get()
                tasks.create_task(self._safely(job))

    async def _safely(self, job: Callable[[], Any]) -> None:
        try:
            await job()
        except StatusError as error:
            log.warning("Definition could not be changed", err=error.message)

    # -- changes of definitions

    def _changed(self, old: Object | None, new: Object | None) -> None:
        obj = new if new is not None else old
        assert obj is not None
        name = obj["metadata"]["name"]
        if new is None:
            self._withdraw(name)
            self._cache.forget(Definition(obj).prefix)
            self._emptied.discard(name)
            self._look_again(obj["spec"]["group"])
        elif is_true(new, "Established"):
            self._publish(Definition(new))
            finalizers = new["metadata"].get("finalizers") or ()
            if new["metadata"].get("deletionTimestamp") and FINALIZER in finalizers and name not in self._emptied:
                self._emptied.add(name)
                self._work.put_nowait(partial(self._empty, name))
        else:
            self._withdraw(name)
            if new["metadata"].get("deletionTimestamp"):
                self._work.put_nowait(partial(self._empty, name))
        if new is not None and old is not None and _names(old) != _names(new):
            self._look_again(new["spec"]["group"])

    def _look_again(self, group: str) -> None:
        """Definitions of a group that could not have their names try once more."""
        for other in self._cache.list(self._info):
            if other["spec"]["group"] == group and not is_true(other, "NamesAccepted"):
                self._work.put_nowait(partial(self._touch, other["metadata"]["name"]))

    async def _touch(self, name: str) -> None:
        definitions = self._registry.stored(self._info)
        try:
            await definitions.update("", name, lambda current: current, Write(user=SYSTEM, subresource="status"))
        except StatusError as error:
            if not status.is_not_found(error):
                raise

    async def _empty(self, name: str) -> None:
        definitions = self._registry.stored(self._info)
        versions = self._versions.get(name)
        obj = self._cache.get(self._info, "", name)
        if obj is None:
            return
        definition = Definition(obj)
        if not versions:
            definition.names = definition.names or definition.spec["names"]
            version = self._version(definition, definition.storage)
        else:
            version = versions.get(definition.storage.name) or next(iter(versions.values()))
        from .deleting import empty
        from .endpoints import resource_of

        await empty(resource_of(version, self._registry, self._cache), definitions, name)

    # -- endpoints

    def _version(self, definition: Definition, version: Version) -> "CustomVersion":
        from .endpoints import custom_version  # schemas and CEL are loaded with the first definition

        return custom_version(definition, version, self._webhooks)

    def _publish(self, definition: Definition) -> None:
        before = self._definitions.get(definition.name)
        if before is not None and before.uid == definition.uid:
            if before.spec == definition.spec and before.names == definition.names:
                before.deleting = definition.deleting
                return
        elif before is not None:
            self._withdraw(definition.name)
            before = None
        from .endpoints import published

        self._definitions[definition.name] = definition
        versions = {version.name: self._version(definition, version) for version in definition.versions}
        cache = self._cache.cache(versions[definition.storage.name].info)
        self._probe(cache, definition)
        for name, old in self._versions.get(definition.name, {}).items():
            if name not in versions or not versions[name].version.served:
                self._registry.remove(old.info)
                self._published.pop(old.info.schema, None)
        self._versions[definition.name] = versions
        for version in versions.values():
            if version.version.served:
                self._registry.put(self._endpoint(version))
                self._published[version.info.schema] = published(definition, version.version)
        if before is not None:
            cache.fanout.close()  # watchers come back and see the present versions
        self._tell()

    def _withdraw(self, name: str) -> None:
        versions = self._versions.pop(name, None)
        if self._definitions.pop(name, None) is None or versions is None:
            return
        for version in versions.values():
            self._registry.remove(version.info)
            self._published.pop(version.info.schema, None)
        self._cache.cache(next(iter(versions.values())).info).fanout.close()
        self._tell()

    def _tell(self) -> None:
        if self._started:
            self._on_change()

    def _probe(self, cache: ResourceCache, definition: Definition) -> None:
        """The cache knows the selectable fields of all versions."""
        labels = ["metadata.name", "metadata.namespace"]
        for version in definition.versions:
            labels += [label for label in version.selectable if label not in labels]
        cache.select_by(labels)

    def _endpoint(self, version: "CustomVersion") -> Endpoint:
        from .endpoints import endpoint_of

        return endpoint_of(version, self._registry, self._cache)


def _names(obj: Object) -> Any:
    return (obj.get("status") or {}).get("acceptedNames")
