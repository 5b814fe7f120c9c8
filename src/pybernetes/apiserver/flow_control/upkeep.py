"""Writes what the objects should be: the built-in ones where they are missing, and the condition Dangling.

`exempt` and `catch-all` always have their fixed content; a suggested object keeps what an administrator made of it,
unless its annotation says that it wants to follow.
"""

import asyncio

from ...api import status
from ...api.resource import ResourceInfo
from ...api.status import StatusError
from ...base.clock import Clock
from ...base.log import logger
from ..admission.own_writes import Write
from ..reader import Object, ObjectReader
from ..resources.strategy import instant
from .flow_control import FlowControl
from .objects import AUTO_UPDATE, LEVELS, MANDATORY, SCHEMAS, built_in

log = logger(__name__)


class Upkeep:
    """`serve` runs it; woken by every change of the objects."""

    def __init__(self, reader: ObjectReader, control: FlowControl, write: Write, clock: Clock) -> None:
        self._reader = reader
        self._control = control
        self._write = write
        self._clock = clock
        self._woken = asyncio.Event()
        self._woken.set()
        for info in (SCHEMAS, LEVELS):
            reader.subscribe(info, lambda old, new: self._woken.set())

    async def serve(self, ready: asyncio.Event) -> None:
        """Run until cancelled; ready at once."""
        ready.set()
        while True:
            await self._woken.wait()
            self._woken.clear()
            schemas, levels = built_in()
            for info, objects in ((LEVELS, levels), (SCHEMAS, schemas)):
                for obj in objects.values():
                    await self._ensure(info, obj)
            for schema in list(self._reader.list(SCHEMAS)):
                await self._report(schema)

    async def _ensure(self, info: ResourceInfo, obj: Object) -> None:
        name = obj["metadata"]["name"]
        present = self._reader.get(info, "", name)
        if present is None:
            await self._try("POST", info.path(), obj)
            return
        follows = (present["metadata"].get("annotations") or {}).get(AUTO_UPDATE)
        untouched = present["metadata"].get("generation") == 1 if follows is None else follows == "true"
        if (name in MANDATORY or untouched) and not _has(present.get("spec") or {}, obj["spec"]):
            await self._try("PUT", info.path(None, name), {**present, "spec": obj["spec"]})

    async def _report(self, schema: Object) -> None:
        name = schema["spec"].get("priorityLevelConfiguration", {}).get("name")
        dangling = self._control.is_dangling(schema)
        words = f'This FlowSchema references the PriorityLevelConfiguration object named "{name}"'
        value = "True" if dangling else "False"
        reason = "NotFound" if dangling else "Found"
        message = f"{words} but there is no such object" if dangling else f"{words} and it exists"
        conditions = (schema.get("status") or {}).get("conditions") or []
        old: Object = next((row for row in conditions if row.get("type") == "Dangling"), {})
        if (old.get("status"), old.get("reason"), old.get("message")) == (value, reason, message):
            return
        condition: Object = {"type": "Dangling", "status": value, "reason": reason, "message": message}
        moved = old.get("status") != value
        condition["lastTransitionTime"] = instant(self._clock.now()) if moved else old.get("lastTransitionTime")
        others = [row for row in conditions if row.get("type") != "Dangling"]
        body = {**schema, "status": {"conditions": [*others, condition]}}
        await self._try("PUT", f"{SCHEMAS.path(None, schema['metadata']['name'])}/status", body)

    async def _try(self, method: str, path: str, body: Object) -> None:
        """Write; whoever was faster has woken us again."""
        try:
            await self._write(method, path, body)
        except StatusError as error:
            if not (status.is_conflict(error) or status.is_already_exists(error) or status.is_not_found(error)):
                log.warning("Flow control object could not be written", path=path, err=error)


def _has(present: Object, wanted: Object) -> bool:
    """Whether everything wanted is there, whatever else defaulting has added."""
    for key, value in wanted.items():
        found = present.get(key)
        if isinstance(value, dict) and isinstance(found, dict):
            if not _has(found, value):
                return False
        elif isinstance(value, list) and isinstance(found, list) and len(value) == len(found):
            rows = zip(found, value, strict=True)
            if not all(_has(f, v) if isinstance(v, dict) and isinstance(f, dict) else f == v for f, v in rows):
                return False
        elif found != value and not (found is None and value in (0, False, "", [])):
            return False
    return True
