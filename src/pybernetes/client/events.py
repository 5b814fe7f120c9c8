"""The event recorder: what happened to an object, for people (`kubectl get events`, `kubectl describe`).

    recorder.event(pod, "Warning", "FailedCreate", "…")   never waits
        └▶ bounded queue ──▶ Correlator (event_correlation.py) ──▶ create, or patch of the count

`serve` writes what was queued: one at a time, or several at once where a component records many (`writers`), but never
two writes of one event at once. A write the server refuses is dropped with a log line; a lost connection
is tried again, as client-go does. When the queue is full new events are dropped: events are best effort.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ..api.resource import resource
from ..api.status import StatusError, is_not_found
from ..base.clock import SYSTEM_CLOCK, Clock
from ..base.log import logger
from .client import Client
from .event_correlation import Correlator, Event, Verdict

log = logger(__name__)

NORMAL = "Normal"
WARNING = "Warning"
QUEUE_SIZE = 1000
MAX_TRIES = 12
RETRY_SECONDS = 10.0
MAX_MESSAGE_LENGTH = 1024

Reference = dict[str, str]
_REFERENCE_FIELDS = (
    ("kind", "kind"),
    ("namespace", "namespace"),
    ("name", "name"),
    ("uid", "uid"),
    ("apiVersion", "api_version"),
    ("resourceVersion", "resource_version"),
    ("fieldPath", "field_path"),
)


def reference_to(obj: Any, field_path: str = "") -> Reference:
    """An ObjectReference (wire form) to an object or of a reference; objects are Structs or dicts."""
    found: Reference
    if isinstance(obj, dict):
        meta = obj.get("metadata", obj)
        found = {wire: meta[wire] for wire, _ in _REFERENCE_FIELDS if meta.get(wire)}
        for field in ("kind", "apiVersion"):
            if obj.get(field):
                found[field] = obj[field]
    elif hasattr(obj, "metadata"):
        meta = obj.metadata
        found = {"kind": type(obj).KIND, "apiVersion": type(obj).API_VERSION}
        for wire, attribute in _REFERENCE_FIELDS:
            value = getattr(meta, attribute, None)
            if value:
                found[wire] = value
    else:
        found = {wire: value for wire, attribute in _REFERENCE_FIELDS if (value := getattr(obj, attribute, None))}
    if field_path:
        found["fieldPath"] = field_path
    return found


def timestamp(instant: datetime) -> str:
    """An instant in the API's Time format, whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class EventRecorder:
    """Records events as one component (`source.component`, `reportingComponent`) on one host."""

    def __init__(
        self,
        client: Client,
        component: str,
        host: str = "",
        *,
        clock: Clock = SYSTEM_CLOCK,
        unique: Callable[[], int] = time.time_ns,
        writers: int = 1,
        queue_size: int = QUEUE_SIZE,
    ) -> None:
        """writers: how many writes may be under way; queue_size: how many events may wait."""
        self._client = client
        self._component = component
        self._host = host
        self._clock = clock
        self._unique = unique
        self._last_unique = 0
        self._queue: asyncio.Queue[Event] = asyncio.Queue(queue_size)
        self._correlator = Correlator()
        self._slots = asyncio.Semaphore(writers)
        self._under_way: dict[tuple[str, str], asyncio.Event] = {}
        self._view = resource("events")

    def event(
        self, obj: Any, type_: str, reason: str, message: str, *, field_path: str = "", component: str = ""
    ) -> None:
        """Record that `reason` happened to an object (Struct, dict or reference). Returns at once. component: who says
        so, if not the recorder's own."""
        involved = reference_to(obj, field_path)
        namespace = involved.get("namespace") or "default"
        now = timestamp(self._clock.now())
        component = component or self._component
        source = {"component": component}
        if self._host:
            source["host"] = self._host
        event: Event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{involved.get('name', '')}.{self._suffix():x}", "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message[:MAX_MESSAGE_LENGTH],
            "source": source,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": type_,
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": self._host,
        }
        try:
            self._queue.put_nowait(event)
        except asyncio.QueueFull:
            log.debug("Event dropped: queue full", reason=reason, name=involved.get("name", ""))

    def normal(self, obj: Any, reason: str, message: str) -> None:
        """`event` of type Normal."""
        self.event(obj, NORMAL, reason, message)

    def warning(self, obj: Any, reason: str, message: str) -> None:
        """`event` of type Warning."""
        self.event(obj, WARNING, reason, message)

    async def serve(self, ready: asyncio.Event) -> None:
        """Write what is recorded until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            ready.set()
            while True:
                await self._slots.acquire()
                try:
                    event = await self._queue.get()
                except asyncio.CancelledError:
                    self._slots.release()
                    raise
                verdict = self._correlator.correlate(event, self._clock.monotonic())
                if verdict is None:
                    self._slots.release()
                    self._queue.task_done()
                else:
                    metadata = verdict.event["metadata"]
                    key = (metadata["namespace"], metadata["name"])
                    before, done = self._under_way.get(key), asyncio.Event()
                    self._under_way[key] = done
                    tasks.create_task(self._write_next(verdict, key, before, done), name="event")

    async def _write_next(
        self, verdict: Verdict, key: tuple[str, str], before: asyncio.Event | None, done: asyncio.Event
    ) -> None:
        """Write one event, after an earlier write of the same one."""
        try:
            if before is not None:
                await before.wait()
            await self._write_with_retries(verdict)
        finally:
            done.set()
            if self._under_way.get(key) is done:
                del self._under_way[key]
            self._slots.release()
            self._queue.task_done()

    async def flush(self) -> None:
        """Wait until everything recorded so far was written or dropped."""
        await self._queue.join()

    def _suffix(self) -> int:
        """A number no other event of this recorder has."""
        self._last_unique = max(self._unique(), self._last_unique + 1)
        return self._last_unique

    async def _write_with_retries(self, verdict: Verdict) -> None:
        for attempt in range(MAX_TRIES):
            if attempt:
                await self._clock.sleep(RETRY_SECONDS)
            try:
                await self._write(verdict)
                return
            except StatusError as error:
                log.debug("Event refused", reason=verdict.event["reason"], err=error)
                return
            except OSError as error:
                log.debug("Event not written; trying again", reason=verdict.event["reason"], err=error)

    async def _write(self, verdict: Verdict) -> None:
        event = verdict.event
        metadata = event["metadata"]
        if verdict.existing:
            changed = {key: event[key] for key in ("count", "message", "lastTimestamp")}
            try:
                await self._client.patch(self._view, metadata["name"], metadata["namespace"], body=changed)
                return
            except StatusError as error:
                if not is_not_found(error):
                    raise
        await self._client.create(event, resource=self._view)
