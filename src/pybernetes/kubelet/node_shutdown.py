"""Ending a node's pods before its machine goes (KEP-2000, KEP-2712): the less important first, each with some time.

    told to end ──▶ node NotReady, no new pods ──▶ group by group: end its pods, wait until they are gone, no longer
                                                   than the group's seconds ──▶ statuses written ──▶ the process ends

Groups come from `shutdownGracePeriod` and `shutdownGracePeriodCriticalPods` (two of them), or from
`shutdownGracePeriodByPodPriority`. A pod is given its own grace period, or the group's if that is shorter. Page
"Node Shutdowns".
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from ..api.core import Pod
from ..base.clock import Clock
from ..base.log import logger
from .kernel.resources import SYSTEM_CRITICAL_PRIORITY
from .pod_worker import default_grace_seconds

log = logger(__name__)

REASON = "Terminated"
MESSAGE = "Pod was terminated in response to imminent node shutdown."
NODE_PROBLEM = "node is shutting down"
EVENT_REASON, EVENT_MESSAGE = "NodeShutdown", "Shutdown manager detected shutdown event"


class ShutdownPeriod(msgspec.Struct, frozen=True):
    """Pods of at least this priority, and less than the next one's, have so many seconds to end."""

    priority: int
    seconds: int


class ShutdownGroup(msgspec.Struct, frozen=True):
    """Pods that are ended together, and how long they may take."""

    seconds: int
    pods: tuple[Pod, ...]


def two_periods(total_seconds: float, critical_seconds: float) -> tuple[ShutdownPeriod, ...]:
    """What `shutdownGracePeriod` and the part of it for critical pods come to; nothing without the first."""
    if total_seconds <= 0 or critical_seconds > total_seconds:
        return ()
    return (
        ShutdownPeriod(0, int(total_seconds - critical_seconds)),
        ShutdownPeriod(SYSTEM_CRITICAL_PRIORITY, int(critical_seconds)),
    )


def groups(periods: Sequence[ShutdownPeriod], pods: Sequence[Pod]) -> list[ShutdownGroup]:
    """Groups with pods in them, in the order in which they end. A pod below all priorities is in the lowest group."""
    ordered = sorted(periods, key=lambda period: period.priority)
    members: list[list[Pod]] = [[] for _ in ordered]
    for pod in pods if ordered else ():
        fitting = [i for i, period in enumerate(ordered) if period.priority <= (pod.spec.priority or 0)]
        members[fitting[-1] if fitting else 0].append(pod)
    return [ShutdownGroup(p.seconds, tuple(m)) for p, m in zip(ordered, members, strict=True) if m]


def grace_seconds(pod: Pod, group: ShutdownGroup) -> int:
    """How long one pod has."""
    return min(default_grace_seconds(pod), group.seconds)


class ShutDownNode(Protocol):
    """What the shutdown does to a node's pods (`kubelet.py`)."""

    def active_pods(self) -> list[Pod]:
        """Those that have not ended."""

    def evict(self, pod_uid: str, reason: str, message: str, grace_seconds: int) -> bool:
        """End a pod."""

    async def ended(self, pod_uids: Sequence[str]) -> None:
        """Return once nothing of these pods runs."""


class NodeShutdown:
    """`run` ends all pods of the node, once. `tell` is called when it begins."""

    def __init__(
        self, periods: Sequence[ShutdownPeriod], node: ShutDownNode, tell: Callable[[], None], clock: Clock
    ) -> None:
        self._periods = periods
        self._node = node
        self._tell = tell
        self._clock = clock
        self.under_way = False

    async def run(self) -> None:
        """Nothing without periods; returns when the pods have ended or their time is over."""
        if not self._periods or self.under_way:
            return
        self.under_way = True
        self._tell()
        for group in groups(self._periods, self._node.active_pods()):
            uids = [pod.metadata.uid or "" for pod in group.pods]
            log.info("Ending pods, since the node shuts down", pods=len(uids), seconds=group.seconds)
            for pod, uid in zip(group.pods, uids, strict=True):
                self._node.evict(uid, REASON, MESSAGE, grace_seconds(pod, group))
            await self._wait(uids, group.seconds)

    async def _wait(self, uids: Sequence[str], seconds: float) -> None:
        waiting = asyncio.ensure_future(self._node.ended(uids))
        alarm = asyncio.ensure_future(self._clock.sleep(seconds))
        try:
            await asyncio.wait({waiting, alarm}, return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                log.warning("Pods did not end in time", seconds=seconds)
        finally:
            waiting.cancel()
            alarm.cancel()
