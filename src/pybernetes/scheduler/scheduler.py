"""The scheduler: watches pods and nodes, decides pod by pod, binds.

    informers ──▶ snapshot (pods with a node, nodes) ◀── assume ──┐
        │                                                         │
        └──▶ queue (pods without) ──▶ one decision at a time ─────┼──▶ its own task: permit, bind
               ▲       ▲                      │ no node           │         │ failed
               │       └── event wakes ── wait, condition, event ◀┘         │
               └────────────────────────── back-off ◀───────────────────────┘

Decisions are synchronous and one after the other, so each sees what the one before assumed. Everything that needs the
API server (bindings, conditions, preemptions) runs in tasks of its own, at most `parallel_bindings` at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from pybernetes.api.core import Namespace, Node, PersistentVolume, PersistentVolumeClaim, Pod
from pybernetes.api.dynamic_resource import DeviceClass, ResourceClaim, ResourceSlice
from pybernetes.api.policy import PodDisruptionBudget
from pybernetes.api.status import StatusError
from pybernetes.api.storage import CSIDriver, CSINode, CSIStorageCapacity, StorageClass, VolumeAttachment
from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.log import logger
from pybernetes.base.tasks import running
from pybernetes.client.client import Client
from pybernetes.client.events import EventRecorder
from pybernetes.client.informer import Informer
from pybernetes.client.informers import Informers
from pybernetes.scheduler import preemption
from pybernetes.scheduler.binding import Binding
from pybernetes.scheduler.config import SchedulerConfig
from pybernetes.scheduler.cycle import Decision
from pybernetes.scheduler.cycle_choice import CycleChoice
from pybernetes.scheduler.diagnosis import Diagnosis
from pybernetes.scheduler.extended_resources import Backing
from pybernetes.scheduler.extenders import Extender, Extenders
from pybernetes.scheduler.framework import CycleState, Profile, Release, Verdict
from pybernetes.scheduler.intake import Intake
from pybernetes.scheduler.making_room import MakingRoom
from pybernetes.scheduler.metrics import ERROR, SchedulerMetrics
from pybernetes.scheduler.metrics import UNSCHEDULABLE as REJECTED
from pybernetes.scheduler.nominations import Nominations
from pybernetes.scheduler.ownership import Owners
from pybernetes.scheduler.permit import Permits
from pybernetes.scheduler.plugins.default_preemption import DefaultPreemption
from pybernetes.scheduler.pod_info import PodInfo
from pybernetes.scheduler.profile import Handle, build_profile
from pybernetes.scheduler.queue import QueuedPod, SchedulingQueue
from pybernetes.scheduler.reports import Reports
from pybernetes.scheduler.reservation import Reservations
from pybernetes.scheduler.snapshot import Snapshot
from pybernetes.scheduler.status import SCHEDULER_ERROR, UNSCHEDULABLE

log = logger(__name__)

_WAKING: tuple[type[Any], ...] = (
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    CSINode,
    CSIDriver,
    CSIStorageCapacity,
    VolumeAttachment,
    ResourceClaim,
    ResourceSlice,
    DeviceClass,
)
"""The kinds of which a change may end a pod's waiting."""
_EVENT_WRITERS = 4
_EVENT_QUEUE = 100_000
"""Every pod has its Scheduled event, however many are bound at once."""


