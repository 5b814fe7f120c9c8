"""The pods that wait for a node: who is next, who rests, who waits for something to change.

    add ──▶ PreEnqueue ──▶ gated ···· the pod changes, or an event ···▶ (again)
                 └──▶ active (heap in QueueSort order) ──▶ pop ──▶ one attempt
                          ▲          ▲                               │ no node fits       │ something failed
              back-off over│         │ back-off over already          ▼                    ▼
                       backoff ◀─────┴── an event wakes it ◀── waiting (by plugin)      backoff

A rejected pod waits for an event that one of the plugins that rejected it takes an interest in, five minutes at most.
What happens while a pod is in flight is not lost on it: if it is rejected after that, it does not wait. The back-off is
1 s after the first failure and doubles up to 10 s. When nothing is active, pods are taken from the
back-off too, except those that rest because something failed (SchedulerPopFromBackoffQ).

Everything but `pop` and `serve` is synchronous. A pod is in one place at a time; `ticket` tells heap entries that are
out of date.
"""

import asyncio
from collections.abc import Iterable, Mapping
from enum import Enum
from heapq import heappop, heappush
from typing import Any

from pybernetes.base.clock import Clock
from pybernetes.scheduler.events import label
from pybernetes.scheduler.framework import Action, AnyEvent, ClusterEvent, EnqueueExtensions, Profile
from pybernetes.scheduler.journal import Journal
from pybernetes.scheduler.pod_info import PodInfo

_FLUSH_EVERY_SECONDS = 30.0
REJECTOR = "Extender"
"""Stands for every extender among the plugins that rejected a pod."""
_EXTENDER = AnyEvent(REJECTOR)
_NONE = Action(0)
_REMEMBERED_EVENTS = 2048
_UNKNOWN = -1
_FAILED = "ScheduleAttemptFailure"


class Place(Enum):
    """Where a pod of the queue is."""

    ACTIVE = "active"
    BACKOFF = "backoff"
    WAITING = "waiting"
    GATED = "gated"
    IN_FLIGHT = "in flight"


class QueuedPod:
    """A pod with its history in the queue. Instants are `Clock.monotonic` seconds."""

    __slots__ = (
        "attempts",
        "backoff_until",
        "failures",
        "first_at",
        "place",
        "plugins",
        "pod",
        "popped_at",
        "queued_at",
        "seen",
        "ticket",
    )

    def __init__(self, pod: PodInfo, now: float) -> None:
        self.pod = pod
        self.place = Place.GATED
        self.ticket = 0
        self.attempts = 0
        self.failures = 0
        self.queued_at = self.first_at = self.popped_at = now
        self.backoff_until = 0.0
        self.plugins: frozenset[str] = frozenset()
        self.seen = 0
        """Which events the attempt under way knows of."""


