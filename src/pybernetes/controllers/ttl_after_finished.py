"""Removing finished Jobs `ttlSecondsAfterFinished` after they ended (concept page "Automatic Cleanup").

Each Job has one timer at its own deadline. Before deleting, the Job is read again, since the TTL may have been raised.
"""

import asyncio
from datetime import datetime

from ..api.batch import Job
from ..api.status import StatusError, is_not_found
from ..base.clock import after
from ..client.view import split_key
from ..reconcile.controller import Result
from ..reconcile.manager import ControllerContext
from ..reconcile.sources import source


def due(job: Job) -> datetime | None:
    """When the Job may be removed; None when it has no TTL, is not finished or is being deleted."""
    if job.spec.ttl_seconds_after_finished is None or job.metadata.deletion_timestamp is not None:
        return None
    for condition in job.status.conditions or ():
        if condition.type in ("Complete", "Failed") and condition.status == "True":
            finished = condition.last_transition_time
            return after(finished, job.spec.ttl_seconds_after_finished) if finished else None
    return None


class TTLAfterFinished:
    """See the module docstring. Keys are those of Jobs."""

    def __init__(self, context: ControllerContext) -> None:
        self._client = context.client
        self._clock = context.clock
        self._jobs = context.informers.of(Job)
        self._controller = context.controller("ttl_jobs_to_delete", self._reconcile, workers=1)
        source(self._jobs, self._controller.enqueue, when=lambda old, new: new is not None and due(new) is not None)

    async def serve(self, ready: asyncio.Event) -> None:
        await self._controller.serve(ready)

    async def _reconcile(self, key: str) -> Result | None:
        namespace, name = split_key(key)
        job = self._jobs.get(name, namespace)
        instant = due(job) if job is not None else None
        if job is None or instant is None:
            return None
        seconds = (instant - self._clock.now()).total_seconds()
        if seconds > 0:
            return Result(seconds + 0.1)
        try:
            fresh = await self._client.get(Job, name, namespace)
            again = due(fresh)
            if again is None or again > self._clock.now():
                return None
            await self._client.delete(
                Job,
                name,
                namespace,
                uid=fresh.metadata.uid or "",
                resource_version=fresh.metadata.resource_version or "",
                propagation_policy="Foreground",
            )
        except StatusError as error:
            if not is_not_found(error):
                raise
        return None