class Scheduler:
    """See the module docstring. `serve` may be called once; a new leader makes a new Scheduler."""

    def __init__(
        self,
        client: Client,
        informers: Informers,
        config: SchedulerConfig | None = None,
        *,
        clock: Clock = SYSTEM_CLOCK,
        recorder: EventRecorder | None = None,
        random: Random | None = None,
    ) -> None:
        """informers are served by the caller. recorder None: one of its own."""
        self._client = client
        self._config = config or SchedulerConfig()
        self._clock = clock
        self._own_recorder = recorder is None
        profiles = self._config.all_profiles
        self._recorder = recorder or EventRecorder(
            client, profiles[0].scheduler_name, clock=clock, writers=_EVENT_WRITERS, queue_size=_EVENT_QUEUE
        )
        self._random = random or Random()
        self._pods = informers.of(Pod)
        self._nodes = informers.of(Node)
        self._namespaces = informers.of(Namespace)
        self._storage: dict[str, Informer[Any]] = {kind.KIND: informers.of(kind) for kind in _WAKING}
        self._informers = informers
        self._owners = Owners(informers)
        self._reports = Reports(client, self._recorder, clock)
        self.snapshot = Snapshot()
        self.nominations = Nominations()
        self.permits = Permits()
        handle = Handle(
            permits=self.permits,
            client=client,
            informers=informers,
            snapshot=self.snapshot,
            owner_selectors=self._owners.selectors,
            namespace_labels=self._namespace_labels,
            namespaces=lambda: [namespace.metadata.name or "" for namespace in self._namespaces.list()],
            backing=Backing(informers.of(DeviceClass)),
            clock=clock,
            note=self._reports.note,
            extended_elsewhere=frozenset(
                resource.name
                for extender in self._config.extenders
                for resource in extender.managed_resources
                if resource.ignored_by_scheduler
            ),
        )
        self.profiles = {profile.scheduler_name: build_profile(profile, handle) for profile in profiles}
        self.queue = SchedulingQueue(
            self.profiles,
            clock,
            initial_backoff_seconds=self._config.initial_backoff_seconds,
            max_backoff_seconds=self._config.max_backoff_seconds,
            max_waiting_seconds=self._config.max_waiting_seconds,
        )
        self._cycles = {
            profile.scheduler_name: CycleChoice(
                self.profiles[profile.scheduler_name],
                self.snapshot,
                self.nominations,
                random=self._random,
                percentage_of_nodes_to_score=(
                    self._config.percentage_of_nodes_to_score
                    if profile.percentage_of_nodes_to_score is None
                    else profile.percentage_of_nodes_to_score
                ),
                arrays_from_nodes=self._config.arrays_from_nodes,
            )
            for profile in profiles
        }
        self.intake = Intake(self.profiles, self.snapshot, self.queue, self.nominations, self.permits)
        self.extenders = Extenders([Extender(one) for one in self._config.extenders])
        self.metrics = SchedulerMetrics(self.queue, self.snapshot)
        self._slots = asyncio.Semaphore(self._config.parallel_bindings)
        self.reservations = Reservations(self.snapshot, self.permits, self.profile_of)
        self.binding = Binding(
            client,
            clock,
            reservations=self.reservations,
            permits=self.permits,
            queue=self.queue,
            nominations=self.nominations,
            extenders=self.extenders,
            reports=self._reports,
            metrics=self.metrics,
            slots=self._slots,
            profile_of=self.profile_of,
            retry_seconds=self._config.initial_backoff_seconds,
        )
        self.room = MakingRoom(
            client,
            clock,
            self._reports,
            self.snapshot,
            self.nominations,
            informers.of(PodDisruptionBudget),
            self._random,
            self.cycle_of,
            self.profile_of,
            self.binding.interrupt,
        )
        self._tasks: asyncio.TaskGroup | None = None

    def profile_of(self, pod: PodInfo) -> Profile:
        """The profile that decides about a pod."""
        return self.profiles[pod.pod.spec.scheduler_name or ""]

    def cycle_of(self, pod: PodInfo) -> CycleChoice:
        """What makes the decisions about a pod."""
        return self._cycles[pod.pod.spec.scheduler_name or ""]

    # life

    async def serve(self, ready: asyncio.Event) -> None:
        """Schedule until cancelled; ready once the informers have their first lists."""
        if self._own_recorder:
            async with running("scheduler events", self._recorder.serve):
                await self._serve(ready)
        else:
            await self._serve(ready)

    async def _serve(self, ready: asyncio.Event) -> None:
        await self._informers.synced()
        watched: list[tuple[Informer[Any], Callable[[Any, Any], None]]] = [
            (self._nodes, self.intake.node_changed),
            (self._namespaces, self._namespace_changed),
            (self._pods, self.intake.pod_changed),
            *((informer, self.intake.storage_handler(kind)) for kind, informer in self._storage.items()),
        ]
        for informer, handler in watched:
            informer.add_handler(handler)
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self.queue.serve(asyncio.Event()), name="scheduling queue")
                ready.set()
                while True:
                    await self._slots.acquire()
                    try:
                        queued = await self.queue.pop()
                    except BaseException:
                        self._slots.release()
                        raise
                    if self.extenders.interested(queued.pod):
                        await self._schedule_with_extenders(queued)
                    else:
                        self._schedule(queued)
                    await asyncio.sleep(0)
        finally:
            for informer, handler in watched:
                informer.remove_handler(handler)
            self._owners.close()

    def _namespace_changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is None or new is None or old.metadata.labels != new.metadata.labels:
            self.snapshot.namespaces_version += 1

    def _namespace_labels(self, name: str) -> dict[str, str]:
        namespace = self._namespaces.get(name)
        return (namespace.metadata.labels if namespace is not None else None) or {}

    # deciding

    def _schedule(self, queued: QueuedPod) -> None:
        """One attempt for one pod. Holds a slot, which the task that follows lets go of."""
        queued.popped_at = self._clock.monotonic()
        try:
            decision = self.cycle_of(queued.pod).decide(queued.pod)
        except Exception as error:
            log.exception("Scheduling attempt failed", pod=queued.pod.key)
            self._give_up(queued, f"running the scheduling cycle: {error}")
            return
        self._carry_out(queued, decision)

    async def _schedule_with_extenders(self, queued: QueuedPod) -> None:
        """The same, with services to be asked; nobody else is scheduled meanwhile."""
        queued.popped_at = self._clock.monotonic()
        agreed: preemption.Plan | str | None = None
        try:
            decision = await self.extenders.decide(self.cycle_of(queued.pod).plain, queued.pod)
            if not decision.node_name and self.extenders.preempting(queued.pod):
                agreed = await self.room.agreed(queued.pod, decision.diagnosis, self.extenders)
        except Exception as error:
            log.warning("Scheduling attempt failed", pod=queued.pod.key, err=error)
            self._give_up(queued, f"running the scheduling cycle: {error}")
            return
        if queued.pod.uid in self.queue:
            self._carry_out(queued, decision, agreed)
        else:
            self._slots.release()

    def _ended(self, result: str, queued: QueuedPod) -> None:
        """An attempt ended: count it."""
        profile = queued.pod.pod.spec.scheduler_name or ""
        self.metrics.attempt(result, profile, self._clock.monotonic() - queued.popped_at)

    def _carry_out(self, queued: QueuedPod, decision: Decision, agreed: preemption.Plan | str | None = None) -> None:
        """agreed: what came of preemption with the extenders that have a say in it."""
        pod = queued.pod
        self.metrics.decided(self._clock.monotonic() - queued.popped_at)
        try:
            if not decision.node_name:
                self._no_node(queued, decision, agreed)
                return
            refusal = self.reservations.take(decision.state, pod, decision.node_name)
        except Exception as error:
            log.exception("Scheduling attempt failed", pod=pod.key)
            self._give_up(queued, f"running the scheduling cycle: {error}")
            return
        if refusal is not None:
            self._put_back(queued, refusal)
            return
        self._start("bind", pod, self.binding.bind(queued, decision.state, decision.node_name))

    def _start(self, what: str, pod: PodInfo, work: Awaitable[None]) -> None:
        """Run work in a task of its own, which gives the slot back."""

        async def run() -> None:
            try:
                await work
            except (StatusError, OSError) as error:
                log.warning("Call failed", step=what, pod=pod.key, err=error)
            except Exception:
                log.exception("Step failed", step=what, pod=pod.key)
            finally:
                self._slots.release()

        assert self._tasks is not None
        self._tasks.create_task(run(), name=f"{what} {pod.key}")

    # not scheduling

    def _no_node(self, queued: QueuedPod, decision: Decision, agreed: preemption.Plan | str | None = None) -> None:
        """No node fits: see whether preemption helps, wait, and say why."""
        self._ended(REJECTED, queued)
        pod, diagnosis = queued.pod, decision.diagnosis
        outcome: preemption.Plan | str = ""
        if diagnosis.total:
            outcome = self._post_filter(decision.state, pod, diagnosis, agreed)
        plugins = diagnosis.plugins or frozenset(plugin.name for plugin in self.profile_of(pod).interests)
        self.queue.rejected(queued, plugins)
        if isinstance(outcome, preemption.Plan):
            self.metrics.preempts(len(outcome.victims))
            self.nominations.set(pod, outcome.node_name)
            message = diagnosis.message()
            self._start("preempt", pod, self._preempt(decision.state, pod, outcome, message))
        else:
            message = diagnosis.message(outcome)
            nominated = None if self.room.is_being_made(pod, diagnosis) else self._withdraw(pod)
            self._start("report", pod, self._report(decision.state, pod, message, nominated))

    def _withdraw(self, pod: PodInfo) -> str:
        """The pod is nominated for no node any more; what its status says of that."""
        self.nominations.remove(pod.uid)
        return ""

    async def _report(self, state: CycleState, pod: PodInfo, message: str, nominated: str | None) -> None:
        """Tell why no node fits, and let the plugins give back what stands in the way."""
        await self._reports.failed(pod, UNSCHEDULABLE, message, nominated)
        await self._release(state, pod)

    async def _release(self, state: CycleState, pod: PodInfo) -> None:
        for plugin in self.profile_of(pod).post_filter:
            if isinstance(plugin, Release):
                await plugin.release(state, pod)

    def _post_filter(
        self, state: CycleState, pod: PodInfo, diagnosis: Diagnosis, agreed: preemption.Plan | str | None
    ) -> preemption.Plan | str:
        """What the PostFilter plugins make of it, in their order: a plan, or words for the pod's owner."""
        said: list[str] = []
        for plugin in self.profile_of(pod).post_filter:
            if isinstance(plugin, DefaultPreemption):
                outcome = agreed if agreed is not None else self.room.plan(pod, diagnosis)
                if not isinstance(outcome, str):
                    return outcome
                said.append(outcome)
                continue
            if isinstance(plugin, Release) and not diagnosis.pre_filter:
                said.append(plugin.told(state, pod))
            node_name = plugin.post_filter(state, pod, diagnosis)
            if node_name:
                return preemption.Plan(node_name, (), 0)
        return ", ".join(said)

    async def _preempt(self, state: CycleState, pod: PodInfo, plan: preemption.Plan, message: str) -> None:
        """Nominate the pod, remove the victims; their deletions wake the pod. If that fails the pod starts over."""
        try:
            await self._reports.failed(pod, UNSCHEDULABLE, message, plan.node_name)
            await self.room.remove_victims(pod, plan)
            await self._release(state, pod)
        except Exception:
            self.nominations.remove(pod.uid)
            self.queue.wake(pod.uid)
            raise

    def _put_back(self, queued: QueuedPod, refusal: Verdict) -> None:
        """A reservation was refused."""
        self.queue.rejected(queued, frozenset((refusal.plugin,)))
        message = ", ".join(refusal.reasons)
        nominated = self._withdraw(queued.pod)
        self._start("report", queued.pod, self._reports.failed(queued.pod, UNSCHEDULABLE, message, nominated))

    def _give_up(self, queued: QueuedPod, message: str) -> None:
        """The attempt itself failed."""
        self._ended(ERROR, queued)
        self.snapshot.forget(queued.pod.uid)
        self.queue.failed(queued)
        nominated = self._withdraw(queued.pod)
        self._start("report", queued.pod, self._reports.failed(queued.pod, SCHEDULER_ERROR, message, nominated))