class SchedulingQueue:
    """See the module docstring."""

    def __init__(
        self,
        profiles: Mapping[str, Profile],
        clock: Clock,
        *,
        initial_backoff_seconds: float = 1.0,
        max_backoff_seconds: float = 10.0,
        max_waiting_seconds: float = 300.0,
    ) -> None:
        self._profiles = profiles
        self._any_profile = next(iter(profiles.values()))
        self._clock = clock
        self._initial_backoff = initial_backoff_seconds
        self._max_backoff = max_backoff_seconds
        self._max_waiting = max_waiting_seconds
        self._pods: dict[str, QueuedPod] = {}
        self._active: list[tuple[tuple[Any, ...], int, QueuedPod]] = []
        self._backoff: list[tuple[float, int, QueuedPod]] = []
        self._waiting: dict[tuple[str, str], dict[str, QueuedPod]] = {}
        self._ticket = 0
        self._filled = asyncio.Event()
        self._backoff_added = asyncio.Event()
        self.incoming: dict[tuple[str, str], float] = {}
        """How many pods came to (a queue, by an event), in upstream's words."""
        self._events: Journal[ClusterEvent] = Journal(_REMEMBERED_EVENTS)
        self._in_flight: set[str] = set()
        """Pods that are being tried: for them, and only as long, events are remembered, with the objects in them."""
        self._interested: dict[tuple[str, int], list[tuple[tuple[str, str], EnqueueExtensions]]] = {}

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, uid: str) -> bool:
        return uid in self._pods

    def counts(self) -> dict[str, int]:
        """How many pods are in each place, by the place's name."""
        found = {place.value: 0 for place in Place}
        for queued in self._pods.values():
            found[queued.place.value] += 1
        return found

    def waiting(self) -> dict[tuple[str, str], int]:
        """How many pods wait, by (profile, plugin that rejected them)."""
        return {key: len(group) for key, group in self._waiting.items()}

    # in

    def add(self, pod: PodInfo) -> None:
        """A pod without a node appeared."""
        if pod.uid in self._pods:
            self.update(pod)
            return
        queued = self._pods[pod.uid] = QueuedPod(pod, self._clock.monotonic())
        self._enter(queued, "PodAdd")

    def update(self, pod: PodInfo) -> None:
        """A pod without a node changed. A change of more than its status is a reason to try again."""
        queued = self._pods.get(pod.uid)
        if queued is None:
            self.add(pod)
            return
        before, queued.pod = queued.pod, pod
        if queued.place in (Place.WAITING, Place.GATED) and _differs(before, pod):
            self._enter(queued, "UnschedulablePodUpdate")
        elif queued.place is Place.IN_FLIGHT and _differs(before, pod):
            queued.seen = _UNKNOWN

    def remove(self, uid: str) -> None:
        """The pod is gone, or has a node."""
        queued = self._pods.pop(uid, None)
        if queued is not None:
            self._leave(queued)

    def _enter(self, queued: QueuedPod, event: str) -> None:
        """Into the active queue, unless a gate or the back-off is in the way. event: why."""
        for plugin in self._profile_of(queued).pre_enqueue:
            gate = plugin.pre_enqueue(queued.pod)
            if gate is not None:
                self._leave(queued)
                self._wait(queued, Place.GATED, frozenset((gate.plugin,)))
                return
        if queued.backoff_until > self._clock.monotonic():
            self._rest(queued, event)
        else:
            self._activate(queued, event)

    def _count(self, queue: str, event: str) -> None:
        self.incoming[queue, event] = self.incoming.get((queue, event), 0) + 1

    def _profile_of(self, queued: QueuedPod) -> Profile:
        return self._profiles.get(queued.pod.pod.spec.scheduler_name or "", self._any_profile)

    def _leave(self, queued: QueuedPod) -> None:
        """Out of where it is; heap entries stay and are recognised by their ticket."""
        if queued.place in (Place.WAITING, Place.GATED):
            name = self._profile_of(queued).scheduler_name
            for plugin in queued.plugins:
                group = self._waiting[name, plugin]
                del group[queued.pod.uid]
                if not group:
                    del self._waiting[name, plugin]
        elif queued.place is Place.IN_FLIGHT:
            self._in_flight.discard(queued.pod.uid)
            if not self._in_flight:
                self._events.forget()
        self._ticket += 1
        queued.ticket = self._ticket

    def _wait(self, queued: QueuedPod, place: Place, plugins: frozenset[str]) -> None:
        """Keep a pod until something helps that interests one of these plugins."""
        queued.place, queued.plugins = place, plugins
        name = self._profile_of(queued).scheduler_name
        for plugin in plugins:
            self._waiting.setdefault((name, plugin), {})[queued.pod.uid] = queued

    def _move(self, queued: QueuedPod, place: Place) -> None:
        self._leave(queued)
        queued.place = place

    def _activate(self, queued: QueuedPod, event: str) -> None:
        self._count("active", event)
        self._move(queued, Place.ACTIVE)
        key = self._any_profile.queue_sort.sort_key(queued.pod, queued.queued_at)
        heappush(self._active, (key, queued.ticket, queued))
        self._filled.set()

    def _rest(self, queued: QueuedPod, event: str) -> None:
        self._count("backoff", event)
        self._move(queued, Place.BACKOFF)
        heappush(self._backoff, (queued.backoff_until, queued.ticket, queued))
        self._backoff_added.set()
        if queued.plugins:
            self._filled.set()

    # out

    async def pop(self) -> QueuedPod:
        """The next pod to try; waits for one."""
        while True:
            queued = self._next()
            if queued is not None:
                self._move(queued, Place.IN_FLIGHT)
                queued.attempts += 1
                queued.seen = self._events.position
                self._in_flight.add(queued.pod.uid)
                return queued
            self._filled.clear()
            await self._filled.wait()

    def _next(self) -> QueuedPod | None:
        while self._active:
            _, ticket, queued = heappop(self._active)
            if queued.ticket == ticket:
                return queued
        failed: list[tuple[float, int, QueuedPod]] = []
        found = None
        while self._backoff and found is None:
            entry = heappop(self._backoff)
            if entry[2].ticket == entry[1]:
                if entry[2].plugins:
                    found = entry[2]
                else:
                    failed.append(entry)
        for entry in failed:
            heappush(self._backoff, entry)
        return found

    def done(self, uid: str) -> None:
        """The attempt succeeded: the pod leaves."""
        self.remove(uid)

    # back

    def rejected(self, queued: QueuedPod, plugins: frozenset[str]) -> None:
        """No node fits because of these plugins: wait for an event that interests one of them."""
        if not self._back(queued):
            return
        missed = self._events.since(queued.seen)
        self._leave(queued)
        queued.plugins = plugins
        if missed is None or any(self._helps(queued, event) for event in missed):
            self._enter(queued, _FAILED)
            return
        self._count("unschedulable", _FAILED)
        self._wait(queued, Place.WAITING, plugins)

    def failed(self, queued: QueuedPod) -> None:
        """Something went wrong that has nothing to do with the pod: try again after the back-off."""
        if self._back(queued):
            queued.plugins = frozenset()
            self._rest(queued, _FAILED)

    def _back(self, queued: QueuedPod) -> bool:
        """Count the failure; False when the pod left the queue meanwhile."""
        if self._pods.get(queued.pod.uid) is not queued:
            return False
        now = self._clock.monotonic()
        queued.failures += 1
        queued.queued_at = now
        backoff = min(self._initial_backoff * 2 ** min(queued.failures - 1, 30), self._max_backoff)
        queued.backoff_until = now + backoff
        return True

    # waking

    def on_event(self, event: ClusterEvent) -> None:
        """Wake the waiting pods that the change may help."""
        if self._in_flight:
            self._events.append(event)
        if not self._waiting:
            return
        woken: dict[str, QueuedPod] = {}
        for key, plugin in self._plugins_for(event):
            group = self._waiting.get(key)
            for uid, queued in group.items() if group else ():
                if uid not in woken and plugin.wakes(queued.pod, event):
                    woken[uid] = queued
        if woken:
            self._wake(woken.values(), label(event))

    def _helps(self, queued: QueuedPod, event: ClusterEvent) -> bool:
        """Whether a pod that these plugins rejected may fit after the event; its own leaving does not count."""
        if getattr(event.old, "uid", None) == queued.pod.uid:
            return False
        name = self._profile_of(queued).scheduler_name
        return any(
            key[0] == name and key[1] in queued.plugins and plugin.wakes(queued.pod, event)
            for key, plugin in self._plugins_for(event)
        )

    def wake(self, uid: str) -> None:
        """Try a waiting pod again, whatever it waits for."""
        queued = self._pods.get(uid)
        if queued is not None and queued.place is Place.WAITING:
            self._enter(queued, "ForceActivate")

    def _plugins_for(self, event: ClusterEvent) -> list[tuple[tuple[str, str], EnqueueExtensions]]:
        """The plugins that take an interest, with their keys in `_waiting`."""
        key = (event.kind, event.action._value_)  # an enumeration's own hash is a slow one
        found = self._interested.get(key)
        if found is None:
            found = self._interested[key] = [
                ((profile.scheduler_name, plugin.name), plugin)
                for profile in self._profiles.values()
                for plugin in (*profile.interests, _EXTENDER)
                if plugin.interests.get(event.kind, plugin.interests.get("*", _NONE)) & event.action
            ]
        return found

    def _wake(self, pods: Iterable[QueuedPod], event: str) -> None:
        for queued in list(pods):
            self._enter(queued, event)

    # time

    async def serve(self, ready: asyncio.Event) -> None:
        """End back-offs and over-long waits, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._end_backoffs(), name="scheduler back-off")
            group.create_task(self._end_waits(), name="scheduler flush")
            ready.set()

    async def _end_backoffs(self) -> None:
        while True:
            self._backoff_added.clear()
            now = self._clock.monotonic()
            while self._backoff and (self._backoff[0][0] <= now or self._is_stale(self._backoff[0])):
                entry = heappop(self._backoff)
                if not self._is_stale(entry):
                    self._activate(entry[2], "BackoffComplete")
            if not self._backoff:
                await self._backoff_added.wait()
                continue
            pause = asyncio.ensure_future(self._clock.sleep(self._backoff[0][0] - now))
            added = asyncio.ensure_future(self._backoff_added.wait())
            try:
                await asyncio.wait([pause, added], return_when=asyncio.FIRST_COMPLETED)
            finally:
                pause.cancel()
                added.cancel()

    @staticmethod
    def _is_stale(entry: tuple[float, int, QueuedPod]) -> bool:
        return entry[2].ticket != entry[1]

    async def _end_waits(self) -> None:
        while True:
            await self._clock.sleep(_FLUSH_EVERY_SECONDS)
            oldest = self._clock.monotonic() - self._max_waiting
            waiting = {uid: queued for group in self._waiting.values() for uid, queued in group.items()}
            late = (one for one in waiting.values() if one.place is Place.WAITING and one.queued_at <= oldest)
            self._wake(late, "UnschedulableTimeout")


def _differs(old: PodInfo, new: PodInfo) -> bool:
    """Whether anything changed that decides where it fits; of its status only the claims made for it count."""
    before, after = old.pod.metadata, new.pod.metadata
    return (
        old.pod.spec != new.pod.spec
        or old.pod.status.resource_claim_statuses != new.pod.status.resource_claim_statuses
        or before.labels != after.labels
        or before.annotations != after.annotations
        or before.deletion_timestamp != after.deletion_timestamp
    )
