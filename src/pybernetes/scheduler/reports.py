"""What the scheduler tells about pods that have no node: events and conditions."""

from typing import Any

from pybernetes.api.core import Pod
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.base.clock import Clock
from pybernetes.client.client import STRATEGIC_MERGE_PATCH, Client
from pybernetes.client.events import NORMAL, WARNING, EventRecorder
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.status import unscheduled_patch


class Reports:
    """Writes them. StatusError and OSError are the caller's; that the pod is gone is no error."""

    def __init__(self, client: Client, recorder: EventRecorder, clock: Clock) -> None:
        self._client = client
        self._recorder = recorder
        self._clock = clock

    async def failed(self, pod: PodInfo, reason: str, message: str, nominated: str | None = None) -> None:
        """The pod could not be scheduled: event and condition. nominated: the node it is nominated for now."""
        self._event(pod, WARNING, "FailedScheduling", message)
        body = unscheduled_patch(pod.pod, reason, message, self._clock.now(), nominated)
        if body is not None:
            await self.patch(pod, body)

    def note(self, pod: PodInfo, reason: str, message: str) -> None:
        """A normal event."""
        self._event(pod, NORMAL, reason, message)

    def _event(self, pod: PodInfo, kind: str, reason: str, message: str) -> None:
        """In the name of the pod's profile."""
        self._recorder.event(pod.pod, kind, reason, message, component=pod.pod.spec.scheduler_name or "")

    async def patch(self, pod: PodInfo, body: dict[str, Any]) -> None:
        """Change the status."""
        try:
            await self._client.patch(
                Pod, pod.name, pod.namespace, body=body, content_type=STRATEGIC_MERGE_PATCH, subresource="status"
            )
        except StatusError as error:
            if not is_not_found(error):
                raise
