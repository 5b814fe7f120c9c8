"""The end of a definition: its objects are deleted, and when the last is gone the definition may go (apiextensions
`crdfinalizer`)."""

import asyncio
from datetime import UTC, datetime

from ...api import status
from ...api.status import StatusError
from ...base.log import logger
from ..resources.custom_resource_definition import FINALIZER, SYSTEM
from ..resources.deleting import delete
from ..resources.deletion import DeleteOptions
from ..resources.generic import GenericResource
from ..resources.strategy import Object, Write, instant
from .naming import set_condition

log = logger(__name__)


async def empty(instances: GenericResource, definitions: GenericResource, name: str) -> None:
    """Delete all objects, wait until they are gone, let the definition go."""
    await _note(definitions, name, "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress")
    changed = asyncio.Event()
    instances.cache.subscribe(lambda old, new: changed.set())
    while True:
        changed.clear()
        entries = instances.cache.range()
        if not entries:
            break
        for entry in entries:
            try:
                await delete(instances, entry.namespace, entry.name, DeleteOptions(), Write(user=SYSTEM))
            except StatusError as error:
                if not status.is_not_found(error):
                    log.warning("Object of a deleted definition stays", definition=name, key=entry.key, err=error)
        if instances.cache.range():
            await changed.wait()
    words = "removed all instances"
    await _note(definitions, name, "False", "InstanceDeletionCompleted", words, release=True)


async def _note(
    definitions: GenericResource, name: str, value: str, reason: str, message: str, *, release: bool = False
) -> None:
    def make(current: Object) -> Object:
        condition: Object = {"type": "Terminating", "status": value, "reason": reason, "message": message}
        if "observedGeneration" in (current.get("status") or {}):
            condition["observedGeneration"] = current["metadata"].get("generation", 0)
        set_condition(current, condition, instant(datetime.now(UTC)))
        if release:
            metadata = current["metadata"]
            metadata["finalizers"] = [one for one in metadata.get("finalizers") or () if one != FINALIZER]
        return current

    try:
        await definitions.update("", name, make, Write(user=SYSTEM, subresource="status"))
    except StatusError as error:
        if not status.is_not_found(error):
            raise
