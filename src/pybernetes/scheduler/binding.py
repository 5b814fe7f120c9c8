"""From a reserved node to a bound pod: each pod in a task of its own.

    wait for Permit ──▶ PreBind ──▶ Bind (extender or plugins) ──▶ PostBind, event
           └──────────────┴───────────┴─ failed ──▶ Unreserve ──▶ back to the queue, with a condition that says why

A pod whose binding takes time (it is held, or a PreBind plugin has work to do) names its node in its status meanwhile.
A binding whose answer was lost may have been carried out: the pod keeps its room until the API server has told which.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from msgspec.structs import replace

from pybernetes.api.core import Pod
from pybernetes.api.status import StatusError, is_not_found
from pybernetes.base.clock import Clock
from pybernetes.base.log import logger
from pybernetes.client.client import Client
from pybernetes.scheduler.extenders import Extenders
from pybernetes.scheduler.framework import Action, ClusterEvent, Code, CycleState, PreBind, Profile, Verdict
from pybernetes.scheduler.metrics import ERROR, SCHEDULED, SchedulerMetrics
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.permit import Permits
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.queue import QueuedPod, SchedulingQueue
from pybernetes.scheduler.reports import Reports
from pybernetes.scheduler.reservation import Reservations
from pybernetes.scheduler.status import SCHEDULER_ERROR, UNSCHEDULABLE

log = logger(__name__)


class _Rejected(Exception):
    """A plugin said no after the decision."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(", ".join(verdict.reasons))
        self.verdict = verdict


class _Preempted(Exception):
    """The room is needed for a more important pod."""


