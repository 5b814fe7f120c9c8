"""Watches the node's memory, disks and process ids, and evicts one pod at a time while they run short.

    every 10 s: look (a few cheap reads) ──▶ nothing crossed: done
        crossed ──▶ node condition ──▶ for long enough? ──▶ disk: delete unused images and look again
                                                        └─▶ evict the first of the ranked pods

Pods are only measured once a threshold is crossed, and those that have a limit on local storage. After an eviction the
next one waits until that pod is gone, so that its memory counts before anybody else has to go (page "Node-pressure
Eviction").
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from pybernetes.api.core import Pod
from pybernetes.base.clock import SYSTEM_CLOCK, Clock
from pybernetes.base.log import logger

from .cri.protocol import RuntimeServiceError
from .eviction import (
    HARD_GRACE_SECONDS,
    TRANSITION_SECONDS,
    Observation,
    Pressures,
    ThresholdWatch,
    eviction_grace_seconds,
    eviction_message,
    rank,
)
from .eviction_storage import is_limited, storage_excess, volume_usage
from .eviction_thresholds import DEFAULT_THRESHOLDS, RESOURCES, Signal, Threshold
from .stats import MachineUsage, NodeStats, PodUsage, read_machine

log = logger(__name__)

PERIOD_SECONDS = 10.0
EVICTED = "Evicted"


class Evict(Protocol):
    """Ends a pod as Failed; whether it was running. `disruption` is the message of its condition DisruptionTarget, ""
    for none: a pod's own excess is no disruption."""

    def __call__(
        self, pod_uid: str, reason: str, message: str, grace_seconds: int, *, disruption: str | None = None
    ) -> bool: ...


class EvictionManager:
    """See the module docstring.

    `set_pressures` publishes the conditions, `reclaim_images` frees disk, `node_event(reason, message)` reports on the
    node, `limited_pods()` tells whether any pod has a limit on local storage, which lies in
    `pods_directory/UID/volumes`.
    """

    def __init__(
        self,
        stats: NodeStats,
        evict: Evict,
        set_pressures: Callable[[frozenset[str]], None],
        *,
        reclaim_images: Callable[[], Awaitable[Any]],
        node_event: Callable[[str, str], None],
        thresholds: Sequence[Threshold] = DEFAULT_THRESHOLDS,
        maximum_grace_seconds: int = 0,
        transition_seconds: float = TRANSITION_SECONDS,
        limited_pods: Callable[[], bool],
        pods_directory: str,
        machine: Callable[[], MachineUsage] = read_machine,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._stats = stats
        self._evict = evict
        self._set_pressures = set_pressures
        self._reclaim_images = reclaim_images
        self._node_event = node_event
        self._thresholds = ThresholdWatch(thresholds)
        self._maximum_grace_seconds = maximum_grace_seconds
        self._limited_pods = limited_pods
        self._pods_directory = pods_directory
        self._machine = machine
        self._clock = clock
        self._pressures = Pressures(transition_seconds)
        self._leaving = ""

    async def serve(self, ready: asyncio.Event) -> None:
        """Keep watch until cancelled."""
        ready.set()
        while True:
            await self._clock.sleep(PERIOD_SECONDS)
            try:
                await self.look()
                await self.look_at_storage()
            except (RuntimeServiceError, OSError) as error:
                log.warning("Node pressure could not be checked", err=error)

    def observe(self) -> dict[Signal, Observation]:
        """What is left of everything that is watched."""
        machine, disk = self._machine(), self._stats.node_file_system()
        return {
            "memory.available": Observation(machine.memory_available_bytes, machine.memory_capacity_bytes),
            "nodefs.available": Observation(disk.available_bytes, disk.capacity_bytes),
            "nodefs.inodesFree": Observation(disk.inodes_free, disk.inodes),
            "imagefs.available": Observation(disk.available_bytes, disk.capacity_bytes),
            "pid.available": Observation(machine.maximum_processes - machine.processes, machine.maximum_processes),
        }

    async def look(self) -> str | None:
        """Check once; the uid of the pod that was evicted, if one was."""
        observations, now = self.observe(), self._clock.now()
        self._set_pressures(self._pressures.update(self._thresholds.update(observations, now), now))
        if not self._thresholds.due:
            self._leaving = ""
            return None
        signal = self._thresholds.due[0].signal
        self._node_event("EvictionThresholdMet", f"Attempting to reclaim {RESOURCES[signal]}")
        if signal in ("nodefs.available", "nodefs.inodesFree", "imagefs.available"):
            await self._reclaim_images()
            observations = self.observe()
            self._thresholds.update(observations, self._clock.now())
            if not self._thresholds.due:
                return None
        snapshot = await self._stats.collect()
        if any(usage.pod.metadata.uid == self._leaving and usage.containers for usage in snapshot.pods):
            return None
        threshold = self._thresholds.due[0]
        observation = observations[threshold.signal]
        for usage in rank(snapshot.pods, threshold.signal):
            uid = usage.pod.metadata.uid or ""
            grace = eviction_grace_seconds(usage.pod, threshold, self._maximum_grace_seconds)
            if self._evict(uid, EVICTED, eviction_message(usage, threshold, observation), grace):
                self._leaving = uid
                log.info("Pod evicted", pod=usage.pod.metadata.name, signal=threshold.signal)
                return uid
        return None

    async def look_at_storage(self) -> list[str]:
        """Evict the pods that exceed a limit of their own on local storage; their uids."""
        if not self._limited_pods():
            return []
        snapshot = await self._stats.collect()
        evicted = []
        for usage in snapshot.pods:
            if not is_limited(usage.pod):
                continue
            volumes = await asyncio.to_thread(volume_usage, usage.pod, self._pods_directory)
            excess = storage_excess(usage.pod, volumes, _layers(usage))
            uid = usage.pod.metadata.uid or ""
            if excess and self._evict(uid, EVICTED, excess, HARD_GRACE_SECONDS, disruption=""):
                log.info("Pod evicted", pod=usage.pod.metadata.name, why=excess)
                evicted.append(uid)
        return evicted


def _layers(usage: PodUsage) -> dict[str, int]:
    """Bytes of the writable layer of each container."""
    return {
        name: stats.writable_layer.used_bytes or 0
        for name, stats in usage.containers.items()
        if stats.writable_layer is not None
    }


def any_limited(pods: Sequence[Pod]) -> bool:
    """Whether any of the pods has a limit on local storage."""
    return any(is_limited(pod) for pod in pods)
