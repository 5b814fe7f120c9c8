"""Creating and deleting the pods of an owner, with the events upstream records about it.

Events: SuccessfulCreate `Created pod: NAME`, FailedCreate `Error creating: …`, SuccessfulDelete `Deleted pod: NAME`,
FailedDelete `Error deleting: …`.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from ..api.core import Pod
from ..api.resource import resource
from ..api.status import StatusError, is_not_found
from ..client.client import STRATEGIC_MERGE_PATCH, Client
from ..client.events import EventRecorder
from ..client.view import PartialObject, View
from .ownership import adoption_patch, release_patch
from .pods import slow_start_batches

_NAMED = View(resource("pods"), PartialObject)
"""All that is asked of the answer to a creation is the name."""


def is_namespace_terminating(error: BaseException) -> bool:
    """Whether a creation was refused because its namespace is being deleted: nothing to report, nothing to repeat."""
    if not isinstance(error, StatusError) or error.reason != "Forbidden":
        return False
    causes = (error.details or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


class PodControl:
    """Writes pods as one controller."""

    def __init__(self, client: Client, recorder: EventRecorder) -> None:
        self._client = client
        self._recorder = recorder

    async def create(self, pod: Pod, owner: Any) -> None:
        """Create a pod for its owner; the event tells."""
        try:
            created = await self._client.create(pod, answer=_NAMED)
        except StatusError as error:
            if not is_namespace_terminating(error):
                self._recorder.warning(owner, "FailedCreate", f"Error creating: {error.message}")
            raise
        self._recorder.normal(owner, "SuccessfulCreate", f"Created pod: {created.metadata.name}")

    async def delete(self, pod: Pod, owner: Any) -> None:
        """Delete a pod of its owner; one that is gone already is fine."""
        meta = pod.metadata
        try:
            await self._client.delete(Pod, meta.name or "", meta.namespace or "", uid=meta.uid or "")
        except StatusError as error:
            if is_not_found(error):
                return
            self._recorder.warning(owner, "FailedDelete", f"Error deleting: {error.message}")
            raise
        self._recorder.normal(owner, "SuccessfulDelete", f"Deleted pod: {meta.name}")

    async def adopt(self, pod: Pod, owner: Any, *, finalizers: tuple[str, ...] = ()) -> Pod:
        """Become the controller of an orphan."""
        body = adoption_patch(owner, pod, finalizers=finalizers)
        return await self._patch(pod, body)

    async def release(self, pod: Pod, owner: Any, *, finalizers: tuple[str, ...] = ()) -> None:
        """Stop controlling a pod whose labels no longer match; it may be gone or somebody else's by now."""
        try:
            await self._patch(pod, release_patch(owner, pod, finalizers=finalizers))
        except StatusError as error:
            if error.reason not in ("NotFound", "Invalid"):
                raise

    async def _patch(self, pod: Pod, body: dict[str, Any]) -> Pod:
        meta = pod.metadata
        return await self._client.patch(
            Pod, meta.name or "", meta.namespace or "", body=body, content_type=STRATEGIC_MERGE_PATCH
        )


async def in_slow_start(count: int, create: Callable[[int], Any]) -> tuple[int, BaseException | None]:
    """Run create(0) … create(count-1) in batches of 1, 2, 4, …; stop after the first batch with a failure.

    Returns how many succeeded and the first failure.
    """
    succeeded = 0
    at = 0
    for size in slow_start_batches(count):
        results = await asyncio.gather(*(create(at + number) for number in range(size)), return_exceptions=True)
        at += size
        failures = [result for result in results if isinstance(result, BaseException)]
        succeeded += size - len(failures)
        if failures:
            return succeeded, failures[0]
    return succeeded, None