class Binding:
    """See the module docstring."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        *,
        reservations: Reservations,
        permits: Permits,
        queue: SchedulingQueue,
        nominations: Nominations,
        extenders: Extenders,
        reports: Reports,
        metrics: SchedulerMetrics,
        slots: asyncio.Semaphore,
        profile_of: Callable[[PodInfo], Profile],
        retry_seconds: float,
    ) -> None:
        """slots: how many may be under way; the caller holds one. retry_seconds: between questions what became of a
        binding."""
        self._client = client
        self._clock = clock
        self._reservations = reservations
        self._permits = permits
        self._queue = queue
        self._nominations = nominations
        self._extenders = extenders
        self._reports = reports
        self._metrics = metrics
        self._slots = slots
        self._profile_of = profile_of
        self._retry_seconds = retry_seconds
        self._preparing: dict[str, asyncio.Task[Any]] = {}
        """What is under way in a PreBind plugin, by the pod's uid."""

    async def bind(self, queued: QueuedPod, state: CycleState, node_name: str) -> None:
        """PreBind, Bind, PostBind; or undo everything and put the pod back."""
        pod = queued.pod
        doing = "binding rejected"
        try:
            steps = self._at_work(state, pod, node_name)
            if steps or self._permits.is_held(pod.uid):
                queued.pod = await self._nominated(pod, node_name)
            refusal = await self._wait_for_permission(pod)
            if refusal is not None:
                raise _Rejected(refusal)
            with self._timed("PreBind", pod):
                for step in steps:
                    doing = f'running PreBind plugin "{step.name}"'
                    verdict = await self._prepare(step, state, pod, node_name)
                    if verdict is not None:
                        raise _Rejected(verdict)
            doing = "binding rejected"
            with self._timed("Bind", pod):
                try:
                    await self._bind_somehow(state, pod, node_name)
                except (StatusError, OSError) as error:
                    if not (_is_uncertain(error) and await self._is_bound(pod, node_name)):
                        raise
        except asyncio.CancelledError:
            raise
        except Exception as error:
            self._reservations.give_back(state, pod, node_name)
            self._queue.on_event(ClusterEvent("Pod", Action.DELETE, pod))
            if isinstance(error, StatusError) and is_not_found(error):
                self._queue.remove(pod.uid)
                return
            await self._failed(queued, error, doing)
            return
        self._succeeded(queued)
        for post in self._profile_of(pod).post_bind:
            post.post_bind(state, pod, node_name)
        self._reports.note(pod, "Scheduled", f"Successfully assigned {pod.key} to {node_name}")
        log.debug("Pod bound", pod=pod.key, node=node_name)

    async def _prepare(self, step: PreBind, state: CycleState, pod: PodInfo, node_name: str) -> Verdict | None:
        """One PreBind plugin's work, which `interrupt` ends."""
        task = asyncio.current_task()
        assert task is not None
        self._preparing[pod.uid] = task
        try:
            return await step.pre_bind(state, pod, node_name)
        except asyncio.CancelledError:
            if pod.uid in self._preparing or task.uncancel():
                raise  # the scheduler ends
            raise _Preempted("preempted") from None
        finally:
            self._preparing.pop(pod.uid, None)

    def interrupt(self, uid: str, plugin: str) -> bool:
        """A plugin needs the room of a pod that is not bound yet: it goes back to the queue. False when it is bound, or
        about to be."""
        if self._permits.is_held(uid):
            self._permits.reject(uid, plugin, "preempted")
            return True
        task = self._preparing.pop(uid, None)
        return task is not None and task.cancel()

    def _succeeded(self, queued: QueuedPod) -> None:
        now, pod = self._clock.monotonic(), queued.pod
        self._metrics.attempt(SCHEDULED, pod.pod.spec.scheduler_name or "", now - queued.popped_at)
        self._metrics.bound(queued.attempts, now - queued.first_at)
        self._queue.done(pod.uid)
        self._nominations.remove(pod.uid)

    def _at_work(self, state: CycleState, pod: PodInfo, node_name: str) -> list[PreBind]:
        """The PreBind plugins that have something to do for the pod."""
        found: list[PreBind] = []
        for step in self._profile_of(pod).pre_bind:
            asked = getattr(step, "pre_bind_pre_flight", None)  # see framework.PreBindPreFlight
            verdict: Verdict | None = asked(state, pod, node_name) if asked is not None else None
            if verdict is None:
                found.append(step)
            elif verdict.code is not Code.SKIP:
                raise _Rejected(verdict)
        return found

    async def _nominated(self, pod: PodInfo, node_name: str) -> PodInfo:
        """Tell others (such as autoscalers) where the pod is about to go; the pod as it is then."""
        status = pod.pod.status
        if status.nominated_node_name == node_name:
            return pod
        try:
            await self._reports.patch(pod, {"status": {"nominatedNodeName": node_name}})
        except (StatusError, OSError) as error:
            log.warning("Node of a pod that is being bound not written", pod=pod.key, err=error)
            return pod
        return pod.renewed(replace(pod.pod, status=replace(status, nominated_node_name=node_name)))

    async def _failed(self, queued: QueuedPod, error: Exception, doing: str) -> None:
        pod = queued.pod
        self._nominations.remove(pod.uid)
        if isinstance(error, _Rejected):
            message = str(error)
            self._queue.rejected(queued, frozenset((error.verdict.plugin,)))
            await self._reports.failed(pod, UNSCHEDULABLE, message, "")
            return
        self._metrics.attempt(ERROR, pod.pod.spec.scheduler_name or "", self._clock.monotonic() - queued.popped_at)
        message = f"{doing}: {error}"
        log.warning("Binding failed", pod=pod.key, err=error)
        self._queue.failed(queued)
        await self._reports.failed(pod, SCHEDULER_ERROR, message, "")

    @contextmanager
    def _timed(self, point: str, pod: PodInfo) -> Iterator[None]:
        """Measure an extension point."""
        began, ok = self._clock.monotonic(), False
        try:
            yield
            ok = True
        finally:
            self._metrics.ran(point, ok, pod.pod.spec.scheduler_name or "", self._clock.monotonic() - began)

    async def _wait_for_permission(self, pod: PodInfo) -> Verdict | None:
        """What came of waiting. Meanwhile the slot is free: pods may wait for others to be scheduled."""
        if not self._permits.is_held(pod.uid):
            return None
        began, refusal = self._clock.monotonic(), None
        self._slots.release()
        try:
            refusal = await self._permits.wait(pod.uid)
            return refusal
        finally:
            self._metrics.permitted(refusal is None, self._clock.monotonic() - began)
            await self._slots.acquire()

    async def _bind_somehow(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        """By the extender that binds such pods, else by the first plugin that does."""
        extender = self._extenders.binder(pod)
        if extender is not None:
            await extender.bind(pod, node_name)
            return
        for binder in self._profile_of(pod).bind:
            verdict = await binder.bind(state, pod, node_name)
            if verdict is None:
                return
            if verdict.code is not Code.SKIP:
                raise _Rejected(verdict)

    async def _is_bound(self, pod: PodInfo, node_name: str) -> bool:
        """Ask until there is an answer; until then the pod keeps its room, so that nobody else gets it too."""
        while True:
            try:
                found = await self._client.get(Pod, pod.name, pod.namespace)
            except (StatusError, OSError) as error:
                if not _is_uncertain(error):
                    raise
                await self._clock.sleep(self._retry_seconds)
                continue
            return found.metadata.uid == pod.pod.metadata.uid and found.spec.node_name == node_name


def _is_uncertain(error: StatusError | OSError) -> bool:
    """Whether a call may have been carried out although it failed: the connection broke, or the server did."""
    return not isinstance(error, StatusError) or error.code >= 500
